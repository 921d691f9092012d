//! Messages that can't be judged yet, because the key that signed them is not known and its keys can't be read again
//! just now. They wait for a while beside the feed, which goes on; marks only add up, so being late harms no other.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Some hundreds of messages of ordinary size. Whoever writes more of them than that is none of ours.
const MOST_BYTES: usize = 1 << 20;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Parked {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    texts: VecDeque<String>,
    bytes: usize,
    since: Option<Instant>,
}

impl Parked {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a message, unless there is no room for it.
    pub(super) fn put(&self, text: &str) -> bool {
        let mut waiting = self.waiting();
        if waiting.bytes + text.len() > MOST_BYTES {
            return false;
        }
        waiting.bytes += text.len();
        waiting.since.get_or_insert_with(Instant::now);
        waiting.texts.push_back(text.to_owned());
        drop(waiting);
        self.filled.notify_one();
        true
    }

    /// Waits until there is something.
    pub(super) async fn filled(&self) {
        while self.waiting().texts.is_empty() {
            self.filled.notified().await;
        }
    }

    /// All that waits.
    pub(super) fn take(&self) -> VecDeque<String> {
        std::mem::take(&mut *self.waiting()).texts
    }

    /// Whether something has waited for longer than this.
    pub(super) fn is_late(&self, than: Duration) -> bool {
        self.waiting().since.is_some_and(|since| since.elapsed() > than)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keeps_what_there_is_room_for_and_knows_since_when() {
        let parked = Parked::default();
        let text = "x".repeat(MOST_BYTES / 2);
        assert!(parked.put(&text) && parked.put(&text));
        assert!(!parked.put("x"), "full");
        parked.filled().await;
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(parked.is_late(Duration::from_secs(1)) && !parked.is_late(Duration::from_secs(3)));
        assert_eq!(parked.take().len(), 2);
        assert!(!parked.is_late(Duration::ZERO) && parked.put("x"));
    }
}
