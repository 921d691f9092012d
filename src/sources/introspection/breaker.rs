//! Suspends asking an issuer that fails, and lets one call at a time find out whether it is back.

use std::time::Duration;

use tokio::time::Instant;

/// The longest pause that an issuer's `Retry-After` can make.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The state for one issuer.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_allowed: u32,
    suspend: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
    },
    /// One call is finding out.
    HalfOpen,
}

/// What an operator sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Asking as usual.
    Closed,
    /// Not asking.
    Open,
    /// One call is finding out whether the issuer is back.
    HalfOpen,
}

impl BreakerState {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

impl Breaker {
    pub(super) fn new(failures_allowed: u32, suspend: Duration) -> Self {
        Self { failures_allowed, suspend, state: State::Closed { failures: 0 } }
    }

    /// Whether a call may be made. Each permission is followed by [`Breaker::succeeded`] or
    /// [`Breaker::failed`].
    pub(super) fn permits(&mut self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until } if now >= until => {
                self.state = State::HalfOpen;
                true
            }
            State::Open { .. } | State::HalfOpen => false,
        }
    }

    pub(super) fn succeeded(&mut self) {
        // A call from before the suspension that ends well now says nothing about new ones.
        if !matches!(self.state, State::Open { .. }) {
            self.state = State::Closed { failures: 0 };
        }
    }

    /// A call failed; `retry_after` is what the issuer asked for. One that was made before a suspension does
    /// not prolong it, unless the issuer asks for more, and nothing shortens it.
    pub(super) fn failed(&mut self, now: Instant, retry_after: Option<Duration>) {
        let asked = retry_after.map(|pause| now + pause.min(LONGEST_PAUSE));
        self.state = match self.state {
            State::Open { until } => State::Open { until: asked.map_or(until, |asked| asked.max(until)) },
            State::HalfOpen => State::Open { until: asked.unwrap_or(now).max(now + self.suspend) },
            State::Closed { failures } if failures + 1 >= self.failures_allowed => {
                State::Open { until: asked.unwrap_or(now).max(now + self.suspend) }
            }
            State::Closed { failures } => match asked.filter(|asked| *asked > now) {
                Some(until) => State::Open { until },
                None => State::Closed { failures: failures + 1 },
            },
        };
    }

    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { until } if now < until => BreakerState::Open,
            State::Open { .. } | State::HalfOpen => BreakerState::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUSPEND: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn opens_after_failures_in_a_row_and_closes_after_one_good_probe() {
        let now = Instant::now();
        let mut breaker = Breaker::new(3, SUSPEND);
        breaker.failed(now, None);
        breaker.failed(now, None);
        breaker.succeeded();
        (0..3).for_each(|_| breaker.failed(now, None));
        assert_eq!(breaker.state(now), BreakerState::Open);
        assert!(!breaker.permits(now + SUSPEND / 2));
        let later = now + SUSPEND;
        assert!(breaker.permits(later), "one call finds out");
        assert!(!breaker.permits(later), "and only one");
        breaker.failed(later, None);
        assert_eq!(breaker.state(later), BreakerState::Open);
        assert!(breaker.permits(later + SUSPEND));
        breaker.succeeded();
        assert!(breaker.permits(later) && breaker.permits(later));
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_obeyed_within_bounds() {
        let now = Instant::now();
        let mut breaker = Breaker::new(100, SUSPEND);
        breaker.failed(now, Some(Duration::from_secs(60)));
        assert!(!breaker.permits(now + Duration::from_secs(59)));
        assert!(breaker.permits(now + Duration::from_secs(60)));
        breaker.failed(now, Some(Duration::from_secs(1_000_000)));
        assert!(breaker.permits(now + LONGEST_PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_success_does_not_end_a_suspension() {
        let now = Instant::now();
        let mut breaker = Breaker::new(1, SUSPEND);
        breaker.failed(now, None);
        breaker.succeeded();
        assert!(!breaker.permits(now));
    }
}
