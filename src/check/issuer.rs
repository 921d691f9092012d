//! Whom we trust, and what each issuer's access tokens look like.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::jose::{Algorithm, KeySet, UnixTime};

/// One trusted issuer.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Its name in configuration, logs and metrics.
    pub name: Arc<str>,
    /// Its identifier: `iss` must be exactly this, code point for code point (RFC 8414 §3.3).
    pub identifier: String,
    /// What its access tokens look like.
    pub profile: TokenProfile,
}

/// What an issuer's access tokens look like; strict RFC 9068 unless configured otherwise.
#[derive(Clone, Debug)]
pub struct TokenProfile {
    /// Accepted header types.
    pub types: TokenTypes,
    /// Accepted algorithms.
    pub algorithms: Vec<Algorithm>,
    /// Accepted audiences.
    pub audiences: Audiences,
    /// Claims that must be there, besides `iss` and `exp`.
    pub mandatory_claims: Vec<String>,
    /// Claims that must have one of these values.
    pub required_values: Vec<(String, Vec<Value>)>,
    /// Claims that carry scopes; all that are there count.
    pub scope_claims: Vec<String>,
    /// Claims that name the client; those that are there must agree.
    pub client_claims: Vec<String>,
    /// How far `nbf` and `iat` may lie in the future.
    pub leeway: Duration,
    /// How long after `exp` a token is still taken.
    pub expiry_leeway: Duration,
}

/// Header types of access tokens. No other explicit type can ever be accepted (RFC 8725 §3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenTypes {
    /// `at+jwt` (RFC 9068 §2.1).
    pub at_jwt: bool,
    /// `JWT`, which says nothing.
    pub jwt: bool,
    /// No `typ` at all.
    pub absent: bool,
}

/// Which audiences are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audiences {
    /// At least one of these.
    OneOf(Vec<String>),
    /// Waived by the operator in writing: any audience, or none.
    Any,
}

/// The position of an issuer in [`Issuers`] of one generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IssuerId(usize);

/// All trusted issuers.
#[derive(Clone, Debug, Default)]
pub struct Issuers(Vec<Issuer>);

impl Issuers {
    /// From issuers whose identifiers differ.
    #[must_use]
    pub fn new(issuers: Vec<Issuer>) -> Self {
        Self(issuers)
    }

    /// The issuer with exactly this identifier.
    #[must_use]
    pub fn select(&self, identifier: &str) -> Option<(IssuerId, &Issuer)> {
        self.iter().find(|(_, issuer)| issuer.identifier == identifier)
    }

    /// The issuer at this position.
    #[must_use]
    pub fn at(&self, id: IssuerId) -> Option<&Issuer> {
        self.0.get(id.0)
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = (IssuerId, &Issuer)> {
        self.0.iter().enumerate().map(|(position, issuer)| (IssuerId(position), issuer))
    }
}

/// The keys of every issuer as last read.
#[derive(Clone, Debug, Default)]
pub struct KnownKeys(Vec<Option<IssuerKeys>>);

/// One issuer's keys, and until when they may be used without having been read again.
#[derive(Clone, Debug)]
pub struct IssuerKeys {
    /// The keys.
    pub set: Arc<KeySet>,
    /// When they were last confirmed.
    pub read_at: UnixTime,
    /// From when on they are too old; none for keys from a file.
    pub stale_at: Option<UnixTime>,
}

impl KnownKeys {
    /// The keys of this issuer, where any were ever read.
    #[must_use]
    pub fn of(&self, id: IssuerId) -> Option<&IssuerKeys> {
        self.0.get(id.0).and_then(Option::as_ref)
    }

    /// These keys, with those of one issuer replaced.
    #[must_use]
    pub fn with(&self, id: IssuerId, keys: IssuerKeys) -> Self {
        let mut all = self.0.clone();
        if all.len() <= id.0 {
            all.resize_with(id.0 + 1, || None);
        }
        if let Some(place) = all.get_mut(id.0) {
            *place = Some(keys);
        }
        Self(all)
    }
}

impl TokenTypes {
    /// RFC 9068: `at+jwt` and nothing else.
    pub const STRICT: Self = Self { at_jwt: true, jwt: false, absent: false };

    /// Whether a header with this media type (lower case, without `application/`) is accepted.
    #[must_use]
    pub fn accepts(self, media_type: Option<&str>) -> bool {
        match media_type {
            Some("at+jwt") => self.at_jwt,
            Some("jwt") => self.jwt,
            Some(_) => false,
            None => self.absent,
        }
    }
}
