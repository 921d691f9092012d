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
    /// It waits to be written, or is.
    Written,
    /// This second has had as many as it may.
    LeftOut,
    /// Nobody takes lines fast enough.
    Dropped,
}

impl AuditResult {
    const ALL: [Self; 3] = [Self::Written, Self::LeftOut, Self::Dropped];

    const fn label(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::LeftOut => "left_out",
            Self::Dropped => "dropped",
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
        registry.register("audit_lines", "Lines of the audit log by what became of them", lines.clone());
        for result in AuditResult::ALL {
            drop(lines.get_or_create(&AuditLabels { result: result.label() }));
        }
        Self(lines)
    }

    /// Counts a line.
    pub fn line(&self, result: AuditResult) {
        self.0.get_or_create(&AuditLabels { result: result.label() }).inc();
    }
}
