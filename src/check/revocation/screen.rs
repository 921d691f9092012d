//! Whether a token is revoked. The fingerprints of a token are made once; screening them is a few lookups.

use super::fingerprint::{Fingerprint, Kind, Target};
use super::index::Index;
use crate::jose::UnixTime;

/// What a mark could name of a token.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenFacts<'a> {
    /// Its issuer's identifier.
    pub issuer: &'a str,
    /// `jti`.
    pub jti: Option<&'a str>,
    /// The SHA-256 of the whole token.
    pub digest: Option<&'a [u8; 32]>,
    /// `sid`, or the claim that this issuer has for it.
    pub session: Option<&'a str>,
    /// The claim that names the grant.
    pub grant: Option<&'a str>,
    /// The `kid` of the key that signed it.
    pub key: Option<&'a str>,
    /// `sub`.
    pub subject: Option<&'a str>,
    /// The client it was issued to.
    pub client: Option<&'a str>,
    /// `iat`.
    pub issued_at: Option<UnixTime>,
}

/// The fingerprints of one token, worth keeping beside its verified claims.
#[derive(Clone, Copy, Debug)]
pub struct TokenMarks {
    fingerprints: [Option<Fingerprint>; Kind::ALL.len()],
    issued_at: Option<UnixTime>,
}

impl TokenMarks {
    /// Every fingerprint that a mark on this token could have.
    #[must_use]
    pub fn of(facts: &TokenFacts<'_>) -> Self {
        let issuer = facts.issuer;
        let targets = [
            facts.jti.map(|jti| Target::Token { issuer, jti }),
            facts.digest.map(Target::TokenDigest),
            facts.session.map(|sid| Target::Session { issuer, sid }),
            facts.grant.map(|grant| Target::Grant { issuer, grant }),
            facts.key.map(|kid| Target::Key { issuer, kid }),
            facts.subject.map(|subject| Target::Subject { issuer, subject }),
            facts.client.map(|client| Target::Client { issuer, client }),
            Some(Target::Issuer(issuer)),
        ];
        let fingerprints = targets.map(|target| target.map(|target| target.fingerprint()));
        Self { fingerprints, issued_at: facts.issued_at }
    }

    /// The narrowest mark that revokes the token. Marks whose time has passed revoke nothing that is alive, so no
    /// time is asked for.
    #[must_use]
    pub fn screen(&self, index: &Index) -> Option<Kind> {
        self.hit(index).map(Fingerprint::kind)
    }

    /// As [`TokenMarks::screen`]; the fingerprint of that mark.
    #[must_use]
    pub fn hit(&self, index: &Index) -> Option<Fingerprint> {
        let known = self.fingerprints.iter().flatten().filter(|print| index.count(print.kind()) > 0);
        known.copied().find(|print| index.revokes(*print, self.issued_at))
    }
}
