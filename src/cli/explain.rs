//! `gatepost explain`: one request, decided by the same functions as in the sidecar, with every step shown.

mod report;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::terminal::{Output, block_on, complain, json, line, load_or_complain, read_token};
use super::{BAD, CANNOT_TELL, ConfigArgument, GOOD};
use crate::check::trail::Recorded;
use crate::check::{CheckInput, Decision, Headers, Outage};
use crate::clock::Clock;
use crate::config::{Config, KeyOrigin};
use crate::jose::UnixTime;
use crate::serve::{Driver, Wiring};
use crate::sources::Sources;
use report::Report;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The request's method.
    #[arg(long, default_value = "GET")]
    method: String,
    /// The request's URL: `https://host/path?query`. The path is taken as written.
    #[arg(long)]
    url: String,
    /// A header field, `name: value`; may be given several times.
    #[arg(long = "header", value_name = "FIELD")]
    headers: Vec<String>,
    /// A file with the access token, or `-` for standard input: it is not seen in the process list.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Use these keys for every issuer, instead of asking the issuers.
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Decide as of this time (RFC 3339), instead of now.
    #[arg(long, value_name = "TIME")]
    at: Option<jiff::Timestamp>,
    /// For people, or one JSON object for machines.
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let Some(config) = load_or_complain(&arguments.config.directory) else { return CANNOT_TELL.into() };
    let explained = input(arguments)
        .and_then(|input| block_on(explain(arguments, config, &input)).map_err(|error| error.to_string()));
    match explained {
        Ok((report, code)) => {
            match arguments.output {
                Output::Text => line(text::text(&report)),
                Output::Json => json(&report),
            }
            code.into()
        }
        Err(why) => {
            complain(why);
            CANNOT_TELL.into()
        }
    }
}

fn input(arguments: &Arguments) -> Result<CheckInput, String> {
    let (host, target) = split_url(&arguments.url).ok_or("--url: write it as https://host/path")?;
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

/// Generous, because the first reading of an issuer's keys is part of it.
const DEADLINE: Duration = Duration::from_secs(15);

/// Wires the parts that the server wires, and has them decide this one request.
async fn explain(arguments: &Arguments, mut config: Config, input: &CheckInput) -> (Report, u8) {
    let clock =
        arguments.at.map_or(Clock::System, |at| Clock::Stopped(UnixTime::from_millis(at.as_millisecond())));
    config.check.deadline = DEADLINE;
    if let Some(file) = &arguments.jwks {
        config.issuers.iter_mut().for_each(|trusted| trusted.keys = KeyOrigin::File(file.clone()));
    }
    let wiring = Wiring::new(config, clock);
    let mut driver = Driver::default();
    wiring.drive(&mut driver);
    let mut trail = Recorded::default();
    let decision = wiring.authorizer.run(input, None, &mut trail).await.decision;
    let faults = faults(&wiring.sources(), &decision);
    (Report::new(input, clock.now(), faults, trail, &decision), exit_code(&decision))
}

/// What went wrong with the issuer that could not be asked.
fn faults(sources: &Sources, decision: &Decision) -> Vec<String> {
    let Decision::Unavailable(Outage { issuer: Some(issuer), .. }) = decision else { return Vec::new() };
    let its = sources.iter().filter(|its| its.trusted().issuer.name == *issuer);
    let errors = its.flat_map(|its| {
        let introspection = its.introspection().and_then(|source| source.status().last_error);
        its.keys().status().last_error.into_iter().chain(introspection)
    });
    errors.collect()
}

fn exit_code(decision: &Decision) -> u8 {
    match decision {
        Decision::Allow(_) | Decision::Answer(_) => GOOD,
        Decision::Deny(_) => BAD,
        Decision::Unavailable(_) => CANNOT_TELL,
    }
}
