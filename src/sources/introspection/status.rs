//! What an operator sees of an introspecting issuer: counts, the last error, the breaker.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::breaker::BreakerState;
use crate::jose::UnixTime;
use crate::telemetry::metrics::{Saved, Saves};

/// One moment's view.
#[derive(Clone, Debug)]
pub struct IntrospectionStatus {
    /// Whether the issuer is asked.
    pub breaker: BreakerState,
    /// Calls that ended, well or not.
    pub calls: u64,
    /// Checks that were answered from the cache.
    pub cached: u64,
    /// Checks that shared another's call.
    pub coalesced: u64,
    /// Checks that an older answer served during an outage.
    pub stale: u64,
    /// Answers kept, about.
    pub kept: u64,
    /// When a call last ended well.
    pub answered_at: Option<UnixTime>,
    /// Why the last call failed; none when it did not.
    pub last_error: Option<String>,
}

impl IntrospectionStatus {
    /// The share of checks that needed no call of their own, from 0 to 1; none before the first check.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn hit_ratio(&self) -> Option<f64> {
        let saved = self.cached + self.coalesced;
        let all = saved + self.calls;
        (all > 0).then(|| saved as f64 / all as f64)
    }
}

/// Counts as they come.
#[derive(Debug)]
pub(super) struct Tally {
    saves: Saves,
    calls: AtomicU64,
    cached: AtomicU64,
    coalesced: AtomicU64,
    stale: AtomicU64,
    last: Mutex<Last>,
    told_at: AtomicI64,
}

#[derive(Clone, Debug, Default)]
struct Last {
    answered_at: Option<UnixTime>,
    error: Option<String>,
}

impl Tally {
    /// Counts from zero, what is saved also in the metrics.
    pub(super) fn new(saves: Saves) -> Self {
        Self {
            saves,
            calls: AtomicU64::default(),
            cached: AtomicU64::default(),
            coalesced: AtomicU64::default(),
            stale: AtomicU64::default(),
            last: Mutex::default(),
            told_at: AtomicI64::default(),
        }
    }

    pub(super) fn saved(&self, how: Saved) {
        self.saves.count(how);
        let counter = match how {
            Saved::Cached => &self.cached,
            Saved::Coalesced => &self.coalesced,
            Saved::Stale => &self.stale,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn succeeded(&self, now: UnixTime) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
            Last { answered_at: Some(now), error: None };
    }

    pub(super) fn failed(&self, error: String) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.last.lock().unwrap_or_else(PoisonError::into_inner).error = Some(error);
    }

    /// True at most once a minute.
    pub(super) fn worth_telling(&self, now: UnixTime) -> bool {
        let (now, told) = (now.as_millis(), self.told_at.load(Ordering::Relaxed));
        now - told >= 60_000
            && self.told_at.compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    pub(super) fn status(&self, breaker: BreakerState, kept: u64) -> IntrospectionStatus {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        IntrospectionStatus {
            breaker,
            calls: self.calls.load(Ordering::Relaxed),
            cached: self.cached.load(Ordering::Relaxed),
            coalesced: self.coalesced.load(Ordering::Relaxed),
            stale: self.stale.load(Ordering::Relaxed),
            kept,
            answered_at: last.answered_at,
            last_error: last.error,
        }
    }
}
