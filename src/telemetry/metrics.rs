//! Every metric family, in one struct. Labels are closed enums and configured names, nothing else.

mod config;
mod trials;

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

pub use config::ConfigMetrics;
pub use trials::{AuditMetrics, AuditResult, TrialMetrics};

use crate::check::{Decision, DenyReason, OutageReason};
use crate::jose::UnixTime;

/// What [`Metrics::render`] returns, for `Content-Type`.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All families.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    allowed: Counter,
    answered: Counter,
    denied: Vec<Counter>,
    unavailable: Vec<Counter>,
    duration: Histogram,
    refreshes: Family<ResultLabels, Counter>,
    refresh_duration: Family<IssuerLabel, Histogram>,
    keys: Family<IssuerLabel, Gauge>,
    keys_read_at: Family<IssuerLabel, Gauge>,
    config: ConfigMetrics,
    trials: TrialMetrics,
    audit: AuditMetrics,
    calls: Family<ResultLabels, Counter>,
    call_duration: Family<IssuerLabel, Histogram>,
    saved: Family<ResultLabels, Counter>,
    inactive_though_verified: Family<IssuerLabel, Counter>,
    suspended: Family<IssuerLabel, Gauge>,
    answered_at: Family<IssuerLabel, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckLabels {
    outcome: &'static str,
    reason: &'static str,
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

impl Saved {
    const fn label(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Coalesced => "coalesced",
            Self::Stale => "stale",
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers all families. Every outcome and reason is there from the start, at zero, so that a rate
    /// over them never begins with a gap.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("gatepost");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Version of the running binary", build);

        let checks = Family::<CheckLabels, Counter>::default();
        registry.register("checks", "Checks by outcome and reason", checks.clone());
        let counter = |outcome, reason| checks.get_or_create_owned(&CheckLabels { outcome, reason });
        let denied = DenyReason::ALL.iter().map(|reason| counter("deny", reason.label())).collect();
        let unavailable =
            OutageReason::ALL.iter().map(|reason| counter("unavailable", reason.label())).collect();

        // 10 µs to 1.3 s, doubling.
        let duration = Histogram::new(exponential_buckets(10e-6, 2.0, 18));
        let help = "Time from reading a check to its decision";
        registry.register_with_unit("check_duration", help, Unit::Seconds, duration.clone());

        let refreshes = Family::default();
        registry.register("jwks_refreshes", "Refreshes of an issuer's keys by result", refreshes.clone());
        let refresh_duration = Family::new_with_constructor(remote as fn() -> Histogram);
        let help = "Time that a refresh of an issuer's keys took";
        registry.register_with_unit("jwks_refresh_duration", help, Unit::Seconds, refresh_duration.clone());
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

        let config = ConfigMetrics::register(&mut registry);
        let trials = TrialMetrics::register(&mut registry);
        let audit = AuditMetrics::register(&mut registry);
        let (allowed, answered) = (counter("allow", ""), counter("answer", ""));
        Self {
            registry,
            allowed,
            answered,
            denied,
            unavailable,
            duration,
            refreshes,
            refresh_duration,
            keys,
            keys_read_at,
            config,
            trials,
            audit,
            calls,
            call_duration,
            saved,
            inactive_though_verified,
            suspended,
            answered_at,
        }
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

    /// Counts a check that needed no introspection call.
    pub fn introspection_saved(&self, issuer: &str, how: Saved) {
        self.saved.get_or_create(&ResultLabels { issuer: issuer.to_owned(), result: how.label() }).inc();
    }

    /// Counts a JWT that the issuer calls inactive though its signature verifies.
    pub fn introspection_inactive_though_verified(&self, issuer: &str) {
        self.inactive_though_verified.get_or_create(&IssuerLabel { issuer: issuer.to_owned() }).inc();
    }

    /// Counts a decision.
    pub fn checked(&self, decision: &Decision, took: Duration) {
        let counter = match decision {
            Decision::Allow(_) => Some(&self.allowed),
            Decision::Answer(_) => Some(&self.answered),
            // The enums have no explicit values, so a variant's number is its place in ALL.
            Decision::Deny(denial) => self.denied.get(denial.reason as usize),
            Decision::Unavailable(outage) => self.unavailable.get(outage.reason as usize),
        };
        counter.map(Counter::inc);
        self.duration.observe(took.as_secs_f64());
    }

    /// Counts a refresh of an issuer's keys.
    pub fn jwks_refreshed(&self, issuer: &str, result: RefreshResult, took: Duration) {
        let labels = ResultLabels { issuer: issuer.to_owned(), result: result.label() };
        self.refreshes.get_or_create(&labels).inc();
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

    /// What is said of the configuration.
    #[must_use]
    pub fn config(&self) -> &ConfigMetrics {
        &self.config
    }

    /// What is said of policies on trial.
    #[must_use]
    pub fn trials(&self) -> &TrialMetrics {
        &self.trials
    }

    /// What is said of the audit log.
    #[must_use]
    pub fn audit(&self) -> AuditMetrics {
        self.audit.clone()
    }

    /// Forgets how an issuer is doing: it is not trusted any more, or in another way. What was counted stays.
    pub fn forget_state_of(&self, issuer: &str) {
        let label = IssuerLabel { issuer: issuer.to_owned() };
        for gauge in [&self.keys, &self.keys_read_at, &self.suspended, &self.answered_at] {
            gauge.remove(&label);
        }
    }

    /// The text that Prometheus scrapes, in the OpenMetrics format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            // A String takes every write.
            Err(std::fmt::Error) => String::new(),
        }
    }
}

/// 1 ms to 16 s, doubling: for what goes over the network.
fn remote() -> Histogram {
    Histogram::new(exponential_buckets(1e-3, 2.0, 15))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Denial, Outage};

    #[test]
    fn counts_each_reason_under_its_own_label() {
        let metrics = Metrics::new();
        for (times, reason) in DenyReason::ALL.iter().enumerate() {
            let decision = Decision::Deny(Denial { reason: *reason, rule: None, hints: None });
            (0..times).for_each(|_| metrics.checked(&decision, Duration::from_micros(15)));
        }
        for (times, reason) in OutageReason::ALL.iter().copied().enumerate() {
            let decision = Decision::Unavailable(Outage { reason, rule: None, issuer: None });
            (0..times).for_each(|_| metrics.checked(&decision, Duration::ZERO));
        }
        metrics.checked(&Decision::Answer("{}".into()), Duration::ZERO);
        let text = metrics.render();
        for (times, reason) in DenyReason::ALL.iter().enumerate() {
            let line =
                format!("gatepost_checks_total{{outcome=\"deny\",reason=\"{}\"}} {times}\n", reason.label());
            assert!(text.contains(&line), "{line}{text}");
        }
        for (times, reason) in OutageReason::ALL.iter().enumerate() {
            let line = format!(
                "gatepost_checks_total{{outcome=\"unavailable\",reason=\"{}\"}} {times}\n",
                reason.label()
            );
            assert!(text.contains(&line), "{line}{text}");
        }
        assert!(text.contains("gatepost_checks_total{outcome=\"allow\",reason=\"\"} 0"));
        assert!(text.contains("gatepost_checks_total{outcome=\"answer\",reason=\"\"} 1"));
        assert!(text.ends_with("# EOF\n"));
    }
}
