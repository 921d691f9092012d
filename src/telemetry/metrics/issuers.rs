//! The families that tell how issuers are doing: their keys, and what they say of tokens.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::jose::UnixTime;

/// How issuers are doing.
#[derive(Debug)]
pub struct IssuerMetrics {
    refreshes: Family<ResultLabels, Counter>,
    refresh_duration: Family<IssuerLabel, Histogram>,
    propagation: Family<IssuerLabel, Histogram>,
    keys: Family<IssuerLabel, Gauge>,
    keys_read_at: Family<IssuerLabel, Gauge>,
    calls: Family<ResultLabels, Counter>,
    call_duration: Family<IssuerLabel, Histogram>,
    saved: Family<ResultLabels, Counter>,
    inactive_though_verified: Family<IssuerLabel, Counter>,
    suspended: Family<IssuerLabel, Gauge>,
    answered_at: Family<IssuerLabel, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IssuerLabel {
    issuer: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    issuer: String,
    result: &'static str,
}

/// How a refresh went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshResult {
    /// The keys were read.
    Success,
    /// They were not; the last good ones serve on.
    Failure,
}

impl RefreshResult {
    const ALL: [Self; 2] = [Self::Success, Self::Failure];

    const fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

/// How an introspection call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// The token is active.
    Active,
    /// It is not.
    Inactive,
    /// Our own client credentials were refused: it is for us to mend.
    Rejected,
    /// There was no answer.
    Failure,
}

impl CallResult {
    const ALL: [Self; 4] = [Self::Active, Self::Inactive, Self::Rejected, Self::Failure];

    const fn label(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Rejected => "rejected",
            Self::Failure => "failure",
        }
    }
}

/// How a check needed no introspection call of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// A recent answer was kept.
    Cached,
    /// Another check was asking already.
    Coalesced,
    /// An older answer served while the issuer could not be asked.
    Stale,
}

/// Counts checks that needed no call of their own, for one issuer. Counting makes no label.
#[derive(Debug)]
pub struct Saves([Counter; Saved::ALL.len()]);

impl Saves {
    /// Counts one.
    pub fn count(&self, how: Saved) {
        // The enum has no explicit values, so a variant's number is its place in ALL.
        self.0.get(how as usize).map(Counter::inc);
    }
}

impl Saved {
    const ALL: [Self; 3] = [Self::Cached, Self::Coalesced, Self::Stale];

    const fn label(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Coalesced => "coalesced",
            Self::Stale => "stale",
        }
    }
}

