//! `gatepost diff`: which recorded requests another configuration would decide otherwise.

mod changes;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::records::Lines;
use super::terminal::{Output, complain, json, line, load_or_complain, visible};
use super::{BAD, CANNOT_TELL, GOOD};
use crate::check::record::Record;
use crate::check::replay::{Replayed, replay};
use crate::clock::Clock;
use crate::jose::UnixTime;
use crate::serve::Wiring;
use changes::Changes;

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The directory with the configuration in use.
    #[arg(long, value_name = "DIR")]
    old: PathBuf,
    /// The directory with the configuration that is to replace it.
    #[arg(long, value_name = "DIR")]
    new: PathBuf,
    /// Recorded requests: lines of the audit log, or `-` for standard input.
    #[arg(long, value_name = "FILE")]
    requests: PathBuf,
    /// For people, or one JSON object for machines.
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match compare(arguments) {
        Ok(changes) => {
            match arguments.output {
                Output::Text => line(visible_lines(&changes.to_string())),
                Output::Json => json(&changes),
            }
            exit_code(&changes).into()
        }
        Err(why) => {
            if let Some(why) = why {
                complain(why);
            }
            CANNOT_TELL.into()
        }
    }
}

fn exit_code(changes: &Changes) -> u8 {
    match (changes.changed() > 0, changes.is_certain()) {
        (true, _) => BAD,
        (false, true) => GOOD,
        (false, false) => CANNOT_TELL,
    }
}

/// The changes, or why there are none to be shown; nothing where that was shown already.
fn compare(arguments: &Arguments) -> Result<Changes, Option<String>> {
    let (old, new) = (Side::load(&arguments.old)?, Side::load(&arguments.new)?);
    let mut changes = Changes::default();
    for line in Lines::open(&arguments.requests).map_err(Some)? {
        match line.record {
            Ok((record, time)) => {
                changes.add(line.number, &record, &old.replay(&record, time), &new.replay(&record, time));
            }
            Err(why) => changes.add_unreadable(line.number, why),
        }
    }
    Ok(changes)
}

/// One of the two configurations, wired as the server wires it; nothing of it runs.
struct Side(Wiring);

impl Side {
    fn load(directory: &Path) -> Result<Self, Option<String>> {
        load_or_complain(directory).map(|config| Self(Wiring::new(config, Clock::System))).ok_or(None)
    }

    fn replay(&self, record: &Record, time: UnixTime) -> Replayed {
        replay(record, self.0.snapshot.load().world(), time, &mut ())
    }
}

/// Records come from outside, and their lines must stay lines.
fn visible_lines(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}
