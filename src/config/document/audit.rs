//! `audit`: which checks are recorded, how, and where to.

use schemars::JsonSchema;
use serde::Deserialize;

use super::telemetry::CollectorDocument;

/// `audit`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditDocument {
    /// Which checks. Default `denials`: those that were not allowed, outages too, and `differences`: those that a rule
    /// or policy on trial would have decided otherwise. A rule's `audit` goes before it. `none` and `all` as they say.
    pub requests: Option<AuditRequestsDocument>,
    /// The share of the other checks, by chance, from 0 to 1, such as 0.01. Default 0.
    pub sample: Option<f64>,
    /// At most so many lines a second; what is left out is counted. Default 100, up to 10000.
    pub per_second: Option<u32>,
    /// Where lines go. Default `stdout`.
    pub to: Option<AuditDestinationDocument>,
    /// `hashed`, the default: subjects and clients as HMAC-SHA-256 of them, and no personal claims. `plain`: as tokens
    /// have them.
    pub identities: Option<IdentitiesDocument>,
    /// A file with the key of those hashes, at least 16 bytes; relative to this directory. Without one, a random key
    /// lasts as long as the process.
    pub hash_key_file: Option<String>,
}

/// `to`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum AuditDestinationDocument {
    /// Standard output.
    #[default]
    Stdout,
    /// A file.
    File(AuditFileDocument),
    /// OTLP logs over gRPC.
    Otlp(CollectorDocument),
}

/// `file`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditFileDocument {
    /// The file, relative to this directory; only its owner may read it. Older ones end in `.1`, `.2` and so on.
    pub path: String,
    /// The size in MiB from which another one is begun. Default 64, up to 10240.
    pub max_mib: Option<u32>,
    /// How many older ones are kept. Default 5, up to 100.
    pub keep: Option<u32>,
}

/// `identities`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum IdentitiesDocument {
    /// Hashed with a key.
    Hashed,
    /// As tokens have them.
    Plain,
}

/// `requests`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum AuditRequestsDocument {
    /// None.
    None,
    /// Those that a rule or policy on trial would have decided otherwise.
    Differences,
    /// Those, and all that were not allowed.
    Denials,
    /// All.
    All,
}
