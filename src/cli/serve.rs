//! `gatepost serve`.

use std::process::ExitCode;

use super::terminal::{block_on, complain, load_or_complain};
use super::{BAD, ConfigArgument, GOOD};
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
    let Some(config) = load_or_complain(&arguments.config.directory) else {
        complain("not started: correct the problems above");
        return BAD.into();
    };
    match block_on(serve(config)) {
        Ok(Ok(())) => GOOD.into(),
        Ok(Err(error)) => {
            complain(error);
            BAD.into()
        }
        Err(error) => {
            complain(format_args!("cannot start: {error}"));
            BAD.into()
        }
    }
}
