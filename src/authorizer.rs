//! The shell around a check: plan → gather → decide, with the clock, one snapshot and one deadline; and when it is
//! decided, the counters, what policies on trial say, and the audit log.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::check::credential::PresentedToken;
use crate::check::issuer::IssuerId;
use crate::check::record::Recorder;
use crate::check::trail::{Stages, Trail};
use crate::check::trial::{Tried, try_out};
use crate::check::{CheckInput, Decided, Decision, DenyReason, Need, Step, decide, plan};
use crate::clock::{Clock, stopwatch};
use crate::jose::UnixTime;
use crate::snapshot::{Snapshot, SnapshotCell};
use crate::sources::gather;
use crate::telemetry::audit::Audit;
use crate::telemetry::metrics::Metrics;

/// Answers checks. Everything that an edit of the configuration can change is in the snapshot.
#[derive(Debug)]
pub struct Authorizer {
    snapshot: Arc<SnapshotCell>,
    metrics: Arc<Metrics>,
    audit: Audit,
    clock: Clock,
}

/// A check that is answered.
#[derive(Debug)]
pub struct Checked {
    /// What it came to.
    pub decision: Decision,
    /// Whether the client may be told why, by the name of the reason.
    pub names_reason: bool,
}

impl Authorizer {
    /// An authorizer that decides by whatever snapshot is the current one.
    #[must_use]
    pub fn new(snapshot: Arc<SnapshotCell>, metrics: Arc<Metrics>, audit: Audit, clock: Clock) -> Self {
        Self { snapshot, metrics, audit, clock }
    }

    /// Checks one request. `within` is how long the caller will wait, where it says so.
    pub async fn check(&self, input: &CheckInput, within: Option<Duration>) -> Checked {
        let started = stopwatch();
        let now = self.clock.now();
        let snapshot = self.snapshot.load();
        let mut stages = Stages::default();
        let decided = run(&snapshot, input, within, now, &mut stages).await;
        self.metrics.checked(&decided.decision, started.elapsed());
        self.metrics.rules().checked(&decided);
        self.count_hit(&snapshot, &decided);
        self.look_beyond(&snapshot, input, &decided, stages, now);
        let decision = decided.decision;
        tracing::debug!(
            outcome = decision.outcome(),
            reason = decision.reason(),
            rule = decision.rule().map(AsRef::as_ref).unwrap_or_default(),
            method = ?input.method,
            "check"
        );
        Checked { decision, names_reason: snapshot.limits.names_reason }
    }

    /// Checks one request and keeps the trail. Nothing is counted or recorded.
    pub async fn run(&self, input: &CheckInput, within: Option<Duration>, trail: &mut impl Trail) -> Decided {
        run(&self.snapshot.load(), input, within, self.clock.now(), trail).await
    }

    fn count_hit(&self, snapshot: &Snapshot, decided: &Decided) {
        let Some(mark) = decided.revoked_by else { return };
        let metrics = self.metrics.revocations();
        metrics.hit(mark.kind());
        let its = snapshot.revocations.as_ref().map(|its| its.revocations());
        if let Some(published_at) = its.and_then(|its| its.first_refusal_by(mark)) {
            metrics.first_refused(self.clock.now().since(published_at));
        }
    }

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Tries policies out and records, before the answer is sent; whatever fails in it, the answer stays.
    fn look_beyond(
        &self,
        snapshot: &Snapshot,
        input: &CheckInput,
        decided: &Decided,
        stages: Stages,
        now: UnixTime,
    ) {
        let looked = catch_unwind(AssertUnwindSafe(|| {
            let tried = self.try_out(snapshot, input, decided, now);
            self.record(snapshot, input, decided, stages, &tried, now);
        }));
        if looked.is_err() {
            tracing::error!(
                "a policy on trial or a record panicked: this is a bug in gatepost; the answer stays"
            );
        }
    }

    fn try_out(
        &self,
        snapshot: &Snapshot,
        input: &CheckInput,
        decided: &Decided,
        now: UnixTime,
    ) -> Vec<Tried> {
        let trials = snapshot.trials.iter();
        let tried = trials.filter_map(|trial| try_out(trial, input, decided, snapshot.world(), now, &mut ()));
        tried.inspect(|tried| self.metrics.trials().tried(tried)).collect()
    }

    fn record(
        &self,
        snapshot: &Snapshot,
        input: &CheckInput,
        decided: &Decided,
        stages: Stages,
        tried: &[Tried],
        now: UnixTime,
    ) {
        let Snapshot { audit, issuers, reads, generation, .. } = snapshot;
        if audit.selects(&decided.decision, tried, fastrand::f64) {
            let identities = &audit.identities;
            let generation = *generation;
            let recorder =
                Recorder { input, decided, stages, tried, issuers, reads, identities, now, generation };
            self.audit.take(now, audit.settings.per_second, || recorder.record());
        }
    }
}

async fn run(
    snapshot: &Snapshot,
    input: &CheckInput,
    within: Option<Duration>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Decided {
    let longest = snapshot.limits.deadline;
    let deadline = Instant::now() + within.map_or(longest, |within| within.min(longest));
    let mut plan = match plan(input, snapshot.world(), now, trail) {
        Ok(plan) => plan,
        Err(decided) => return decided,
    };
    loop {
        let asked = match plan.need() {
            Need::Introspection(id) => plan.presented().map(|presented| (id, presented)),
            Need::Nothing | Need::Keys(_) | Need::FreshKeys(_) => None,
        };
        let facts = gather(&plan, &snapshot.keys, &snapshot.sources, now, deadline).await;
        match decide(plan, &facts, snapshot.world(), now, trail) {
            Step::Decided(decided) => {
                forget_if_revoked(&decided, asked, snapshot);
                return decided;
            }
            Step::More(next) => plan = next,
        }
    }
}

/// What an issuer said of a token before it was revoked is of no use any longer.
fn forget_if_revoked(decided: &Decided, asked: Option<(IssuerId, PresentedToken<'_>)>, snapshot: &Snapshot) {
    let (Decision::Deny(denial), Some((id, presented))) = (&decided.decision, asked) else { return };
    if denial.reason == DenyReason::TokenRevoked
        && let Some(source) = snapshot.sources.introspection(id)
    {
        source.forget(presented);
    }
}
