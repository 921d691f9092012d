//! One issuer's key set, kept fresh and shown with its age and last error.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::key_fetcher::{KeyFetcher, RefreshFault};
use super::propagation::Awaited;
use super::refresh::{RefreshGate, Refreshed};
use crate::check::issuer::{IssuerId, IssuerKeys};
use crate::check::{Facts, OutageReason, Plan};
use crate::clock::{Clock, stopwatch};
use crate::config::{KeyOrigin, TrustedIssuer};
use crate::jose::{KeySet, UnixTime};
use crate::telemetry::metrics::{Metrics, RefreshResult};

/// The time to the next refresh: after failures sooner than usual, so that an issuer that is back is used at
/// once, but each time less soon.
fn pause(interval: Duration, failures: u32) -> Duration {
    match failures {
        0 => interval,
        _ => interval.min(Duration::from_secs(1 << (failures - 1).min(6))),
    }
}

/// Where keys go when they have been read.
pub trait KeySink: Debug + Send + Sync {
    /// Takes the keys of one issuer.
    fn put_keys(&self, id: IssuerId, keys: &IssuerKeys);
}

/// What /statusz shows.
#[derive(Clone, Debug, Default)]
pub struct KeyStatus {
    /// When a refresh was last tried.
    pub tried_at: Option<UnixTime>,
    /// Why the last one failed; none when it succeeded.
    pub last_error: Option<String>,
}

/// Keeps one issuer's keys fresh.
#[derive(Debug)]
pub struct KeySource {
    id: IssuerId,
    trusted: TrustedIssuer,
    clock: Clock,
    /// Weak, because the snapshot in it holds this source.
    sink: Weak<dyn KeySink>,
    metrics: Arc<Metrics>,
    gate: RefreshGate,
    latest: ArcSwapOption<IssuerKeys>,
    status: Mutex<KeyStatus>,
    awaited: Awaited,
}

impl KeySource {
    /// A source that has nothing yet.
    #[must_use]
    pub fn new(
        id: IssuerId,
        trusted: TrustedIssuer,
        clock: Clock,
        sink: Weak<dyn KeySink>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let gate = RefreshGate::new(trusted.refresh.cooldown);
        Self {
            id,
            trusted,
            clock,
            sink,
            metrics,
            gate,
            latest: ArcSwapOption::empty(),
            status: Mutex::default(),
            awaited: Awaited::default(),
        }
    }

    /// Begins with what another source of the same keys has read, so that no check waits for them again.
    pub(super) fn inherit(&self, other: &Self) {
        if let Some(keys) = other.latest() {
            let known = self.known(Arc::clone(&keys.set), keys.read_at);
            self.metrics.issuers().jwks_keys(
                &self.trusted.issuer.name,
                known.set.keys().len(),
                known.read_at,
            );
            self.latest.store(Some(Arc::new(known)));
            *self.status.lock().unwrap_or_else(PoisonError::into_inner) = other.status();
        }
    }

