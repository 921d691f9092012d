//! Every metric family, in one struct. Labels are closed enums and configured names, nothing else.

mod clients;
mod config;
mod exemplars;
mod exports;
mod format;
mod issuers;
mod known_tokens;
mod revocation;
mod rules;
mod runtime;
mod suspicion;
mod trials;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

pub use clients::ActiveClients;
pub use config::ConfigMetrics;
use exemplars::Exemplars;
pub use exports::{ExportMetrics, ExportResult, Signal};
pub use format::Format;
pub use issuers::{CallResult, IssuerMetrics, RefreshResult, Saved, Saves};
use known_tokens::KnownTokenFamilies;
pub use revocation::{FeedSeen, RevocationMetrics, RevocationsSeen, SeesRevocations};
pub use rules::RuleMetrics;
pub use runtime::RuntimeMetrics;
pub use suspicion::SuspicionMetrics;
pub use trials::{AuditMetrics, AuditResult, TrialMetrics};

use crate::check::known_tokens::KnownTokens;
use crate::check::trace_context::TraceId;
use crate::check::{Decision, DenyReason, OutageReason};
use crate::jose::UnixTime;

/// All families.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Those whose names have no prefix of ours.
    standard: Registry,
    allowed: Counter,
    answered: Counter,
    denied: Vec<Counter>,
    unavailable: Vec<Counter>,
    duration: Histogram,
    exemplars: Exemplars,
    rules: RuleMetrics,
    runtime: RuntimeMetrics,
    config: ConfigMetrics,
    trials: TrialMetrics,
    audit: AuditMetrics,
    exports: ExportMetrics,
    issuers: IssuerMetrics,
    revocations: RevocationMetrics,
    suspicion: SuspicionMetrics,
    clients: ActiveClients,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckLabels {
    outcome: &'static str,
    reason: &'static str,
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
        let bounds = || exponential_buckets(10e-6, 2.0, 18);
        let (duration, exemplars) = (Histogram::new(bounds()), Exemplars::of(bounds()));
        let help = "Time from reading a check to its decision";
        registry.register_with_unit("check_duration", help, Unit::Seconds, duration.clone());

        let rules = RuleMetrics::register(&mut registry);
        let runtime = RuntimeMetrics::register(&mut registry);
        let issuers = IssuerMetrics::register(&mut registry);
        let revocations = RevocationMetrics::register(&mut registry);
        let config = ConfigMetrics::register(&mut registry);
        let trials = TrialMetrics::register(&mut registry);
        let audit = AuditMetrics::register(&mut registry);
        let exports = ExportMetrics::register(&mut registry);
        let mut standard = Registry::default();
        standard.register_collector(Box::new(runtime::Process));
        let suspicion = SuspicionMetrics::register(&mut registry);
        let clients = ActiveClients::register(&mut registry);
        let (allowed, answered) = (counter("allow", ""), counter("answer", ""));
        Self {
            registry,
            standard,
            allowed,
            answered,
            denied,
            unavailable,
            duration,
            exemplars,
            rules,
            runtime,
            config,
            trials,
            audit,
            exports,
            issuers,
            revocations,
            suspicion,
            clients,
        }
    }

    /// Shows how often tokens were known, too.
    #[must_use]
    pub fn with_known_tokens(mut self, known: &Arc<KnownTokens>) -> Self {
        self.registry.register_collector(Box::new(KnownTokenFamilies(Arc::clone(known))));
        self
    }

    /// Shows what feeds know of themselves, too.
    #[must_use]
    pub fn with_feeds(mut self, feeds: impl SeesRevocations) -> Self {
        self.registry.register_collector(Box::new(revocation::Feeds(Box::new(feeds))));
        self
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

    /// Lets the duration of a decision that was counted name its trace.
    pub fn traced(&self, took: Duration, now: UnixTime, trace_id: TraceId) {
        self.exemplars.keep(took, now, trace_id);
    }

    /// Who comes.
    #[must_use]
    pub fn clients(&self) -> &ActiveClients {
        &self.clients
    }

    /// What is said of rules.
    #[must_use]
    pub fn rules(&self) -> &RuleMetrics {
        &self.rules
    }

    /// What the process is busy with.
    #[must_use]
    pub fn runtime(&self) -> &RuntimeMetrics {
        &self.runtime
    }

    /// What is said of the configuration.
    #[must_use]
    pub fn config(&self) -> &ConfigMetrics {
        &self.config
    }

    /// What is said of issuers.
    #[must_use]
    pub fn issuers(&self) -> &IssuerMetrics {
        &self.issuers
    }

    /// What is said of revocations.
    #[must_use]
    pub fn revocations(&self) -> &RevocationMetrics {
        &self.revocations
    }

    /// What is said of suspicious use.
    #[must_use]
    pub fn suspicion(&self) -> &SuspicionMetrics {
        &self.suspicion
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

    /// What is said of exports.
    #[must_use]
    pub fn exports(&self) -> ExportMetrics {
        self.exports.clone()
    }

    /// The text that Prometheus scrapes, in the OpenMetrics format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        let encoded = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &self.standard))
            .and_then(|()| encode_eof(&mut text));
        match encoded {
            Ok(()) => self.exemplars.join(text, "gatepost_check_duration_seconds_bucket{"),
            // A String takes every write.
            Err(std::fmt::Error) => String::new(),
        }
    }

    /// What Prometheus scrapes, in the format that it wants.
    #[must_use]
    pub fn render_as(&self, format: Format) -> String {
        match format {
            Format::OpenMetrics => self.render(),
            Format::Prometheus => format::to_prometheus(&self.render()),
        }
    }
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
