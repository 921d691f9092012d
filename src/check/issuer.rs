//! Whom we trust, and what each issuer's access tokens look like.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::policy::HostPattern;
use crate::jose::{Algorithm, KeySet, UnixTime};

/// One trusted issuer.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuer {
    /// Its name in configuration, logs and metrics.
    pub name: Arc<str>,
    /// Its identifier: `iss` must be exactly this, code point for code point (RFC 8414 §3.3).
    pub identifier: String,
    /// What its access tokens look like.
    pub profile: TokenProfile,
    /// How it is asked about tokens, where it is.
    pub introspection: Option<Introspection>,
}

/// What a check knows of an issuer's introspection (RFC 7662).
#[derive(Clone, Debug, PartialEq)]
pub struct Introspection {
    /// What an active answer must look like: as the issuer's tokens, but RFC 7662 §2.2 makes most claims
    /// optional.
    pub profile: TokenProfile,
    /// Whether an answer must say `token_type`. Some servers call refresh tokens active too, without one.
    pub token_type: Presence,
    /// Which opaque tokens are this issuer's.
    pub tokens: OpaqueTokens,
}

/// Whether something must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must.
    Required,
    /// It may.
    Optional,
}

/// Which opaque tokens are an issuer's. Empty lists say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpaqueTokens {
    /// Tokens that begin with one of these.
    pub prefixes: Vec<String>,
    /// Tokens presented to one of these hosts.
    pub hosts: Vec<HostPattern>,
}

impl OpaqueTokens {
    /// Whether anything is written that tells them.
    #[must_use]
    pub fn are_told_by_form(&self) -> bool {
        !self.prefixes.is_empty() || !self.hosts.is_empty()
    }

    /// Whether a token begins with one of the prefixes written.
    #[must_use]
    pub fn have_prefix_of(&self, token: &str) -> bool {
        self.prefixes.iter().any(|prefix| token.starts_with(prefix))
    }

    fn claims(&self, token: &str, host: &str) -> bool {
        let by_prefix = self.prefixes.is_empty() || self.have_prefix_of(token);
        let by_host = self.hosts.is_empty() || self.hosts.iter().any(|pattern| pattern.matches(host));
        self.are_told_by_form() && by_prefix && by_host
    }
}

/// What an issuer's access tokens look like; strict RFC 9068 unless configured otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenProfile {
    /// Accepted header types.
    pub types: TokenTypes,
    /// Accepted algorithms.
    pub algorithms: Vec<Algorithm>,
    /// Accepted audiences.
    pub audiences: Audiences,
    /// Whether `exp` must be there.
    pub expiry: Presence,
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

/// Names one configuration of one issuer for the life of the process: what is known of an issuer under its id
/// never serves another configuration of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IssuerId(u64);

impl IssuerId {
    /// The id with this number.
    #[must_use]
    pub const fn numbered(number: u64) -> Self {
        Self(number)
    }
}

/// All trusted issuers, in the order written.
#[derive(Clone, Debug, Default)]
pub struct Issuers(Vec<(IssuerId, Issuer)>);

impl Issuers {
    /// From issuers whose identifiers differ, numbered from 0.
    #[must_use]
    pub fn new(issuers: Vec<Issuer>) -> Self {
        (0..).map(IssuerId::numbered).zip(issuers).collect()
    }

    /// The issuer with exactly this identifier.
    #[must_use]
    pub fn select(&self, identifier: &str) -> Option<(IssuerId, &Issuer)> {
        self.iter().find(|(_, issuer)| issuer.identifier == identifier)
    }

    /// The issuer to ask about an opaque token. `named` are those that the rule accepts; empty means all.
    ///
    /// A token is only ever shown to the issuer that it belongs to: by its prefix, by the host, or because
    /// there is no other. Where two could be meant, none is asked.
    #[must_use]
    pub fn select_opaque(&self, token: &str, host: &str, named: &[Arc<str>]) -> Option<(IssuerId, &Issuer)> {
        let asked = || {
            self.iter().filter_map(|(id, issuer)| Some((id, issuer, &issuer.introspection.as_ref()?.tokens)))
        };
        // A token that tells whose it is goes to nobody else, whoever the rule names.
        let told = asked().any(|(_, _, tokens)| tokens.claims(token, host));
        if !told && asked().any(|(_, _, tokens)| tokens.have_prefix_of(token)) {
            return None;
        }
        let mut meant = asked()
            .filter(
                |(_, _, tokens)| if told { tokens.claims(token, host) } else { !tokens.are_told_by_form() },
            )
            .filter(|(_, issuer, _)| named.is_empty() || named.contains(&issuer.name));
        let (id, issuer, _) = meant.next()?;
        meant.next().is_none().then_some((id, issuer))
    }

    /// The issuer with this id.
    #[must_use]
    pub fn at(&self, id: IssuerId) -> Option<&Issuer> {
        self.iter().find(|(its, _)| *its == id).map(|(_, issuer)| issuer)
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = (IssuerId, &Issuer)> {
        self.0.iter().map(|(id, issuer)| (*id, issuer))
    }
}

impl FromIterator<(IssuerId, Issuer)> for Issuers {
    /// From issuers whose ids and identifiers differ.
    fn from_iter<I: IntoIterator<Item = (IssuerId, Issuer)>>(issuers: I) -> Self {
        Self(issuers.into_iter().collect())
    }
}

/// The keys of every issuer as last read.
#[derive(Clone, Debug, Default)]
pub struct KnownKeys(BTreeMap<IssuerId, IssuerKeys>);

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
        self.0.get(&id)
    }

    /// The keys of this issuer, where they are not too old.
    #[must_use]
    pub fn usable(&self, id: IssuerId, now: UnixTime) -> Option<&IssuerKeys> {
        self.of(id).filter(|known| known.stale_at.is_none_or(|stale_at| now < stale_at))
    }

    /// These keys, with those of one issuer replaced.
    #[must_use]
    pub fn with(&self, id: IssuerId, keys: IssuerKeys) -> Self {
        let mut all = self.0.clone();
        all.insert(id, keys);
        Self(all)
    }
}

impl FromIterator<(IssuerId, IssuerKeys)> for KnownKeys {
    fn from_iter<I: IntoIterator<Item = (IssuerId, IssuerKeys)>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
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
