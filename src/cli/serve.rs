//! `gatepost serve`.

use std::io::IsTerminal as _;
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
    /// How the log is written. `auto` is text where standard error is a terminal, and else JSON.
    #[arg(long, value_name = "FORM", env = "GATEPOST_LOG_FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum LogFormat {
    /// Text where standard error is a terminal, and else JSON.
    #[default]
    Auto,
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    fn chosen(self) -> logging::Format {
        let is_terminal = std::io::stderr().is_terminal();
        match self {
            Self::Json => logging::Format::Json,
            Self::Auto if !is_terminal => logging::Format::Json,
            Self::Auto | Self::Text => logging::Format::Text { is_terminal },
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    if let Err(error) = logging::start(&arguments.log, arguments.log_format.chosen()) {
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
