//! One revocation in words, as a message or a security event says it, and the mark that follows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::fingerprint::{Kind, Target};
use super::lifetime::Lifetimes;
use super::mark::{Mark, Reach};
use crate::jose::UnixTime;

/// What was revoked, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    named: Named,
    at: Option<UnixTime>,
    expires_at: Option<UnixTime>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    ByIssuer { kind: Kind, issuer: String, name: String },
    ByDigest([u8; 32]),
}

/// What keeps a notice from becoming a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoticeFault {
    /// Nothing says until when it matters.
    #[error("says neither when it was revoked nor when it expires")]
    Timeless,
}

/// How far an authorization server's clock may be ahead of ours. A time beyond that is a mistake, such as one in
/// milliseconds, or our own clock is wrong.
const MOST_AHEAD: std::time::Duration = std::time::Duration::from_secs(300);

impl Notice {
    /// A notice about a target. `at` is when the authorization server revoked it, by its own clock;
    /// `expires_at` is when no token that fits is alive any more, where that is known.
    #[must_use]
    pub fn new(target: &Target<'_>, at: Option<UnixTime>, expires_at: Option<UnixTime>) -> Self {
        let kind = target.kind();
        let named = |issuer: &str, name: &str| Named::ByIssuer {
            kind,
            issuer: issuer.to_owned(),
            name: name.to_owned(),
        };
        let named = match *target {
            Target::TokenDigest(digest) => Named::ByDigest(*digest),
            Target::Issuer(issuer) => named(issuer, ""),
            Target::Token { issuer, jti: name }
            | Target::Session { issuer, sid: name }
            | Target::Grant { issuer, grant: name }
            | Target::Key { issuer, kid: name }
            | Target::Subject { issuer, subject: name }
            | Target::Client { issuer, client: name } => named(issuer, name),
        };
        Self { named, at, expires_at }
    }

    /// What it is about.
    #[must_use]
    pub fn target(&self) -> Target<'_> {
        let (kind, issuer, name) = match &self.named {
            Named::ByDigest(digest) => return Target::TokenDigest(digest),
            Named::ByIssuer { kind, issuer, name } => (kind, issuer.as_str(), name.as_str()),
        };
        match kind {
            Kind::Token => Target::Token { issuer, jti: name },
            Kind::Session => Target::Session { issuer, sid: name },
            Kind::Grant => Target::Grant { issuer, grant: name },
            Kind::Key => Target::Key { issuer, kid: name },
            Kind::Subject => Target::Subject { issuer, subject: name },
            Kind::Client => Target::Client { issuer, client: name },
            // A digest has no issuer and was returned above.
            Kind::Issuer | Kind::TokenDigest => Target::Issuer(issuer),
        }
    }

    /// The issuer whose tokens it revokes; none for a digest, which is of no issuer in particular.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        match &self.named {
            Named::ByDigest(_) => None,
            Named::ByIssuer { issuer, .. } => Some(issuer),
        }
    }

    /// When the authorization server revoked it, by its own clock.
    #[must_use]
    pub fn at(&self) -> Option<UnixTime> {
        self.at
    }

    /// When no token that fits is alive any more, where that was said.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }

    /// Whether the tokens that it revokes are told by a time that lies so far ahead that a clock must be wrong, and
    /// [`Notice::mark`] reaches less far than it says.
    #[must_use]
    pub fn is_ahead(&self, now: UnixTime) -> bool {
        let by_time = matches!(self.target().kind(), Kind::Subject | Kind::Client | Kind::Issuer);
        by_time && self.at.is_some_and(|at| at > now.plus(MOST_AHEAD))
    }

    /// The mark to put in force. It never reaches further than five minutes ahead, so that no mistake revokes all
    /// that is yet to be issued.
    ///
    /// # Errors
    /// When it lacks a time.
    pub fn mark(&self, lifetimes: &Lifetimes, now: UnixTime) -> Result<Mark, NoticeFault> {
        let at = self.at.map(|at| at.min(now.plus(MOST_AHEAD)));
        let target = self.target();
        let lifetime = self.issuer().map_or(lifetimes.longest(), |issuer| lifetimes.of(issuer));
        let lived = at.map(|at| at.plus(lifetime));
        let expires_at = match target.kind() {
            // Whoever holds the key can make tokens for as long as it is trusted.
            Kind::Key => self.expires_at,
            Kind::Token | Kind::TokenDigest => Some(self.expires_at.or(lived).ok_or(NoticeFault::Timeless)?),
            _ => Some(lived.max(self.expires_at).ok_or(NoticeFault::Timeless)?),
        };
        // Subjects, clients and issuers get new tokens after the revocation; what else can be revoked does not.
        let reach = match target.kind() {
            Kind::Subject | Kind::Client | Kind::Issuer => {
                at.map(Reach::IssuedUntil).ok_or(NoticeFault::Timeless)?
            }
            _ => Reach::Every,
        };
        Ok(Mark::new(&target, reach, expires_at))
    }
}

