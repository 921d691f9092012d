//! The commands. Each file is one of them; this one reads the words and chooses.

mod admin;
mod check;
mod diff;
mod explain;
mod healthcheck;
mod introspect;
mod records;
mod revoke;
mod schema;
mod serve;
mod status;
mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// The OAuth 2.0 resource-server side, beside every service.
#[derive(Debug, Parser)]
#[command(name = "gatepost", version, about, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the sidecar until SIGTERM.
    Serve(serve::Arguments),
    /// Show all problems of a configuration directory. Exits 0 when it is good, 1 when not.
    Check(check::Arguments),
    /// Show how one request would be decided, step by step. Exits 0 for allow, 1 for deny, 2 for cannot tell.
    Explain(explain::Arguments),
    /// Show which requests of an audit log another configuration would decide otherwise. Exits 0 for none, 1 for
    /// some, 2 for cannot tell.
    Diff(diff::Arguments),
    /// Show what a revocation would refuse and, with --yes, publish it. Exits 0 when it was shown or published, 1 when
    /// not.
    Revoke(revoke::Arguments),
    /// Show what a running sidecar says of itself. Exits 0 when it is healthy, 1 when not, 2 for cannot tell.
    Status(status::Arguments),
    /// Ask a running sidecar whether it is ready, for probes. Exits 0 when it is, 1 when not.
    Healthcheck(healthcheck::Arguments),
    /// Print the JSON Schema of one of the two files, for editors.
    Schema(schema::Arguments),
}

/// Where the configuration is.
#[derive(Args, Debug)]
struct ConfigArgument {
    /// The directory with gatepost.yaml and policy.yaml.
    #[arg(long = "config", value_name = "DIR", env = "GATEPOST_CONFIG")]
    directory: PathBuf,
}

/// Reads the command line and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Revoke(arguments) => revoke::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Healthcheck(arguments) => healthcheck::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
    }
}

/// Exit codes that every command shares with `explain`.
const GOOD: u8 = 0;
const BAD: u8 = 1;
const CANNOT_TELL: u8 = 2;