    /// Whether both read the same keys from the same place.
    pub(super) fn reads_as(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.trusted, &other.trusted);
        ours.issuer.identifier == theirs.issuer.identifier
            && ours.keys == theirs.keys
            && ours.ca_file == theirs.ca_file
            && ours.issuer.profile.algorithms == theirs.issuer.profile.algorithms
    }

    /// Whose keys.
    #[must_use]
    pub fn id(&self) -> IssuerId {
        self.id
    }

    /// Whose keys, and where they come from.
    #[must_use]
    pub fn trusted(&self) -> &TrustedIssuer {
        &self.trusted
    }

    /// The keys as last read.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<IssuerKeys>> {
        self.latest.load_full()
    }

    /// How the last refresh went.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Refreshes for ever; never ends.
    pub async fn run(&self) {
        let mut fetcher = KeyFetcher::new(self.trusted.clone());
        let mut failures = 0;
        if let Some(inherited) = self.latest() {
            // At the time that was due: edits in quick succession must not put it off.
            let age = self.clock.now().since(inherited.read_at);
            self.gate.due(self.trusted.refresh.interval.saturating_sub(age)).await;
        }
        loop {
            failures = if self.refresh(&mut fetcher).await { 0 } else { failures + 1 };
            self.gate.due(pause(self.trusted.refresh.interval, failures)).await;
        }
    }

    /// Refreshes once and tells whether it went well.
    async fn refresh(&self, fetcher: &mut KeyFetcher) -> bool {
        self.gate.started();
        let started = stopwatch();
        let result = fetcher.fetch().await;
        let outcome = if result.is_ok() { RefreshResult::Success } else { RefreshResult::Failure };
        self.metrics.issuers().jwks_refreshed(&self.trusted.issuer.name, outcome, started.elapsed());
        let succeeded = result.is_ok();
        match result {
            Ok(keys) => {
                let former = self.latest();
                self.accept(Arc::clone(&keys));
                former.iter().for_each(|former| self.measure(&former.set, &keys, started.elapsed()));
            }
            Err(fault) => self.note_failure(&fault),
        }
        self.gate.finished(!succeeded);
        succeeded
    }

    fn accept(&self, set: Arc<KeySet>) {
        let read_at = self.clock.now();
        self.log_change(&set);
        // The set itself stays while its keys do: what was verified with it goes on to hold.
        let former = self.latest().map(|former| Arc::clone(&former.set));
        let set = former.filter(|former| former.is_the_same_as(&set)).unwrap_or(set);
        let keys = Arc::new(self.known(set, read_at));
        self.metrics.issuers().jwks_keys(&self.trusted.issuer.name, keys.set.keys().len(), read_at);
        // Before they are put: whoever replaces the snapshot just now sees them here.
        self.latest.store(Some(Arc::clone(&keys)));
        if let Some(sink) = self.sink.upgrade() {
            sink.put_keys(self.id, &keys);
        }
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) =
            KeyStatus { tried_at: Some(read_at), last_error: None };
    }

    /// How long keys were on their way that were not there before; `refreshed` is how long it took to read them.
    fn measure(&self, former: &KeySet, now: &KeySet, refreshed: Duration) {
        let is_new = |label: &str| former.keys().iter().all(|key| key.label() != label);
        for key in now.keys().iter().filter(|key| is_new(key.label())) {
            let took = self.awaited.came(key.kid()).unwrap_or(refreshed);
            self.metrics.issuers().jwks_key_propagated(&self.trusted.issuer.name, took);
        }
    }

    fn known(&self, set: Arc<KeySet>, read_at: UnixTime) -> IssuerKeys {
        let from_file = matches!(self.trusted.keys, KeyOrigin::File(_));
        let stale_at = (!from_file).then(|| read_at.plus(self.trusted.refresh.max_stale));
        IssuerKeys { set, read_at, stale_at }
    }

    fn log_change(&self, set: &KeySet) {
        let labels = |set: &KeySet| set.keys().iter().map(|key| key.label().to_owned()).collect::<Vec<_>>();
        let new = labels(set);
        if self.latest.load().as_ref().is_none_or(|old| labels(&old.set) != new) {
            let skipped: Vec<_> =
                set.skipped().iter().map(|key| format!("{}: {}", key.position, key.fault)).collect();
            tracing::info!(issuer = %self.trusted.issuer.name, keys = new.join(" "), skipped = skipped.join("; "), "issuer keys read");
        }
    }

    fn note_failure(&self, fault: &RefreshFault) {
        let age = self.latest.load().as_ref().map(|keys| self.clock.now().since(keys.read_at));
        let keeps =
            age.map_or("no keys yet".to_owned(), |age| format!("last good keys, {} s old", age.as_secs()));
        tracing::warn!(issuer = %self.trusted.issuer.name, error = %fault, serving = keeps, "issuer keys could not be read");
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) =
            KeyStatus { tried_at: Some(self.clock.now()), last_error: Some(fault.to_string()) };
    }

    /// Asks the issuer, within the limits of the cool-down, and tells what is known then.
    pub(super) async fn refreshed(&self) -> Option<Arc<IssuerKeys>> {
        self.gate.ask(|| false).await;
        self.latest()
    }

    /// Asks the issuer because a plan met a key that is not known, and tells what is known then: as soon as
    /// the key is there, whichever refresh brought it.
    pub(super) async fn fresh_keys(&self, plan: &Plan<'_>, now: UnixTime) -> Facts {
        if let (Some(kid), Some(known)) = (plan.kid(), self.latest())
            && !plan.is_answered_by(&known.set)
        {
            self.awaited.named(kid);
        }
        let answered = || self.usable(now).filter(|known| plan.is_answered_by(&known.set)).is_some();
        let refreshed = self.gate.ask(answered).await;
        let Some(known) = self.latest() else { return Facts::Missing(OutageReason::KeysMissing) };
        if self.usable(now).is_none() {
            return Facts::Missing(OutageReason::KeysStale);
        }
        match refreshed {
            // The key may be a new one that we could not hear of.
            Refreshed::Failed if !plan.is_answered_by(&known.set) => {
                Facts::Missing(OutageReason::KeysUnreachable)
            }
            Refreshed::Failed | Refreshed::Succeeded => Facts::Keys(Arc::clone(&known.set)),
        }
    }

    fn usable(&self, now: UnixTime) -> Option<Arc<IssuerKeys>> {
        self.latest().filter(|known| known.stale_at.is_none_or(|stale_at| now < stale_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_retried_sooner_than_the_interval_and_then_less_often() {
        let minute = Duration::from_secs(60);
        let pauses: Vec<_> = (0..9).map(|failures| pause(minute, failures).as_secs()).collect();
        assert_eq!(pauses, [60, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(minute * 60, u32::MAX), Duration::from_secs(64));
        assert_eq!(pause(Duration::from_millis(500), 1), Duration::from_millis(500));
    }
}
