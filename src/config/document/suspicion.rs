//! `suspicion`: what counts as suspicious use.

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::DurationDocument;

/// `suspicion`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuspicionDocument {
    /// A revoked token is presented again.
    pub revoked_token: Option<RevokedTokenDocument>,
    /// One token comes from many client addresses.
    pub shared_token: Option<SharedTokenDocument>,
    /// Many invalid tokens come from one client address.
    pub invalid_token_burst: Option<InvalidTokenBurstDocument>,
    /// One client, for one subject, is refused for its scopes by many rules.
    pub scope_probing: Option<ScopeProbingDocument>,
    /// A token comes with another client certificate than before.
    pub certificate_changed: Option<CertificateChangedDocument>,
}

/// `revoked_token`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokedTokenDocument {
    /// Look for it. Default true.
    pub enabled: Option<bool>,
    /// At how many presentations, the first refusal included. Default 2, from 2 to 100000.
    pub uses: Option<u32>,
    /// Within how long. Default 10m, from 1s to 24h.
    pub window: Option<DurationDocument>,
}

/// `shared_token`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharedTokenDocument {
    /// Look for it. Default true.
    pub enabled: Option<bool>,
    /// At how many addresses; an IPv6 network of 64 bits is one. Default 10, from 2 to 16.
    pub addresses: Option<u32>,
    /// Within how long. Default 10m, from 1s to 24h.
    pub window: Option<DurationDocument>,
}

/// `invalid_token_burst`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvalidTokenBurstDocument {
    /// Look for it. Default true.
    pub enabled: Option<bool>,
    /// At how many invalid tokens. Default 30, from 2 to 100000.
    pub tokens: Option<u32>,
    /// Within how long. Default 1m, from 1s to 24h.
    pub window: Option<DurationDocument>,
    /// After so many invalid tokens, refuse whatever that address sends (429) until the window is over; from 2 to
    /// 100000. Default: no limit. Behind a proxy all clients have one address.
    pub limit: Option<u32>,
}

/// `scope_probing`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeProbingDocument {
    /// Look for it. Default true.
    pub enabled: Option<bool>,
    /// At how many rules. Default 5, from 2 to 16.
    pub rules: Option<u32>,
    /// Within how long. Default 10m, from 1s to 24h.
    pub window: Option<DurationDocument>,
}

/// `certificate_changed`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateChangedDocument {
    /// Look for it. Default true.
    pub enabled: Option<bool>,
    /// Within how long from the token's first use with a certificate. Default 1h, from 1s to 24h.
    pub window: Option<DurationDocument>,
}
