//! The shell around a check: plan → gather → decide, with the clock, one snapshot and one deadline; and when it is
//! decided, the counters, what looks suspicious, what policies on trial say, and the audit log.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::check::challenge::Hints;
use crate::check::credential::PresentedToken;
use crate::check::issuer::IssuerId;
use crate::check::record::Recorder;
use crate::check::trail::{Stages, Trail};
use crate::check::trial::{Tried, try_out};
use crate::check::{CheckInput, Decided, Decision, Denial, DenyReason, Need, Step, decide, plan};
use crate::clock::{Clock, stopwatch};
use crate::config::Auditing;
use crate::jose::UnixTime;
use crate::snapshot::{Snapshot, SnapshotCell};
use crate::sources::gather;
use crate::suspicion::{Detectors, Holder, Seen, Suspicion};
use crate::telemetry::audit::Audit;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::per_second::PerSecond;
pub use crate::telemetry::trace::Caller;
use crate::telemetry::trace::{CheckSpan, Observer, Outcome, Part, Tracer};

/// Answers checks. Everything that an edit of the configuration can change is in the snapshot.
#[derive(Debug)]
pub struct Authorizer {
    snapshot: Arc<SnapshotCell>,
    metrics: Arc<Metrics>,
    audit: Audit,
    detectors: Detectors,
    suspicion_lines: PerSecond,
    tracer: Option<Arc<Tracer>>,
    clock: Clock,
}

/// Lines about suspicious use in a second. Each is about another token, client or address, but of those there may be
/// many.
const MAX_SUSPICION_LINES: u32 = 10;

/// A check that is answered.
#[derive(Debug)]
pub struct Checked {
    /// What it came to.
    pub decision: Decision,
    /// Whether the client may be told why, by the name of the reason.
    pub names_reason: bool,
}

/// What was seen of a check, for its record.
#[derive(Clone, Copy)]
struct Noted<'a> {
    stages: Stages,
    /// The `traceparent` of the call.
    called: Option<&'a [u8]>,
}

impl Authorizer {
    /// An authorizer that decides by whatever snapshot is the current one.
    #[must_use]
    pub fn new(snapshot: Arc<SnapshotCell>, metrics: Arc<Metrics>, audit: Audit, clock: Clock) -> Self {
        let detectors = Detectors::new();
        let suspicion_lines = PerSecond::default();
        Self { snapshot, metrics, audit, tracer: None, detectors, suspicion_lines, clock }
    }

    /// Traces the checks that their caller calls sampled.
    #[must_use]
    pub fn traced_by(mut self, tracer: Option<Arc<Tracer>>) -> Self {
        self.tracer = tracer;
        self
    }

