//! How soon a new key can be used: from when it was first heard of, in a token or in a key set.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// An issuer rotates with a key or two; more names than that are invented.
const MOST: usize = 32;

/// No issuer names its keys at such length.
const LONGEST: usize = 256;

/// A name that no key set bears by then was invented, or is of no interest any longer.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// Keys that tokens have named and that are not known yet, each with the time at which the first one did.
#[derive(Debug, Default)]
pub(super) struct Awaited(Mutex<Vec<(String, Instant)>>);

impl Awaited {
    /// Notes that a token names a key that is not known.
    pub(super) fn named(&self, kid: &str) {
        let now = Instant::now();
        let mut awaited = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        awaited.retain(|(_, since)| now.duration_since(*since) < FORGET_AFTER);
        let is_known = awaited.iter().any(|(its, _)| its == kid);
        if !is_known && awaited.len() < MOST && kid.len() <= LONGEST {
            awaited.push((kid.to_owned(), now));
        }
    }

    /// For how long checks have waited for this key, now that it is there; none where no token has named it.
    pub(super) fn came(&self, kid: Option<&str>) -> Option<Duration> {
        let mut awaited = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = awaited.iter().position(|(its, _)| Some(its.as_str()) == kid)?;
        Some(awaited.swap_remove(place).1.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn measures_from_the_first_token_that_named_it_and_once() {
        let awaited = Awaited::default();
        awaited.named("new");
        tokio::time::advance(Duration::from_secs(3)).await;
        awaited.named("new");
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!((awaited.came(Some("other")), awaited.came(None)), (None, None));
        assert_eq!(awaited.came(Some("new")), Some(Duration::from_secs(7)));
        assert_eq!(awaited.came(Some("new")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn invented_names_take_little_room_and_not_for_long() {
        let awaited = Awaited::default();
        (0..1000).for_each(|number| awaited.named(&number.to_string()));
        awaited.named(&"x".repeat(LONGEST + 1));
        assert_eq!(awaited.0.lock().unwrap().len(), MOST);
        tokio::time::advance(FORGET_AFTER).await;
        awaited.named("real");
        assert_eq!(awaited.0.lock().unwrap().len(), 1);
        assert_eq!(awaited.came(Some("real")), Some(Duration::ZERO));
    }
}
