//! `gatepost check`: everything that can be said of a configuration before it is used.

use std::path::{Path as FilePath, PathBuf};
use std::process::ExitCode;

use super::terminal::{block_on, complain, line, plural, problems, read_token};
use super::{BAD, ConfigArgument, GOOD, introspect};
use crate::config::{Config, KeyOrigin, Loaded, Path, Problem, Severity, Source, load};
use crate::jose::{KeyFault, SkippedKey};
use crate::secret::Secret;
use crate::sources::KeyFetcher;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Also ask each issuer for its keys.
    #[arg(long)]
    online: bool,
    /// With --online: ask each introspecting issuer about the access token in this file (`-` for standard
    /// input), and say what it answers.
    #[arg(long, value_name = "FILE", requires = "online")]
    token_file: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let Loaded { config, problems: mut found, source, .. } = load(&arguments.config.directory);
    if let (Some(config), Some(source)) = (&config, &source) {
        match block_on(check_keys(config, source, arguments.online)) {
            Ok(more) => found.extend(more),
            Err(error) => complain(format_args!("keys were not checked: {error}")),
        }
    }
    problems(&found);
    let bad = config.is_none() || found.iter().any(|problem| problem.severity == Severity::Error);
    match config {
        Some(config) if !bad => {
            line(summary(&config));
            match &arguments.token_file {
                Some(file) => ask_about(file, &config),
                None => GOOD.into(),
            }
        }
        _ => BAD.into(),
    }
}

/// Shows what each introspecting issuer says of a token.
fn ask_about(file: &FilePath, config: &Config) -> ExitCode {
    let asked = read_token(file).and_then(|token| {
        block_on(introspect::ask_all(config, &Secret::new(token))).map_err(|error| error.to_string())
    });
    match asked {
        Ok(answers) => {
            answers.iter().for_each(|answer| line(&answer.text));
            if answers.iter().all(|answer| answer.good) { GOOD.into() } else { BAD.into() }
        }
        Err(why) => {
            complain(why);
            BAD.into()
        }
    }
}

fn summary(config: &Config) -> String {
    let names: Vec<_> = config.issuers.iter().map(|trusted| trusted.issuer.name.as_ref()).collect();
    let rules = plural(config.policy.rules().len(), "rule");
    format!("good: {rules}, {} ({})", plural(names.len(), "issuer"), names.join(", "))
}

/// Sets carry keys for encryption and for algorithms that the configuration leaves out; that is as it should be.
fn is_a_fault(skipped: &SkippedKey) -> bool {
    !matches!(skipped.fault, KeyFault::NotConfigured | KeyFault::NotForSignatures)
}

/// Key files are always read: what they say is part of the configuration.
async fn check_keys(config: &Config, source: &Source, online: bool) -> Vec<Problem> {
    let mut found = Vec::new();
    for (index, trusted) in config.issuers.iter().enumerate() {
        let key = match trusted.keys {
            KeyOrigin::File(_) => "jwks_file",
            KeyOrigin::Uri(_) if online => "jwks_uri",
            KeyOrigin::Metadata if online => "issuer",
            KeyOrigin::Uri(_) | KeyOrigin::Metadata => continue,
        };
        let at = Path::root().key("issuers").index(index).key(key);
        match KeyFetcher::new(trusted.clone()).fetch().await {
            Ok(keys) => found.extend(keys.skipped().iter().filter(|key| is_a_fault(key)).map(|skipped| {
                let what = format!("key {} of the set is not used: {}", skipped.position, skipped.fault);
                source.warning(&at, what)
            })),
            Err(fault) => found.push(source.error(&at, format!("gives no keys: {fault}"))),
        }
    }
    found
}
