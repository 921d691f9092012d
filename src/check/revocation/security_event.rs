//! Security event tokens (RFC 8417) as they come from a transmitter or a feed's writer: whether one is genuine.
//! What its events mean is read in `event`.

use serde_json::{Map, Value};

use crate::jose::{Algorithm, Claims, Jws, KeySet, Lookup, UnixTime};

/// Whose security events are believed.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// `iss` must be exactly this.
    pub issuer: &'a str,
    /// `aud` must hold one of these; empty accepts any or none.
    pub audiences: &'a [String],
    /// The keys that it signs with.
    pub keys: &'a KeySet,
}

/// A security event whose signature and envelope hold.
#[derive(Clone, Debug)]
pub struct SecurityEvent {
    issuer: String,
    jti: String,
    issued_at: UnixTime,
    claims: Claims,
    events: Map<String, Value>,
}

/// Why a text is no security event of a signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecurityEventFault {
    /// It is no signed token, or one of another type (RFC 8417 §2.3, SSF 1.0 §4.1.1).
    #[error("is no security event token")]
    Form,
    /// `iss` is another.
    #[error("its issuer is not the one that is configured")]
    Issuer,
    /// `aud` holds none of ours.
    #[error("it is not meant for us")]
    Audience,
    /// A claim is missing or malformed, or may not be there.
    #[error("its claim {0} is missing, malformed or out of place")]
    Claim(&'static str),
    /// The key that it names is not known: it may have been published since the keys were read.
    #[error("it names a key that is not known")]
    UnknownKey,
    /// No key of the signer made the signature.
    #[error("its signature does not hold")]
    Signature,
}

/// One is what SSF asks for, and no transmitter sends more than a few.
const MAX_EVENTS: usize = 16;

impl SecurityEvent {
    /// Verifies a compact security event token. When it was issued does not matter: an old one says what is still
    /// true, and one from a clock that is ahead must not be lost.
    ///
    /// # Errors
    /// The first reason not to believe it.
    pub fn verify(text: &str, signer: &Signer<'_>) -> Result<Self, SecurityEventFault> {
        let jws = Jws::parse(text).map_err(|_| SecurityEventFault::Form)?;
        if jws.header.media_type().as_deref() != Some("secevent+jwt") {
            return Err(SecurityEventFault::Form);
        }
        if jws.claims.string("iss") != Ok(Some(signer.issuer)) {
            return Err(SecurityEventFault::Issuer);
        }
        check_signature(&jws, signer.keys)?;
        check_audience(&jws.claims, signer.audiences)?;
        Self::from_claims(jws.claims)
    }

    fn from_claims(claims: Claims) -> Result<Self, SecurityEventFault> {
        // SSF 1.0 §4.1.5 and §4.1.6: what has one of these is some other token, or could be taken for one.
        for name in ["exp", "sub"] {
            if claims.raw(name).is_some() {
                return Err(SecurityEventFault::Claim(name));
            }
        }
        let text = |name: &'static str| match claims.string(name) {
            Ok(Some(text)) => Ok(text.to_owned()),
            _ => Err(SecurityEventFault::Claim(name)),
        };
        let issued_at = claims.time("iat").ok().flatten().ok_or(SecurityEventFault::Claim("iat"))?;
        let events = claims.raw("events").and_then(Value::as_object);
        let events = events.filter(|events| (1..=MAX_EVENTS).contains(&events.len())).cloned();
        let events = events.ok_or(SecurityEventFault::Claim("events"))?;
        Ok(Self { issuer: text("iss")?, jti: text("jti")?, issued_at, events, claims })
    }

    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `jti`, by which a transmitter wants it acknowledged.
    #[must_use]
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// `iat`.
    #[must_use]
    pub fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// When it happened: `toe` where it is there (RFC 8417 §2.2), else `iat`, which is no earlier.
    #[must_use]
    pub(super) fn happened_at(&self) -> UnixTime {
        self.claims.time("toe").ok().flatten().unwrap_or(self.issued_at)
    }

    /// `sub_id` (RFC 9493 §4.1).
    pub(super) fn subject(&self) -> Option<&Value> {
        self.claims.raw("sub_id")
    }

    pub(super) fn events(&self) -> &Map<String, Value> {
        &self.events
    }
}

fn check_signature(jws: &Jws<'_>, keys: &KeySet) -> Result<(), SecurityEventFault> {
    let algorithm = Algorithm::from_name(&jws.header.alg).ok_or(SecurityEventFault::Form)?;
    match keys.lookup(jws.header.kid.as_deref(), algorithm) {
        Lookup::Found(candidates) if candidates.iter().any(|key| key.verifies(jws, algorithm)) => Ok(()),
        Lookup::Found(_) | Lookup::OtherAlgorithm => Err(SecurityEventFault::Signature),
        Lookup::Unknown => Err(SecurityEventFault::UnknownKey),
    }
}

fn check_audience(claims: &Claims, ours: &[String]) -> Result<(), SecurityEventFault> {
    let theirs = claims.one_or_many("aud").map_err(|_| SecurityEventFault::Claim("aud"))?;
    let meant = theirs.is_some_and(|theirs| theirs.iter().any(|one| ours.iter().any(|its| its == one)));
    if ours.is_empty() || meant { Ok(()) } else { Err(SecurityEventFault::Audience) }
}
