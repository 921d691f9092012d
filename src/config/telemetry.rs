//! What `telemetry` says, ready to use.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

/// Where telemetry goes besides /metrics and standard output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// The collector, where there is one.
    pub otlp: Option<OtlpSettings>,
}

/// What is pushed, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpSettings {
    /// Where to.
    pub collector: CollectorSettings,
    /// Whether sampled checks are traced.
    pub traces: bool,
    /// Whether metrics are pushed.
    pub metrics: bool,
    /// How often.
    pub push_every: Duration,
}

/// A collector that takes OTLP over gRPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorSettings {
    /// Where it is.
    pub endpoint: Url,
    /// Certificate authorities to trust for it, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Names of headers, and the files with their values, which are read for each export.
    pub header_files: Vec<(String, PathBuf)>,
    /// Resource attributes, `service.name` among them.
    pub attributes: Vec<(String, String)>,
}
