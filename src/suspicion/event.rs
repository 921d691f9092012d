//! What a detector says: one event, with nothing in it that could be used.

use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;

/// The kinds of suspicious use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A revoked token is presented again.
    RevokedToken,
    /// One token comes from many addresses.
    SharedToken,
    /// Many invalid tokens come from one address.
    InvalidTokenBurst,
    /// One client is refused for its scopes by many rules.
    ScopeProbing,
    /// A token comes with another client certificate than before.
    CertificateChanged,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::RevokedToken,
        Self::SharedToken,
        Self::InvalidTokenBurst,
        Self::ScopeProbing,
        Self::CertificateChanged,
    ];

    /// The value of the metric label `kind`, and the word in logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::RevokedToken => "revoked_token",
            Self::SharedToken => "shared_token",
            Self::InvalidTokenBurst => "invalid_token_burst",
            Self::ScopeProbing => "scope_probing",
            Self::CertificateChanged => "certificate_changed",
        }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// What it is.
    pub kind: Kind,
    /// Where the request came from that made it one.
    pub source: Option<IpAddr>,
    /// The rule that applied to that request.
    pub rule: Option<Arc<str>>,
    /// The configured name of the token's issuer, where the token was verified and not revoked.
    pub issuer: Option<Arc<str>>,
    /// The token, unless it is about many.
    pub token: Option<Digest>,
    /// How many were counted: presentations, addresses, tokens, rules or certificates.
    pub count: u32,
    /// The window in which they were.
    pub window: Duration,
}

/// The first 128 bits of a token's HMAC-SHA256. Its key lives as long as the process, so lines of one process about
/// one token can be put together, and nobody can try tokens out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(u128);

impl Digest {
    pub(super) fn of(token: &[u8], key: &hmac::Key) -> Self {
        let tag = hmac::sign(key, token);
        Self(tag.as_ref().first_chunk::<16>().map_or(0, |bytes| u128::from_be_bytes(*bytes)))
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
