//! `gatepost explain`: one request, decided by the same functions as in the sidecar, with every step shown.

mod recorded;
mod report;
mod request;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::terminal::{Output, block_on, complain, json, line, load_or_complain};
use super::{BAD, CANNOT_TELL, ConfigArgument, GOOD};
use crate::check::trail::Recorded;
use crate::check::trial::try_out;
use crate::check::{CheckInput, Decision, Outage};
use crate::clock::Clock;
use crate::config::{Config, KeyOrigin};
use crate::jose::UnixTime;
use crate::serve::{Driver, Wiring};
use crate::sources::Sources;
use report::{Report, TrialReport};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The request's method.
    #[arg(long, default_value = "GET")]
    method: String,
    /// The request's URL: `https://host/path?query`. The path is taken as written.
    #[arg(long, required_unless_present = "from_audit")]
    url: Option<String>,
    /// A header field, `name: value`; may be given several times.
    #[arg(long = "header", value_name = "FIELD")]
    headers: Vec<String>,
    /// A file with the access token, or `-` for standard input: it is not seen in the process list.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Use these keys for every issuer, instead of asking the issuers.
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Explain the request of the first line of this audit log (`-` for standard input). What was verified when it
    /// was recorded is taken as verified.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["url", "method", "headers", "token_file", "jwks"])]
    from_audit: Option<PathBuf>,
    /// Decide as of this time (RFC 3339), instead of now or the time recorded.
    #[arg(long, value_name = "TIME")]
    at: Option<jiff::Timestamp>,
    /// For people, or one JSON object for machines.
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let Some(config) = load_or_complain(&arguments.config.directory) else { return CANNOT_TELL.into() };
    match explained(arguments, config) {
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

fn explained(arguments: &Arguments, config: Config) -> Result<(Report, u8), String> {
    if let Some(file) = &arguments.from_audit {
        return recorded::explain(arguments, file, config);
    }
    let input = request::input(arguments, arguments.url.as_deref().unwrap_or_default())?;
    block_on(explain(arguments, config, &input)).map_err(|error| error.to_string())
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
    let unread = revocations_unread(&wiring).await;
    let mut trail = Recorded::default();
    let decided = wiring.authorizer.run(input, None, &mut trail).await;
    let snapshot = wiring.snapshot.load();
    let now = clock.now();
    let trials = snapshot.trials.iter().filter_map(|trial| {
        let mut trail = Recorded::default();
        let tried = try_out(trial, input, &decided, snapshot.world(), now, &mut trail)?;
        Some(TrialReport::tried(&tried, trail))
    });
    let decision = &decided.decision;
    let faults = faults(&wiring.sources(), decision).into_iter().chain(unread).collect();
    (Report::new(input, now, faults, trail, decision, trials.collect()), exit_code_of(decision.outcome()))
}

/// Waits until the revocation feeds have been read once, and tells of those that were not in time.
async fn revocations_unread(wiring: &Wiring) -> Vec<String> {
    let snapshot = wiring.snapshot.load_full();
    let Some(its) = snapshot.revocations.as_ref().map(|its| its.revocations()) else { return Vec::new() };
    let deadline = DEADLINE.min(its.settings().catch_up_deadline);
    // What comes of it is seen below.
    let _ = tokio::time::timeout(deadline, its.caught_up()).await;
    let unread = its.feeds().filter(|feed| !feed.has_caught_up());
    let told = unread.map(|feed| {
        let why = feed.status().last_error.map(|why| format!(": {why}")).unwrap_or_default();
        format!("the revocations of feed {:?} could not all be read within {deadline:?}{why}", feed.name())
    });
    told.collect()
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

fn exit_code_of(outcome: &str) -> u8 {
    match outcome {
        "allow" | "answer" => GOOD,
        "deny" => BAD,
        _ => CANNOT_TELL,
    }
}
