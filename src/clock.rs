//! The only reader of the clock: everything else is told what time it is.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

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
}

/// Starts measuring a duration.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is its one home")]
pub fn stopwatch() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "this is its one home")]
fn system_time() -> UnixTime {
    // A clock before 1970 is broken; at the epoch every token is not yet valid, so nothing passes.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
