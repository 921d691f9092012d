//! The only reader of the clock: everything else is told what time it is.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::jose::UnixTime;

/// Tells the time.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// Always this time: for explaining a decision as of then.
    Stopped(UnixTime),
}

impl Clock {
    /// The time now.
    #[must_use]
    pub fn now(self) -> UnixTime {
        match self {
            Self::System => system_time(),
            Self::Stopped(time) => time,
        }
    }

    /// The time now in nanoseconds since the epoch: spans are shorter than a millisecond.
    #[must_use]
    pub fn now_nanos(self) -> u64 {
        let since = match self {
            Self::System => since_epoch(),
            Self::Stopped(time) => Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or_default()),
        };
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Starts measuring a duration.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is its one home")]
pub fn stopwatch() -> Instant {
    Instant::now()
}

fn system_time() -> UnixTime {
    UnixTime::from_millis(i64::try_from(since_epoch().as_millis()).unwrap_or(i64::MAX))
}

#[expect(clippy::disallowed_methods, reason = "this is its one home")]
fn since_epoch() -> Duration {
    // A clock before 1970 is broken; at the epoch every token is not yet valid, so nothing passes.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