impl IssuerMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let refreshes = Family::default();
        registry.register("jwks_refreshes", "Refreshes of an issuer's keys by result", refreshes.clone());
        let refresh_duration = Family::new_with_constructor(remote as fn() -> Histogram);
        let help = "Time that a refresh of an issuer's keys took";
        registry.register_with_unit("jwks_refresh_duration", help, Unit::Seconds, refresh_duration.clone());
        let propagation = Family::new_with_constructor(rotation as fn() -> Histogram);
        let help = "Time from when a new key of an issuer was first heard of, in a token or else by the refresh \
                    that brought it, until checks could use it";
        registry.register_with_unit("jwks_key_propagation", help, Unit::Seconds, propagation.clone());
        let keys = Family::default();
        registry.register("jwks_keys", "Usable keys of an issuer", keys.clone());
        let keys_read_at = Family::default();
        let help = "When an issuer's keys were last read, as a Unix time; their age is time() minus this";
        registry.register_with_unit("jwks_read_timestamp", help, Unit::Seconds, keys_read_at.clone());

        let calls = Family::default();
        registry.register("introspection_calls", "Introspection calls by result", calls.clone());
        let call_duration = Family::new_with_constructor(remote as fn() -> Histogram);
        let help = "Time that an introspection call took";
        registry.register_with_unit(
            "introspection_call_duration",
            help,
            Unit::Seconds,
            call_duration.clone(),
        );
        let saved = Family::default();
        let help = "Checks that needed no introspection call of their own, by why";
        registry.register("introspection_saved", help, saved.clone());
        let inactive_though_verified = Family::default();
        let help = "JWTs whose signature verifies that the issuer calls inactive: revoked, or not told to our client";
        registry.register("introspection_inactive_though_verified", help, inactive_though_verified.clone());
        let suspended = Family::default();
        let help = "1 while introspection of an issuer is suspended after failures, else 0";
        registry.register("introspection_suspended", help, suspended.clone());
        let answered_at = Family::default();
        let help = "When an issuer last answered about a token, as a Unix time";
        registry.register_with_unit(
            "introspection_answer_timestamp",
            help,
            Unit::Seconds,
            answered_at.clone(),
        );

        Self {
            refreshes,
            refresh_duration,
            propagation,
            keys,
            keys_read_at,
            calls,
            call_duration,
            saved,
            inactive_though_verified,
            suspended,
            answered_at,
        }
    }

    /// Shows what is counted of an issuer from the start, at zero.
    pub fn follow(&self, issuer: &str, is_asked: bool) {
        let label = IssuerLabel { issuer: issuer.to_owned() };
        for result in RefreshResult::ALL {
            drop(self.refreshes.get_or_create(&results(issuer, result.label())));
        }
        drop(self.refresh_duration.get_or_create(&label));
        drop(self.propagation.get_or_create(&label));
        if is_asked {
            for result in CallResult::ALL {
                drop(self.calls.get_or_create(&results(issuer, result.label())));
            }
            drop(self.call_duration.get_or_create(&label));
            drop(self.inactive_though_verified.get_or_create(&label));
            self.introspection_suspended(issuer, false);
        }
    }

    /// Counts what an issuer need not be asked.
    #[must_use]
    pub fn saves(&self, issuer: &str) -> Saves {
        Saves(Saved::ALL.map(|how| self.saved.get_or_create_owned(&results(issuer, how.label()))))
    }

    /// Notes how long a new key was on its way.
    pub fn jwks_key_propagated(&self, issuer: &str, took: Duration) {
        self.propagation
            .get_or_create(&IssuerLabel { issuer: issuer.to_owned() })
            .observe(took.as_secs_f64());
    }

    /// Notes whether an issuer is asked about tokens.
    pub fn introspection_suspended(&self, issuer: &str, suspended: bool) {
        self.suspended.get_or_create(&IssuerLabel { issuer: issuer.to_owned() }).set(i64::from(suspended));
    }

    /// Notes that an issuer answered about a token.
    pub fn introspection_answered(&self, issuer: &str, at: UnixTime) {
        self.answered_at.get_or_create(&IssuerLabel { issuer: issuer.to_owned() }).set(at.as_millis() / 1000);
    }

    /// Counts an introspection call.
    pub fn introspection_called(&self, issuer: &str, result: CallResult, took: Duration) {
        let labels = ResultLabels { issuer: issuer.to_owned(), result: result.label() };
        self.calls.get_or_create(&labels).inc();
        self.call_duration
            .get_or_create(&IssuerLabel { issuer: issuer.to_owned() })
            .observe(took.as_secs_f64());
    }

    /// Counts a JWT that the issuer calls inactive though its signature verifies.
    pub fn introspection_inactive_though_verified(&self, issuer: &str) {
        self.inactive_though_verified.get_or_create(&IssuerLabel { issuer: issuer.to_owned() }).inc();
    }

    /// Counts a refresh of an issuer's keys.
    pub fn jwks_refreshed(&self, issuer: &str, result: RefreshResult, took: Duration) {
        self.refreshes.get_or_create(&results(issuer, result.label())).inc();
        self.refresh_duration
            .get_or_create(&IssuerLabel { issuer: issuer.to_owned() })
            .observe(took.as_secs_f64());
    }

    /// Notes that an issuer's keys were read.
    pub fn jwks_keys(&self, issuer: &str, count: usize, read_at: UnixTime) {
        let label = IssuerLabel { issuer: issuer.to_owned() };
        self.keys.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
        self.keys_read_at.get_or_create(&label).set(read_at.as_millis() / 1000);
    }

    /// Forgets how an issuer is doing: it is not trusted any more, or in another way. What was counted stays.
    pub fn forget_state_of(&self, issuer: &str) {
        let label = IssuerLabel { issuer: issuer.to_owned() };
        for gauge in [&self.keys, &self.keys_read_at, &self.suspended, &self.answered_at] {
            gauge.remove(&label);
        }
    }
}

fn results(issuer: &str, result: &'static str) -> ResultLabels {
    ResultLabels { issuer: issuer.to_owned(), result }
}

/// 1 ms to 131 s, doubling: a new key may be used before it is published.
fn rotation() -> Histogram {
    Histogram::new(exponential_buckets(1e-3, 2.0, 18))
}

/// 1 ms to 16 s, doubling: for what goes over the network.
fn remote() -> Histogram {
    Histogram::new(exponential_buckets(1e-3, 2.0, 15))
}
