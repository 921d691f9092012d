//! `gatepost.yaml`: whom we trust and where we listen.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::audit::AuditDocument;
use super::introspection::IntrospectionDocument;
use super::revocation::RevocationDocument;
use super::suspicion::SuspicionDocument;
use super::telemetry::TelemetryDocument;
use super::values::{AlgorithmName, AudiencesDocument, DurationDocument, PresetName};

/// The whole file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatepostDocument {
    /// Where Envoy and operators reach the sidecar.
    pub listen: ListenDocument,
    /// Where revocations come from, so that a revoked token is refused before it expires.
    pub revocation: Option<RevocationDocument>,
    /// Bounds on every check.
    pub check: Option<CheckDocument>,
    /// Which checks are recorded, and where: a JSON object a line, for SIEMs, `explain --from-audit` and `diff`.
    pub audit: Option<AuditDocument>,
    /// What counts as suspicious use of tokens.
    pub suspicion: Option<SuspicionDocument>,
    /// Where traces and metrics are pushed.
    pub telemetry: Option<TelemetryDocument>,
    /// How the sidecar stops.
    pub shutdown: Option<ShutdownDocument>,
    /// The issuers whose access tokens are accepted.
    pub issuers: Vec<IssuerDocument>,
    /// The service as clients find it: gatepost answers for its metadata (RFC 9728).
    pub resource: Option<ResourceDocument>,
}

/// `resource`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceDocument {
    /// The https URL that clients call and ask tokens for (RFC 8707).
    pub identifier: String,
    /// Its name for people (`resource_name`).
    pub name: Option<String>,
    /// A page for developers (`resource_documentation`).
    pub documentation: Option<String>,
    /// A page about what clients may do with its data (`resource_policy_uri`).
    pub policy_uri: Option<String>,
    /// A page with its terms of service (`resource_tos_uri`).
    pub tos_uri: Option<String>,
    /// The scopes that clients may ask for (`scopes_supported`).
    pub scopes: Option<Vec<String>>,
}

/// `listen`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenDocument {
    /// Where Envoy asks: `unix:/path`, `unix:@name` (abstract) or `address:port`.
    pub authz: String,
    /// Permissions of the socket file, in octal. Default `"0666"`: the directory keeps others out.
    pub socket_mode: Option<String>,
    /// `address:port` for /metrics, /livez, /readyz and /statusz.
    pub admin: String,
}

/// `check`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckDocument {
    /// How long a check may take, Envoy's own deadline permitting. Default 800ms, from 10ms to 60s.
    pub deadline: Option<DurationDocument>,
    /// The longest token that is looked at. Default 16384, from 256 to
    /// 98304.
    pub max_token_bytes: Option<u32>,
    /// How much memory JWTs that verified may take, in MiB, so that a signature is verified once and not on every
    /// request. 0 keeps none. Default 16, at most 1024.
    pub max_known_mib: Option<u32>,
    /// Tell clients that are refused the reason's name, in a header `x-gatepost-reason`. Default false: only for
    /// networks whose clients are all trusted.
    pub debug: Option<bool>,
    /// Take `;` in a path for an ordinary character. Default false: such a path is refused.
    pub allow_path_parameters: Option<bool>,
}

/// `shutdown`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShutdownDocument {
    /// How long checks in flight may take to finish after SIGTERM. Default 10s, at most 5m.
    pub deadline: Option<DurationDocument>,
}

/// One of `issuers`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerDocument {
    /// The name in logs, metrics and /statusz.
    pub name: String,
    /// The issuer identifier, exactly as tokens carry it in `iss`.
    pub issuer: String,
    /// How this kind of authorization server makes access tokens. Default rfc9068. Other keys override what it
    /// sets.
    #[schemars(with = "Option<PresetName>")]
    pub preset: Option<String>,
    /// The audiences of which a token must have at least one. `any` waives this, and then
    /// `require_claims` is needed.
    pub audiences: AudiencesDocument,
    /// Accepted signature algorithms. Default: all asymmetric ones.
    #[schemars(with = "Option<Vec<AlgorithmName>>")]
    pub algorithms: Option<Vec<String>>,
    /// Accepted header types: `at+jwt`, `JWT`, and `none` for a header without one. Default: the preset's.
    pub token_types: Option<Vec<String>>,
    /// Claims that must be there, whatever their value. Default: the preset's.
    pub mandatory_claims: Option<Vec<String>>,
    /// Claims that must have this value, or one of these values; besides the preset's, unless it is the same
    /// claim.
    pub require_claims: Option<BTreeMap<String, Value>>,
    /// Claims that carry scopes. Default: the preset's.
    pub scope_claims: Option<Vec<String>>,
    /// Claims that name the client. Default: the preset's.
    pub client_claims: Option<Vec<String>>,
    /// How far `nbf` and `iat` may lie in the future. Default 5s, at most 60s.
    pub leeway: Option<DurationDocument>,
    /// How long after `exp` a token is still taken. Default 0s, at most 60s.
    pub expiry_leeway: Option<DurationDocument>,
    /// Where the keys are, when the issuer's metadata must not be asked.
    pub jwks_uri: Option<String>,
    /// A file with the keys, when the issuer must not be asked at all; relative to this directory.
    pub jwks_file: Option<String>,
    /// How the keys are kept fresh.
    pub keys: Option<KeysDocument>,
    /// How the issuer is asked about opaque tokens, and about others where a rule says so (RFC 7662).
    pub introspection: Option<IntrospectionDocument>,
    /// A PEM file with the certificate authorities to trust for this issuer, besides the system's.
    pub ca_file: Option<String>,
    /// Become ready without this issuer's keys. Default false.
    pub optional: Option<bool>,
}

/// `keys`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeysDocument {
    /// How often they are read again, plus or minus a tenth. Default 60s, at least 1s.
    pub refresh: Option<DurationDocument>,
    /// Unknown keys may make us ask four times at once, and once more each time this has passed. Default
    /// 5s, at least 1s.
    pub cooldown: Option<DurationDocument>,
    /// How long the last good keys serve while the issuer cannot be reached. Default 24h, from 10s
    /// to 30d, and at least twice `refresh`.
    pub max_stale: Option<DurationDocument>,
    /// How long one request to the issuer may take. Default 5s, from 100ms to 60s.
    pub timeout: Option<DurationDocument>,
}
