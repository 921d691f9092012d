//! The families that tell which configuration is in use, and whether a newer one was refused.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::jose::UnixTime;

/// The state of the configuration.
#[derive(Debug)]
pub struct ConfigMetrics {
    generation: Gauge,
    applied_at: Gauge,
    rejected: Gauge,
    rejections: Counter,
    candidate_rejected: Gauge,
    digest: Digest,
}

/// Tells the files of one configuration from any others.
#[derive(Clone, Debug, Default)]
struct Digest(Arc<Mutex<String>>);

impl EncodeMetric for Digest {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        let digest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        encoder.encode_info(&[("sha256", digest.as_str())])
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Info
    }
}

impl ConfigMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let generation = Gauge::default();
        registry.register("config_generation", "Configurations applied since the start", generation.clone());
        let applied_at = Gauge::default();
        let help = "When the configuration in use, the last good one, was applied, as a Unix time";
        registry.register_with_unit("config_applied_timestamp", help, Unit::Seconds, applied_at.clone());
        let rejected = Gauge::default();
        let help = "1 while the files hold a configuration that was refused, else 0";
        registry.register("config_rejected", help, rejected.clone());
        let rejections = Counter::default();
        registry.register("config_rejections", "Configurations refused since the start", rejections.clone());
        let candidate_rejected = Gauge::default();
        let help = "1 while policy.next.yaml has problems and is not tried out, else 0";
        registry.register("config_candidate_rejected", help, candidate_rejected.clone());
        let digest = Digest::default();
        let help = "The configuration in use: SHA-256 over its files, the same wherever they are the same";
        registry.register("config", help, digest.clone());
        Self { generation, applied_at, rejected, rejections, candidate_rejected, digest }
    }

    /// Notes the configuration in use.
    pub fn applied(&self, generation: u64, at: UnixTime) {
        self.generation.set(i64::try_from(generation).unwrap_or(i64::MAX));
        self.applied_at.set(at.as_millis() / 1000);
    }

    /// Notes what the files of the configuration in use come to.
    pub fn digest(&self, sha256: &[u8]) {
        let text = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        *self.digest.0.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// Notes that an edit was refused: the files say something else than what is in use.
    pub fn rejected(&self) {
        self.rejections.inc();
        self.rejected.set(1);
    }

    /// Notes whether the candidate policy is refused.
    pub fn candidate(&self, rejected: bool) {
        self.candidate_rejected.set(i64::from(rejected));
    }

    /// Notes that the files say what is in use.
    pub fn accepted(&self) {
        self.rejected.set(0);
    }
}
