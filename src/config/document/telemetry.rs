//! `telemetry`: where traces and metrics are pushed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::DurationDocument;

/// `telemetry`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetryDocument {
    /// A collector that takes OTLP over gRPC. A change of it needs a restart.
    pub otlp: Option<OtlpDocument>,
}

/// `otlp`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtlpDocument {
    /// The collector: `http://` or `https://`, host and port, no path.
    pub endpoint: String,
    /// A PEM file with the certificate authorities to trust for it, instead of the system's.
    pub ca_file: Option<String>,
    /// Headers to send to it, each with the file that holds its value; read again for each export.
    pub header_files: Option<BTreeMap<String, String>>,
    /// Push a trace of every check that the caller's trace context calls sampled. Default true.
    pub traces: Option<bool>,
    /// Push what /metrics shows. Default true.
    pub metrics: Option<bool>,
    /// How often metrics are pushed; once more at the end. Default 60s, from 1s to 1h.
    pub push_every: Option<DurationDocument>,
    /// Resource attributes, such as `service.namespace`. Default of `service.name`: gatepost.
    pub attributes: Option<BTreeMap<String, String>>,
}

/// A collector, for whatever it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectorDocument {
    /// The collector: `http://` or `https://`, host and port, no path.
    pub endpoint: String,
    /// A PEM file with the certificate authorities to trust for it, instead of the system's.
    pub ca_file: Option<String>,
    /// Headers to send to it, each with the file that holds its value; read again for each export.
    pub header_files: Option<BTreeMap<String, String>>,
    /// Resource attributes, such as `service.namespace`. Default of `service.name`: gatepost.
    pub attributes: Option<BTreeMap<String, String>>,
}

impl OtlpDocument {
    /// The part that says where, not what.
    #[must_use]
    pub fn collector(&self) -> CollectorDocument {
        let Self { endpoint, ca_file, header_files, attributes, .. } = self.clone();
        CollectorDocument { endpoint, ca_file, header_files, attributes }
    }
}
