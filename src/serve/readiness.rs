//! Readiness: a latch that opens once, when every required issuer's keys have been read, and closes at
//! shutdown. It never closes because an issuer is down, or a new one was added: that would take the whole fleet
//! out at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::snapshot::SnapshotCell;

const STARTING: u8 = 0;
const READY: u8 = 1;
const STOPPING: u8 = 2;

/// The latch.
#[derive(Debug)]
pub(super) struct Readiness {
    state: AtomicU8,
    snapshot: Arc<SnapshotCell>,
}

impl Readiness {
    pub(super) fn new(snapshot: Arc<SnapshotCell>) -> Self {
        Self { state: AtomicU8::new(STARTING), snapshot }
    }

    /// Ready, or the names of what is waited for.
    ///
    /// # Errors
    /// What keeps it from being ready, in words.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.state.load(Ordering::Acquire) {
            READY => return Ok(()),
            STOPPING => return Err("stopping".to_owned()),
            _ => {}
        }
        let waiting = self.waiting_for();
        if !waiting.is_empty() {
            return Err(format!("waiting for {}", waiting.join(", ")));
        }
        // Shutdown may have come in between, and stays.
        match self.state.compare_exchange(STARTING, READY, Ordering::AcqRel, Ordering::Acquire) {
            Err(STOPPING) => Err("stopping".to_owned()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn waiting_for(&self) -> Vec<String> {
        let snapshot = self.snapshot.load();
        let missing = snapshot
            .sources
            .iter()
            .filter(|source| !source.trusted().optional && source.keys().latest().is_none());
        let keys = missing.map(|source| format!("the keys of {}", source.trusted().issuer.name));
        let revocations = snapshot.revocations.as_ref().map(|its| its.revocations());
        let unread = revocations.into_iter().filter(|its| !its.are_ready()).flat_map(|its| its.feeds());
        let feeds = unread.filter(|feed| !feed.has_caught_up());
        keys.chain(feeds.map(|feed| format!("the revocations of {}", feed.name()))).collect()
    }

    pub(super) fn stop(&self) {
        self.state.store(STOPPING, Ordering::Release);
    }
}
