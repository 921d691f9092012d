//! How long tokens live at most, which is how long a mark on them must be kept.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::jose::UnixTime;

/// The longest life of any access token, for each issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    default: Duration,
    issuers: BTreeMap<String, Duration>,
}

impl Lifetimes {
    /// From a default and those of some issuers, by their identifiers.
    #[must_use]
    pub fn new(default: Duration, issuers: BTreeMap<String, Duration>) -> Self {
        Self { default, issuers }
    }

    /// The longest life of this issuer's tokens.
    #[must_use]
    pub fn of(&self, issuer: &str) -> Duration {
        self.issuers.get(issuer).copied().unwrap_or(self.default)
    }

    /// The longest life of any token, whoever issued it.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.issuers.values().copied().fold(self.default, Duration::max)
    }

    /// Whether a token lives longer than its issuer's tokens do. Such a token could outlive a mark that is meant
    /// for it, so it must not pass where marks are relied on. One that does not say is taken at its issuer's word.
    #[must_use]
    pub fn are_outlived_by(
        &self,
        issuer: &str,
        issued_at: Option<UnixTime>,
        expires_at: Option<UnixTime>,
        now: UnixTime,
    ) -> bool {
        let longest = self.of(issuer);
        match (issued_at, expires_at) {
            (Some(issued), Some(expires)) => expires.since(issued) > longest,
            (Some(issued), None) => now.since(issued) > longest,
            (None, Some(expires)) => expires.since(now) > longest,
            (None, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_token_that_could_outlive_its_mark() {
        let hour = Duration::from_secs(3600);
        let lifetimes = Lifetimes::new(hour, BTreeMap::from([("https://long".to_owned(), hour * 24)]));
        let at = |seconds| Some(UnixTime::from_seconds(seconds));
        let now = UnixTime::from_seconds(0);
        assert!(!lifetimes.are_outlived_by("https://idp", at(0), at(3600), now));
        assert!(lifetimes.are_outlived_by("https://idp", at(0), at(3601), now));
        assert!(!lifetimes.are_outlived_by("https://long", at(0), at(3601), now));
        assert!(lifetimes.are_outlived_by("https://idp", None, at(3601), now));
        assert!(!lifetimes.are_outlived_by("https://idp", None, at(3600), now));
        let later = UnixTime::from_seconds(3601);
        assert!(lifetimes.are_outlived_by("https://idp", at(0), None, later));
        assert!(!lifetimes.are_outlived_by("https://idp", at(1), None, later));
        assert_eq!(lifetimes.longest(), hour * 24);
    }
}
