//! `gatepost check`: everything that can be said of a configuration before it is used.

mod files;
mod keys;
mod report;
mod scopes;

use std::path::PathBuf;
use std::process::ExitCode;

use super::terminal::{Output, block_on, complain, json, read_token};
use super::{BAD, ConfigArgument, GOOD, introspect};
use crate::config::{Loaded, load};
use crate::secret::Secret;
use report::Report;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Also ask each issuer for its keys, and whether it knows the scopes that rules require.
    #[arg(long)]
    online: bool,
    /// Do not open the secrets, keys and certificates that the configuration names: for CI, where they are not
    /// mounted.
    #[arg(long)]
    without_secrets: bool,
    /// With --online: ask each introspecting issuer about the access token in this file (`-` for standard
    /// input), and say what it answers.
    #[arg(long, value_name = "FILE", requires = "online")]
    token_file: Option<PathBuf>,
    /// Exit 1 for a warning, too.
    #[arg(long)]
    deny_warnings: bool,
    /// For people, or one JSON object for machines.
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let token = arguments.token_file.as_deref().map(read_token).transpose();
    let report = token.and_then(|token| {
        block_on(check(arguments, token.map(Secret::new))).map_err(|error| error.to_string())
    });
    match report {
        Ok(report) => {
            match arguments.output {
                Output::Text => report.print_text(),
                Output::Json => json(&report),
            }
            if report.good { GOOD.into() } else { BAD.into() }
        }
        Err(why) => {
            complain(why);
            BAD.into()
        }
    }
}

/// Looks at the files; then, if they come to a configuration, at what it names; then shows issuers the token.
async fn check(arguments: &Arguments, token: Option<Secret>) -> Report {
    let Loaded { config, mut problems, source, policy_source } = load(&arguments.config.directory);
    if let (Some(config), Some(source)) = (&config, &source) {
        problems.extend(keys::check(config, source, arguments.online).await);
        if !arguments.without_secrets {
            problems.extend(files::check(config, source).await);
        }
    }
    if let (Some(config), Some(source), true) = (&config, &policy_source, arguments.online) {
        problems.extend(scopes::check(config, source).await);
    }
    let report = Report::new(problems, config.as_ref(), arguments.deny_warnings);
    match (config, token) {
        (Some(config), Some(token)) if report.good => {
            report.with_answers(introspect::ask_all(&config, &token).await)
        }
        _ => report,
    }
}
