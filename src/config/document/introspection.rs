//! `introspection` of an issuer: how it is asked about tokens.

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::DurationDocument;

/// `introspection`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntrospectionDocument {
    /// Who we are at the issuer.
    pub client: ClientDocument,
    /// Where to ask. Default: `introspection_endpoint` of the issuer's metadata.
    pub endpoint: Option<String>,
    /// Which opaque tokens are this issuer's, where several issuers introspect.
    pub tokens: Option<OpaqueTokensDocument>,
    /// `required`: only answers signed by the issuer count (RFC 9701). Default: signed ones are verified,
    /// plain ones are taken too.
    pub signed: Option<RequirementDocument>,
    /// `required` (the default): an active answer must say `token_type`, because some servers call refresh
    /// tokens active too, without one. `optional` for servers that never say it.
    pub token_type: Option<RequirementDocument>,
    /// How long answers are kept.
    pub cache: Option<CacheDocument>,
    /// How much the issuer is asked.
    pub limits: Option<LimitsDocument>,
    /// While the issuer can't be asked: `deny` (the default, an outage answer), or `{ stale: 5m }`, for how
    /// long after it was given an active answer about an unexpired token may still serve.
    pub when_unreachable: Option<UnreachableDocument>,
    /// How long one call may take. Default 500ms, from 10ms to 60s; `check.deadline` bounds it too.
    pub timeout: Option<DurationDocument>,
}

/// `client`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientDocument {
    /// The client id.
    pub id: String,
    /// How we authenticate (RFC 7591 §2, RFC 8705 §2).
    pub auth: ClientAuthDocument,
    /// The file with the secret, for `client_secret_basic` and `client_secret_post`; read again for each call.
    pub secret_file: Option<String>,
    /// The file with the private key (PEM), for `private_key_jwt` and `tls_client_auth`.
    pub key_file: Option<String>,
    /// The `kid` to name in the assertion, for `private_key_jwt`.
    pub key_id: Option<String>,
    /// The algorithm of the assertion, for `private_key_jwt`. Default ES256.
    pub algorithm: Option<String>,
    /// The file with the client certificate and its chain (PEM), for `tls_client_auth`.
    pub certificate_file: Option<String>,
}

/// `auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ClientAuthDocument {
    /// The secret in the Authorization header.
    ClientSecretBasic,
    /// The secret in the body.
    ClientSecretPost,
    /// A signed assertion (RFC 7523 §2.2).
    PrivateKeyJwt,
    /// A client certificate.
    TlsClientAuth,
}

/// `signed` and `token_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RequirementDocument {
    /// It must be there.
    Required,
    /// It may be there.
    Optional,
}

/// `tokens`: an opaque token is this issuer's if it fits all that is written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpaqueTokensDocument {
    /// It begins with one of these.
    pub prefixes: Option<Vec<String>>,
    /// It is presented to one of these hosts.
    pub hosts: Option<Vec<String>>,
}

/// `cache`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CacheDocument {
    /// How long an active answer is kept, never beyond the token's `exp`. Default 30s, at most 1h.
    pub active: Option<DurationDocument>,
    /// How long an inactive answer is kept. Default 5s, at most 10s.
    pub inactive: Option<DurationDocument>,
    /// Keep an active answer for at most half of the token's remaining life. Default false.
    pub half_life: Option<bool>,
    /// Ask again ahead of time about tokens in use, so that no request waits for it. Default true.
    pub refresh_ahead: Option<bool>,
    /// How much memory active answers may take, in MiB; inactive ones a quarter of it. Default 16, from 1 to
    /// 1024.
    pub max_mib: Option<u32>,
}

/// `limits`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsDocument {
    /// How many calls may be in flight. Default 64, from 1 to 10000.
    pub in_flight: Option<u32>,
    /// How many unknown tokens one client address may make us ask about at once. Default 50, from 1 to 100000.
    pub burst_per_source: Option<u32>,
    /// How many more than `burst_per_source` each second. Default 5, from 1 to 100000.
    pub per_second_per_source: Option<u32>,
    /// How many failures in a row suspend asking. Default 5, from 1 to 1000.
    pub failures: Option<u32>,
    /// How long asking is suspended, before one call tries again. Default 5s, from 100ms to 5m. A `Retry-After`
    /// of the issuer is obeyed, up to 5m.
    pub suspend: Option<DurationDocument>,
}

/// `when_unreachable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum UnreachableDocument {
    /// An outage answer.
    Deny,
    /// An active answer serves for this long after it was given. At most 24h.
    Stale(DurationDocument),
}
