//! `gatepost serve`.

use std::path::Path;
use std::process::ExitCode;

use super::terminal::{block_on, complain};
use super::{BAD, ConfigArgument, GOOD};
use crate::config::{Config, Loaded, Severity, load};
use crate::serve::serve;
use crate::telemetry::logging;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// What to log: a level, or targets with levels such as `gatepost=debug,h2=warn`.
    #[arg(long, value_name = "FILTER", env = "GATEPOST_LOG", default_value = "info")]
    log: String,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    if let Err(error) = logging::start(&arguments.log) {
        complain(format_args!("--log {:?}: {error}; write error, warn, info, debug or trace", arguments.log));
        return BAD.into();
    }
    let Some(config) = load_and_log(&arguments.config.directory) else {
        tracing::error!("not started: the configuration has problems");
        return BAD.into();
    };
    match block_on(serve(config)) {
        Ok(Ok(())) => GOOD.into(),
        Ok(Err(error)) => {
            tracing::error!(%error, "ended");
            BAD.into()
        }
        Err(error) => {
            tracing::error!(%error, "cannot start");
            BAD.into()
        }
    }
}

/// Each problem is a line of the log, like everything else that a sidecar has to say.
fn load_and_log(directory: &Path) -> Option<Config> {
    let Loaded { config, problems, .. } = load(directory);
    for problem in &problems {
        match problem.severity {
            Severity::Error => tracing::error!(%problem, "problem in the configuration"),
            Severity::Warning => tracing::warn!(%problem, "warning about the configuration"),
        }
    }
    config
}
