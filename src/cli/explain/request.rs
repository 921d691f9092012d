//! The request to explain, from the words of the command line.

use super::Arguments;
use crate::check::{CheckInput, Headers};
use crate::cli::terminal::read_token;

pub(super) fn input(arguments: &Arguments, url: &str) -> Result<CheckInput, String> {
    let (host, target) = split_url(url).ok_or("--url: write it as https://host/path")?;
    let mut headers = Headers::default();
    for field in &arguments.headers {
        let (name, value) = field.split_once(':').ok_or("--header: write it as `name: value`")?;
        headers.push(name.trim(), value.trim());
    }
    if let Some(file) = &arguments.token_file {
        headers.push("authorization", format!("Bearer {}", read_token(file)?));
    }
    Ok(CheckInput {
        source: None,
        certificate: None,
        method: arguments.method.clone(),
        host: host.to_owned(),
        target: target.to_owned(),
        headers,
    })
}

/// Not with a URL parser: that would tidy up the very path that is to be explained.
fn split_url(url: &str) -> Option<(&str, &str)> {
    let (_, rest) = url.split_once("://")?;
    let slash = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(slash);
    Some((host, if target.is_empty() { "/" } else { target }))
}
