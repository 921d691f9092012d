//! The families that tell what policies on trial would have decided, and how the audit log is doing.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::check::trial::Tried;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TrialLabels {
    policy: &'static str,
    rule: Arc<str>,
    difference: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AuditLabels {
    result: &'static str,
}

/// What policies on trial would have decided.
#[derive(Clone, Debug)]
pub struct TrialMetrics(Family<TrialLabels, Counter>);

/// What became of lines of the audit log.
#[derive(Clone, Debug)]
pub struct AuditMetrics(Family<AuditLabels, Counter>);

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditResult {
    /// It is written, or a collector has it.
    Written,
    /// This second has had as many as it may.
    LeftOut,
    /// Nobody takes lines fast enough, or nobody will take this one.
    Dropped,
    /// An attempt to write some failed, and is made again: no line is counted so for good.
    Retried,
}

impl AuditResult {
    /// All.
    pub const ALL: [Self; 4] = [Self::Written, Self::LeftOut, Self::Dropped, Self::Retried];

    /// The value of the metric label `result`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::LeftOut => "left_out",
            Self::Dropped => "dropped",
            Self::Retried => "retried",
        }
    }
}

impl TrialMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let tried = Family::default();
        let help =
            "Checks that a policy on trial judged too, by the rule of it that would apply and the difference";
        registry.register("trial_checks", help, tried.clone());
        Self(tried)
    }

    /// Counts a check that a policy on trial judged. The labels are names from the configuration.
    pub fn tried(&self, tried: &Tried) {
        let labels = TrialLabels {
            policy: tried.kind.label(),
            rule: tried.rule.clone().unwrap_or_default(),
            difference: tried.difference.label(),
        };
        self.0.get_or_create(&labels).inc();
    }
}

impl AuditMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let lines = Family::<AuditLabels, Counter>::default();
        let help = "Lines of the audit log by what became of them, and attempts that are made again";
        registry.register("audit_lines", help, lines.clone());
        for result in AuditResult::ALL {
            drop(lines.get_or_create(&AuditLabels { result: result.label() }));
        }
        Self(lines)
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self, result: AuditResult) -> u64 {
        self.0.get_or_create(&AuditLabels { result: result.label() }).get()
    }

    /// Counts a line.
    pub fn line(&self, result: AuditResult) {
        self.0.get_or_create(&AuditLabels { result: result.label() }).inc();
    }
}
