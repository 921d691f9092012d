//! Explains a request of the audit log: what was verified then is taken as verified.

use std::path::Path;

use super::report::{Report, TrialReport};
use super::{Arguments, exit_code_of};
use crate::check::World;
use crate::check::replay::replay;
use crate::check::trail::Recorded;
use crate::check::trial::TrialKind;
use crate::cli::records::{Line, Lines};
use crate::clock::Clock;
use crate::config::Config;
use crate::jose::UnixTime;
use crate::serve::Wiring;

pub(super) fn explain(arguments: &Arguments, file: &Path, config: Config) -> Result<(Report, u8), String> {
    let Some(Line { number, record }) = Lines::open(file)?.next() else {
        return Err(format!("{}: there is no line in it", file.display()));
    };
    let (record, time) = record.map_err(|why| format!("{}:{number}: {why}", file.display()))?;
    let at = arguments.at.map_or(time, |at| UnixTime::from_millis(at.as_millisecond()));
    let wiring = Wiring::new(config, Clock::Stopped(at));
    let snapshot = wiring.snapshot.load();
    let mut trail = Recorded::default();
    let replayed = replay(&record, snapshot.world(), at, &mut trail);
    let trials = snapshot.trials.iter().filter_map(|trial| {
        let mut trail = Recorded::default();
        let world = World { policy: &trial.policy, ..snapshot.world() };
        let tried = replay(&record, world, at, &mut trail);
        let says_more = trial.kind == TrialKind::Candidate || tried.rule != replayed.rule;
        says_more.then(|| TrialReport::replayed(trial.kind, &tried, trail))
    });
    let code = exit_code_of(replayed.outcome.label());
    Ok((Report::replayed(&record.input(), at, trail, &replayed, trials.collect()), code))
}
