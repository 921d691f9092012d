//! `gatepost healthcheck`: for probes that run a command, and images that have no other.

use std::process::ExitCode;

use super::admin::AdminArguments;
use super::terminal::complain;
use super::{BAD, GOOD};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    sidecar: AdminArguments,
    /// Whether the process runs (/livez), not whether it is ready (/readyz).
    #[arg(long)]
    live: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match arguments.sidecar.page(if arguments.live { "/livez" } else { "/readyz" }) {
        Ok(page) if page.status.is_success() => GOOD.into(),
        Ok(page) => {
            complain(page.text.trim_end());
            BAD.into()
        }
        Err(why) => {
            complain(why);
            BAD.into()
        }
    }
}
