//! What revocation asks of a check: how a token's claims name what can be revoked, how long tokens live, and what
//! holds while revocations may be missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};

use super::index::Index;
use super::lifetime::Lifetimes;
use super::screen::{TokenFacts, TokenMarks};
use super::screened::Refused;
use super::{Fingerprint, Kind, Screened};
use crate::check::access_token::VerifiedToken;
use crate::check::decision::DenyReason;
use crate::check::issuer::Issuer;
use crate::check::trail::{Stage, Trail, Verdict, refuse};
use crate::jose::UnixTime;

/// What happens to requests while a feed is stale. The later the stricter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhenStale {
    /// They are decided by the marks that are known.
    #[default]
    Continue,
    /// Their tokens are confirmed by their issuers.
    Introspect,
    /// They get an outage answer.
    Deny,
}

/// What an issuer's tokens call what can be revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationClaims {
    /// The claim with the session.
    pub session: String,
    /// The claim with the grant.
    pub grant: Option<String>,
}

impl Default for RevocationClaims {
    fn default() -> Self {
        Self { session: "sid".to_owned(), grant: None }
    }
}

/// What was configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What happens to requests while a feed is stale; a rule may be stricter.
    pub when_stale: WhenStale,
    /// How long tokens live at most.
    pub lifetimes: Lifetimes,
    /// What the issuers call sessions and grants, by issuer identifier; those that are not named call them
    /// `sid`, and nothing.
    pub claims: BTreeMap<String, RevocationClaims>,
}

/// What one check is screened against.
#[derive(Clone, Copy, Debug)]
pub struct Screen<'a> {
    /// The marks in force.
    pub index: &'a Index,
    /// Those of feeds that were configured before, while what they held is being read again.
    pub former: &'a [Arc<Index>],
    /// Whether marks may be missing.
    pub stale: bool,
    /// What was configured.
    pub terms: &'a Terms,
}

impl Screen<'_> {
    /// What holds for a request now, by a rule that asks for this.
    #[must_use]
    pub fn when_stale(&self, rule: Option<WhenStale>) -> WhenStale {
        match self.stale {
            true => self.terms.when_stale.max(rule.unwrap_or_default()),
            false => WhenStale::Continue,
        }
    }

    /// Screens a token, whoever vouched for it.
    ///
    /// # Errors
    /// When a mark revokes it, or it lives so long that a mark on it could be forgotten before it ends.
    pub(in crate::check) fn check(
        &self,
        token: Arc<VerifiedToken>,
        issuer: &Issuer,
        presented: &str,
        now: UnixTime,
        trail: &mut impl Trail,
    ) -> Result<Screened, Refused> {
        let identifier = issuer.identifier.as_str();
        let time = |name| token.claims().time(name).ok().flatten();
        if self.terms.lifetimes.are_outlived_by(identifier, time("iat"), time("exp"), now) {
            let reason = refuse(trail, Stage::Revocation, DenyReason::LifetimeTooLong, || {
                format!(
                    "it lives longer than {:?}, for which revocations are kept",
                    self.terms.lifetimes.of(identifier)
                )
            });
            return Err(Refused { reason, by: None });
        }
        match self.mark_on(&token, identifier, presented) {
            Some(mark) => {
                let text = || format!("a revocation by {} fits it", mark.kind().name());
                let reason = refuse(trail, Stage::Revocation, DenyReason::TokenRevoked, text);
                Err(Refused { reason, by: Some(mark) })
            }
            None => {
                let marks = self.index.len();
                let stale = if self.stale { ", and some may be missing: a feed is stale" } else { "" };
                let text = || format!("none of {marks} revocations fits it{stale}");
                trail.note(Stage::Revocation, Verdict::Passed, text);
                Ok(Screened::by_marks(token))
            }
        }
    }

    fn indexes(&self) -> impl Iterator<Item = &Index> {
        [self.index].into_iter().chain(self.former.iter().map(Arc::as_ref))
    }

    fn mark_on(&self, token: &VerifiedToken, issuer: &str, presented: &str) -> Option<Fingerprint> {
        if self.indexes().all(Index::is_empty) {
            return None;
        }
        let hash = self.hash(presented);
        let usual = RevocationClaims::default();
        let claims = self.terms.claims.get(issuer).unwrap_or(&usual);
        let text = |name: &str| token.claims().string(name).ok().flatten();
        let marks = TokenMarks::of(&TokenFacts {
            issuer,
            jti: text("jti"),
            digest: hash.as_ref(),
            session: text(&claims.session),
            grant: claims.grant.as_deref().and_then(text),
            key: token.key(),
            subject: token.subject(),
            client: token.client(),
            issued_at: token.claims().time("iat").ok().flatten(),
        });
        self.indexes().find_map(|index| marks.hit(index))
    }

    /// Only where there are marks on digests: a token is long.
    fn hash(&self, presented: &str) -> Option<[u8; 32]> {
        let wanted = self.indexes().any(|index| index.count(Kind::TokenDigest) > 0);
        wanted.then(|| digest(&SHA256, presented.as_bytes()).as_ref().try_into().ok())?
    }
}
