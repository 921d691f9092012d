//! `gatepost serve`.

use std::process::ExitCode;

use super::terminal::{block_on, complain};
use super::{BAD, ConfigArgument, GOOD};
use crate::config::{Config, Files, Loaded, Severity, compile};
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
    let files = Files::read(&arguments.config.directory);
    let Some(config) = compile_and_log(&files) else {
        tracing::error!("not started: the configuration has problems");
        return BAD.into();
    };
    match block_on(serve(config, files)) {
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
fn compile_and_log(files: &Files) -> Option<Config> {
    let Loaded { config, problems, .. } = compile(files);
    for problem in &problems {
        match problem.severity {
            Severity::Error => tracing::error!(%problem, "problem in the configuration"),
            Severity::Warning => tracing::warn!(%problem, "warning about the configuration"),
        }
    }
    config
}
