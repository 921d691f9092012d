//! `revocation`: where revocations come from, and what holds while they do not come.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::introspection::ClientDocument;
use super::values::DurationDocument;

/// `revocation`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevocationDocument {
    /// Where revocations come from. All are followed, and what one brings holds whatever the others say.
    pub feeds: Vec<FeedDocument>,
    /// How long a feed may be silent before it is stale. Default 10s, from 1s to 1h.
    pub stale_after: Option<DurationDocument>,
    /// While a feed is stale: `continue` (the default) with the revocations that are known, `introspect` every
    /// token whose issuer can be asked, or `deny`, which is an outage answer. A rule can be stricter.
    pub when_stale: Option<WhenStaleDocument>,
    /// How the sidecar starts.
    pub catch_up: Option<CatchUpDocument>,
    /// The longest that an access token of any issuer lives: a revocation is kept for as long, and a token that
    /// lives longer is refused. Default 24h, from 1m to 366d.
    pub max_token_lifetime: Option<DurationDocument>,
    /// What differs for some issuers, by their names.
    pub issuers: Option<BTreeMap<String, RevocationIssuerDocument>>,
    /// How many revocations are kept at most, at some 30 bytes each; with more the feeds count as stale. Default
    /// 10000000, from 1000 to 1000000000.
    pub max_marks: Option<u32>,
}

/// `when_stale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum WhenStaleDocument {
    /// What is known decides.
    Continue,
    /// The issuer is asked.
    Introspect,
    /// An outage answer.
    Deny,
}

/// `catch_up`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CatchUpDocument {
    /// How long readiness waits until every feed has been read once. Default 30s, from 1s to 1h.
    pub deadline: Option<DurationDocument>,
    /// After that: `wait` (the default) unready, or `serve` with feeds that count as stale.
    pub when_late: Option<WhenLateDocument>,
}

/// `when_late`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum WhenLateDocument {
    /// Stay unready.
    Wait,
    /// Become ready.
    Serve,
}

/// One of `revocation.issuers`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevocationIssuerDocument {
    /// The longest that an access token of this issuer lives. Default: that of all.
    pub max_token_lifetime: Option<DurationDocument>,
    /// The claim that names the session. Default sid.
    pub session_claim: Option<String>,
    /// The claim that names the grant. Default: none, and revocations of grants match no token.
    pub grant_claim: Option<String>,
}

/// One of `feeds`: a name, one of `file`, `redis`, `nats` and `ssf_poll`, and what holds for each.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedDocument {
    /// The name in logs, metrics and /statusz.
    pub name: String,
    /// A file of one message a line, which others append to; relative to this directory.
    pub file: Option<String>,
    /// A Redis stream, whose entries have the message in their field `m`.
    pub redis: Option<RedisDocument>,
    /// A NATS JetStream stream.
    pub nats: Option<NatsDocument>,
    /// A transmitter of security events that is polled (OpenID SSF, RFC 8936).
    pub ssf_poll: Option<SsfPollDocument>,
    /// The writer sends heartbeats: without them the feed is stale, however well its server answers. Default
    /// false.
    pub heartbeats: Option<bool>,
    /// Whose signature the messages have.
    pub signed: Option<SignedDocument>,
    /// Names of the issuers whose tokens this feed may revoke. Default: all, but for `ssf_poll` only the
    /// transmitter.
    pub issuers: Option<Vec<String>>,
}

/// `signed`: messages are security event tokens (RFC 8417).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedDocument {
    /// Ignore and count messages that are not signed. Default true.
    pub required: Option<bool>,
    /// `iss` of the messages.
    pub issuer: String,
    /// `aud` must have one of these. Default: any.
    pub audiences: Option<Vec<String>>,
    /// The file with the keys of the writer, a JWK Set.
    pub jwks_file: Option<String>,
    /// The name of the issuer whose keys they are.
    pub keys_of: Option<String>,
}

/// `redis`: one of `url`, `sentinel` and `cluster`, and the stream.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisDocument {
    /// The server: `rediss://host:6379/0`, or `redis://` without TLS.
    pub url: Option<String>,
    /// The Sentinels that know the server.
    pub sentinel: Option<SentinelDocument>,
    /// Some nodes of a cluster.
    pub cluster: Option<Vec<String>>,
    /// The key of the stream. Default revocations.
    pub stream: Option<String>,
    /// The ACL user; it needs `+xread +xrange` on the stream.
    pub username: Option<String>,
    /// The file with its password; read again for each connection.
    pub password_file: Option<String>,
    /// A PEM file with the certificate authorities to trust instead of the system's.
    pub ca_file: Option<String>,
}

/// `sentinel`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SentinelDocument {
    /// Where they are: `rediss://host:26379`, or `redis://`.
    pub urls: Vec<String>,
    /// What they call the service.
    pub service: String,
}

/// `nats`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NatsDocument {
    /// Servers of one cluster: `tls://host:4222`, or `nats://` without TLS.
    pub urls: Vec<String>,
    /// The name of the stream. Default REVOCATIONS.
    pub stream: Option<String>,
    /// The credentials file (user JWT and nkey seed); read again for each connection.
    pub credentials_file: Option<String>,
    /// A PEM file with the certificate authorities to trust instead of the system's.
    pub ca_file: Option<String>,
}

/// `missed_before_start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum MissedBeforeStartDocument {
    /// Count as stale.
    Stale,
    /// Do without.
    Accept,
}

/// `ssf_poll`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SsfPollDocument {
    /// The issuer identifier of the transmitter; its stream is found or made there.
    pub transmitter: String,
    /// Who we are there.
    pub client: ClientDocument,
    /// Where we get our access token. Default: `token_endpoint` of the transmitter's metadata.
    pub token_endpoint: Option<String>,
    /// The scopes to ask for. Default: none.
    pub scopes: Option<Vec<String>>,
    /// How long to wait between polls that are answered at once. Default 1s, from 100ms to 1m.
    pub interval: Option<DurationDocument>,
    /// What was acknowledged before a start, or by another sidecar with the same client, does not come again. Default
    /// `stale`: the feed is stale until no token of that time is alive; `accept`: these are done without.
    pub missed_before_start: Option<MissedBeforeStartDocument>,
    /// A PEM file with the certificate authorities to trust besides the system's.
    pub ca_file: Option<String>,
}
