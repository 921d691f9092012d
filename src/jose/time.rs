//! A point in time as tokens carry it (`NumericDate`, RFC 7519 §2), kept in whole milliseconds.

use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

/// The year 5138: a date past it is a broken token, not a long-lived one.
const HORIZON_SECONDS: f64 = 1e11;

impl UnixTime {
    /// From whole seconds.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// From whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From a JSON number; none when it is negative, not finite or past the year 5138.
    #[must_use]
    pub fn from_numeric_date(seconds: f64) -> Option<Self> {
        if !(0.0..=HORIZON_SECONDS).contains(&seconds) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 1e14, which an i64 holds exactly")]
        let millis = (seconds * 1000.0).floor() as i64;
        Some(Self(millis))
    }

    /// Whole milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This time and `later` more.
    #[must_use]
    pub fn plus(self, later: Duration) -> Self {
        Self(self.0.saturating_add(millis(later)))
    }

    /// How long ago `earlier` was; zero when it is in the future.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl std::fmt::Display for UnixTime {
    /// RFC 3339 in UTC, for people and for /statusz.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_fractions_and_refuses_what_is_no_date() {
        assert_eq!(UnixTime::from_numeric_date(1.5), Some(UnixTime::from_millis(1500)));
        for bad in [-1.0, f64::NAN, f64::INFINITY, 1e18, 1.1e11] {
            assert_eq!(UnixTime::from_numeric_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn prints_rfc_3339() {
        assert_eq!(UnixTime::from_seconds(1_700_000_000).to_string(), "2023-11-14T22:13:20Z");
    }
}
