//! The shell around a check: plan → gather → decide, with the clock, one snapshot and one deadline.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::check::trail::Trail;
use crate::check::{CheckInput, Decision, Step, decide, plan};
use crate::clock::{Clock, stopwatch};
use crate::snapshot::SnapshotCell;
use crate::sources::gather;
use crate::telemetry::metrics::Metrics;

/// Answers checks. Everything that an edit of the configuration can change is in the snapshot.
#[derive(Debug)]
pub struct Authorizer {
    snapshot: Arc<SnapshotCell>,
    metrics: Arc<Metrics>,
    clock: Clock,
}

impl Authorizer {
    /// An authorizer that decides by whatever snapshot is the current one.
    #[must_use]
    pub fn new(snapshot: Arc<SnapshotCell>, metrics: Arc<Metrics>, clock: Clock) -> Self {
        Self { snapshot, metrics, clock }
    }

    /// Checks one request. `within` is how long the caller will wait, where it says so.
    pub async fn check(&self, input: &CheckInput, within: Option<Duration>) -> Decision {
        let started = stopwatch();
        let decision = self.run(input, within, &mut ()).await;
        self.metrics.checked(&decision, started.elapsed());
        tracing::debug!(
            outcome = decision.outcome(),
            reason = decision.reason(),
            rule = decision.rule().map(AsRef::as_ref).unwrap_or_default(),
            method = ?input.method,
            "check"
        );
        decision
    }

    /// Checks one request and keeps the trail.
    pub async fn run(
        &self,
        input: &CheckInput,
        within: Option<Duration>,
        trail: &mut impl Trail,
    ) -> Decision {
        let now = self.clock.now();
        let snapshot = self.snapshot.load();
        let longest = snapshot.limits.deadline;
        let deadline = Instant::now() + within.map_or(longest, |within| within.min(longest));
        let mut plan = match plan(input, snapshot.world(), now, trail) {
            Ok(plan) => plan,
            Err(decision) => return decision,
        };
        loop {
            let facts = gather(&plan, &snapshot.keys, &snapshot.sources, now, deadline).await;
            match decide(plan, &facts, snapshot.world(), now, trail) {
                Step::Decided(decided) => return decided.decision,
                Step::More(next) => plan = next,
            }
        }
    }
}
