//! One revocation, as the index keeps it.

use super::fingerprint::{Fingerprint, Kind, Target};
use crate::jose::UnixTime;

/// Revokes the tokens that fit a target, up to its reach, until it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    fingerprint: Fingerprint,
    reach: Reach,
    expires_at: Option<UnixTime>,
}

/// Which of the tokens that fit a target are revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Those issued within or before the second of this time, and those that don't say when they were.
    IssuedUntil(UnixTime),
    /// All.
    Every,
}

impl Mark {
    /// A mark on a target. It is kept until `expires_at`, when no token that it could match is alive any more, or
    /// for ever where that can't be told, as for a key that somebody else may hold.
    #[must_use]
    pub fn new(target: &Target<'_>, reach: Reach, expires_at: Option<UnixTime>) -> Self {
        Self { fingerprint: target.fingerprint(), reach, expires_at }
    }

    /// What it is on.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What kind of target it is on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.fingerprint.kind()
    }

    /// How far it reaches.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Until when it is kept; none for ever.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }
}