/// A digest as messages carry it.
pub(super) fn digest_text(digest: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(digest)
}

pub(super) fn digest_from(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);
    const ISSUER: &str = "https://idp.example.com";
    const HOUR: Duration = Duration::from_secs(3600);

    fn mark(notice: &Notice) -> Result<Mark, NoticeFault> {
        notice.mark(&Lifetimes::new(HOUR, BTreeMap::new()), NOW)
    }

    #[test]
    fn a_token_is_kept_until_its_own_expiry_or_for_a_lifetime() {
        let target = Target::Token { issuer: ISSUER, jti: "4711" };
        let soon = NOW.plus(Duration::from_secs(10));
        let known = mark(&Notice::new(&target, Some(NOW), Some(soon))).unwrap();
        assert_eq!((known.reach(), known.expires_at()), (Reach::Every, Some(soon)));
        assert_eq!(mark(&Notice::new(&target, Some(NOW), None)).unwrap().expires_at(), Some(NOW.plus(HOUR)));
        assert_eq!(mark(&Notice::new(&target, None, None)), Err(NoticeFault::Timeless));
    }

    #[test]
    fn a_wide_mark_is_kept_for_a_lifetime_whatever_shorter_time_is_said() {
        let target = Target::Subject { issuer: ISSUER, subject: "alice" };
        let soon = NOW.plus(Duration::from_secs(10));
        let made = mark(&Notice::new(&target, Some(NOW), Some(soon))).unwrap();
        assert_eq!((made.reach(), made.expires_at()), (Reach::IssuedUntil(NOW), Some(NOW.plus(HOUR))));
        let long = NOW.plus(HOUR * 5);
        assert_eq!(mark(&Notice::new(&target, Some(NOW), Some(long))).unwrap().expires_at(), Some(long));
        assert_eq!(mark(&Notice::new(&target, None, Some(long))), Err(NoticeFault::Timeless));
    }

    #[test]
    fn a_key_is_revoked_for_good() {
        let target = Target::Key { issuer: ISSUER, kid: "a" };
        let made = mark(&Notice::new(&target, None, None)).unwrap();
        assert_eq!((made.reach(), made.expires_at()), (Reach::Every, None));
    }

    #[test]
    fn a_time_in_milliseconds_revokes_what_is_there_and_not_everything_to_come() {
        let wrong = UnixTime::from_seconds(NOW.as_millis());
        let notice = Notice::new(&Target::Issuer(ISSUER), Some(wrong), None);
        let latest = NOW.plus(MOST_AHEAD);
        let made = mark(&notice).unwrap();
        assert!(notice.is_ahead(NOW));
        assert_eq!((made.reach(), made.expires_at()), (Reach::IssuedUntil(latest), Some(latest.plus(HOUR))));
    }

    #[test]
    fn a_clock_that_is_ahead_takes_nothing_from_what_is_revoked_whatever_its_time() {
        let ahead = NOW.plus(HOUR);
        for target in
            [Target::Token { issuer: ISSUER, jti: "4711" }, Target::Session { issuer: ISSUER, sid: "s" }]
        {
            let notice = Notice::new(&target, Some(ahead), None);
            assert!(!notice.is_ahead(NOW));
            assert_eq!(mark(&notice).unwrap().reach(), Reach::Every);
        }
    }
}
