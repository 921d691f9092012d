//! Waiting for a state, with a deadline: the only way these parts and the tests wait.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{Error, Result};

/// Long enough for a busy two-core machine, short enough for a person: for states that come within
/// milliseconds.
pub const DEADLINE: Duration = Duration::from_secs(20);

const INTERVAL: Duration = Duration::from_millis(10);

/// Looks at `state` every few milliseconds until it yields a value.
///
/// # Errors
/// After [`DEADLINE`], saying that `what` did not happen.
pub async fn until<T>(what: &str, state: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    within(DEADLINE, what, state).await
}

/// As [`until`], with a deadline of its own.
pub async fn within<T>(
    deadline: Duration,
    what: &str,
    mut state: impl AsyncFnMut() -> Option<T>,
) -> Result<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = state().await {
            return Ok(value);
        }
        if Instant::now() >= end {
            return Err(Error::new(format!("waited {deadline:?} in vain for {what}")));
        }
        sleep(INTERVAL).await;
    }
}