    /// Checks one request. `within` is how long the caller will wait, where it says so.
    pub async fn check(&self, input: &CheckInput, within: Option<Duration>, caller: Caller<'_>) -> Checked {
        let started = stopwatch();
        let now = self.clock.now();
        let snapshot = self.snapshot.load();
        let span = self.tracer.as_ref().and_then(|tracer| tracer.begin(caller, &input.headers));
        let mut stages = Stages::default();
        let (decided, trace) = match span {
            None => (self.decide(&snapshot, input, within, now, &mut stages).await, None),
            Some(mut span) => {
                let decided = self.decide(&snapshot, input, within, now, &mut span).await;
                stages = span.stages();
                let trace = span.trace_id();
                end(span, &snapshot, input, &decided);
                (decided, Some(trace))
            }
        };
        let took = started.elapsed();
        self.metrics.checked(&decided.decision, took);
        trace.into_iter().for_each(|trace| self.metrics.traced(took, now, trace));
        self.metrics.rules().checked(&decided);
        self.count_hit(&snapshot, &decided);
        self.look_beyond(&snapshot, input, &decided, Noted { stages, called: caller.traceparent }, now);
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

    async fn decide(
        &self,
        snapshot: &Snapshot,
        input: &CheckInput,
        within: Option<Duration>,
        now: UnixTime,
        trail: &mut (impl Trail + Observer),
    ) -> Decided {
        match self.limited(snapshot, input, now) {
            Some(denial) => Decision::Deny(denial).into(),
            None => run(snapshot, input, within, now, trail).await,
        }
    }

    /// Checks one request and keeps the trail. Nothing is counted or recorded.
    pub async fn run(
        &self,
        input: &CheckInput,
        within: Option<Duration>,
        trail: &mut (impl Trail + Observer),
    ) -> Decided {
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

    /// Looks for suspicious use, tries policies out and records, before the answer is sent; whatever fails in it,
    /// the answer stays.
    fn look_beyond(
        &self,
        snapshot: &Snapshot,
        input: &CheckInput,
        decided: &Decided,
        noted: Noted<'_>,
        now: UnixTime,
    ) {
        let looked = catch_unwind(AssertUnwindSafe(|| {
            self.suspect(snapshot, input, decided, now);
            let tried = self.try_out(snapshot, input, decided, now);
            self.record(snapshot, input, decided, noted, &tried, now);
        }));
        if looked.is_err() {
            tracing::error!(
                "a detector, a policy on trial or a record panicked: this is a bug in gatepost; the answer stays"
            );
        }
    }

    /// Refuses whatever comes from an address that has sent too many invalid tokens, before anything is done for it.
    fn limited(&self, snapshot: &Snapshot, input: &CheckInput, now: UnixTime) -> Option<Denial> {
        let wait = self.detectors.wait(input.source, &snapshot.suspicion, now)?;
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let hints = Hints { retry_after: Some(seconds), ..Hints::default() };
        Some(Denial { reason: DenyReason::SourceLimited, rule: None, hints: Some(Arc::new(hints)) })
    }

    fn suspect(&self, snapshot: &Snapshot, input: &CheckInput, decided: &Decided, now: UnixTime) {
        let seen = Seen::of(input, decided, &snapshot.issuers);
        if let (Some(Holder { issuer, client: Some(client), .. }), None) = (&seen.holder, seen.refused) {
            self.metrics.clients().seen(issuer, client, now);
        }
        for suspicion in self.detectors.observe(&seen, &snapshot.suspicion, now) {
            self.report(snapshot, &suspicion, now);
        }
    }

    fn report(&self, snapshot: &Snapshot, suspicion: &Suspicion, now: UnixTime) {
        let Suspicion { kind, source, rule, holder, token, count, window } = suspicion;
        let Auditing { settings, identities, .. } = &*snapshot.audit;
        self.metrics.suspicion().event(*kind);
        self.audit.event(now, settings.per_second, suspicion, identities);
        if self.suspicion_lines.has_room(now, MAX_SUSPICION_LINES) {
            tracing::warn!(
                kind = kind.label(),
                source = source.map(tracing::field::display),
                rule = rule.as_deref(),
                issuer = holder.as_ref().map(|holder| &*holder.issuer),
                token = token.as_deref(),
                count,
                window_seconds = window.as_secs(),
                "suspicious use"
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
        noted: Noted<'_>,
        tried: &[Tried],
        now: UnixTime,
    ) {
        let Snapshot { audit, issuers, reads, generation, .. } = snapshot;
        if audit.selects(&decided.decision, tried, fastrand::f64) {
            let (identities, generation, Noted { stages, called }) = (&audit.identities, *generation, noted);
            let recorder = Recorder {
                input,
                decided,
                stages,
                tried,
                issuers,
                reads,
                identities,
                now,
                generation,
                called,
            };
            self.audit.take(now, audit.settings.per_second, || recorder.record());
        }
    }
}

async fn run(
    snapshot: &Snapshot,
    input: &CheckInput,
    within: Option<Duration>,
    now: UnixTime,
    trail: &mut (impl Trail + Observer),
) -> Decided {
    let longest = snapshot.limits.deadline;
    let deadline = Instant::now() + within.map_or(longest, |within| within.min(longest));
    trail.enters(Part::Plan);
    let mut plan = match plan(input, snapshot.world(), now, trail) {
        Ok(plan) => plan,
        Err(decided) => return decided,
    };
    loop {
        let asked = match plan.need() {
            Need::Introspection(id) => plan.presented().map(|presented| (id, presented)),
            Need::Nothing | Need::Keys(_) | Need::FreshKeys(_) => None,
        };
        let facts = gather(&plan, &snapshot.keys, &snapshot.sources, now, deadline, trail).await;
        trail.enters(Part::Decide);
        match decide(plan, &facts, snapshot.world(), now, trail) {
            Step::Decided(decided) => {
                forget_if_revoked(&decided, asked, snapshot);
                return decided;
            }
            Step::More(next) => plan = next,
        }
    }
}

fn end(span: CheckSpan<'_>, snapshot: &Snapshot, input: &CheckInput, decided: &Decided) {
    let issuer = decided.token.as_ref().and_then(|proven| snapshot.issuers.at(proven.token().issuer()));
    let issuer = issuer.map(|issuer| issuer.name.as_ref());
    let (decision, method, generation) = (&decided.decision, &input.method, snapshot.generation);
    span.decided(Outcome { decision, method, issuer, generation });
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
