//! The family that tells what became of telemetry that is pushed.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExportLabels {
    signal: &'static str,
    result: &'static str,
}

/// What became of telemetry that is pushed.
#[derive(Clone, Debug)]
pub struct ExportMetrics(Family<ExportLabels, Counter>);

/// What is pushed, and so what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// All metrics at once: a push counts as one.
    Metrics,
    /// Spans, each by itself.
    Traces,
    /// Records of the audit log, each by itself.
    Audit,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportResult {
    /// The collector took it.
    Success,
    /// The collector did not take it.
    Failure,
    /// It was never sent: too much waited already.
    Dropped,
}

impl Signal {
    const ALL: [Self; 3] = [Self::Metrics, Self::Traces, Self::Audit];

    const fn label(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Traces => "traces",
            Self::Audit => "audit",
        }
    }
}

impl ExportResult {
    const ALL: [Self; 3] = [Self::Success, Self::Failure, Self::Dropped];

    const fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Dropped => "dropped",
        }
    }
}

impl ExportMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let exports = Family::default();
        let help = "Spans, pushes of metrics and audit records for a collector, by what became of them";
        registry.register("telemetry_exports", help, exports.clone());
        let its = Self(exports);
        for (signal, result) in Signal::ALL.into_iter().flat_map(|s| ExportResult::ALL.map(|r| (s, r))) {
            its.count(signal, result, 0);
        }
        its
    }

    /// Counts so many.
    pub fn count(&self, signal: Signal, result: ExportResult, many: u64) {
        let labels = ExportLabels { signal: signal.label(), result: result.label() };
        self.0.get_or_create(&labels).inc_by(many);
    }
}
