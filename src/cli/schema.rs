//! `gatepost schema`: what an editor needs to complete keys, show what they mean, and mark what is wrong.

use std::process::ExitCode;

use super::GOOD;
use super::terminal::line;
use crate::config::{Document, schema};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The file that the schema is for.
    #[arg(value_enum, default_value_t = File::Gatepost)]
    file: File,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum File {
    /// gatepost.yaml.
    Gatepost,
    /// policy.yaml.
    Policy,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let file = match arguments.file {
        File::Gatepost => Document::Gatepost,
        File::Policy => Document::Policy,
    };
    line(format_args!("{:#}", schema(file)));
    GOOD.into()
}
