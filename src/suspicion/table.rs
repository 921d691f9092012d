//! A table of fixed size: what is known of each key in its window. When there is no room, what least is known of makes
//! way, and of that the oldest.
//!
//! A key can be in one set of eight places, which a hash under a secret key chooses: nobody can aim at a set. A flood
//! of keys that are seen once each replaces the weakest place of each set, again and again, and leaves those of the other
//! seven alone of which more is known.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::jose::UnixTime;

const PLACES: usize = 8;

/// What is kept of a key.
pub(super) trait Evidence: Copy + Default {
    /// How much there is of it.
    fn weight(&self) -> u32;
}

/// Now, and how long windows are.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    pub(super) now: UnixTime,
    pub(super) window: Duration,
}

/// What is known of a key since its window began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<E> {
    pub(super) evidence: E,
    since: UnixTime,
    reported: bool,
}

/// Keys and entries, each at its place. A key of 0 is none.
#[derive(Debug)]
struct Set<E> {
    keys: [u64; PLACES],
    entries: [Entry<E>; PLACES],
}

/// The sets. Each has a lock of its own, which is held for one look at its eight keys.
#[derive(Debug)]
pub(super) struct Table<E>(Box<[Mutex<Set<E>>]>);

impl<E: Evidence> Entry<E> {
    fn begun(now: UnixTime) -> Self {
        Self { evidence: E::default(), since: now, reported: false }
    }

    /// A window from the future, as after the clock was set back, is over too.
    fn is_over(&self, when: When) -> bool {
        when.now < self.since || when.now.since(self.since) >= when.window
    }

    /// How long its window still lasts.
    pub(super) fn left(&self, when: When) -> Duration {
        when.window.saturating_sub(when.now.since(self.since))
    }

    /// Whether this is the first report in this window.
    pub(super) fn report(&mut self) -> bool {
        !std::mem::replace(&mut self.reported, true)
    }

    /// How much there is, the first time that it is so much.
    pub(super) fn reaches(&mut self, threshold: u32) -> Option<u32> {
        let weight = self.evidence.weight();
        (weight >= threshold && self.report()).then_some(weight)
    }
}

impl<E: Evidence> Set<E> {
    fn empty() -> Self {
        Self { keys: [0; PLACES], entries: [Entry::begun(UnixTime::from_millis(0)); PLACES] }
    }

    /// The current entry of a key.
    fn find(&mut self, key: u64, when: When) -> Option<&mut Entry<E>> {
        let place = self.keys.iter().position(|its| *its == key)?;
        self.entries.get_mut(place).filter(|entry| !entry.is_over(when))
    }

    /// Begins a window for a key, in its own place or in the weakest.
    fn begin(&mut self, key: u64, when: When) -> Option<&mut Entry<E>> {
        let worth = |(its, entry): &(&mut u64, &mut Entry<E>)| match **its {
            its if its == key => (0, UnixTime::from_millis(i64::MIN)),
            0 => (1, UnixTime::from_millis(i64::MIN)),
            _ if entry.is_over(when) => (1, entry.since),
            _ => (entry.evidence.weight().saturating_add(2), entry.since),
        };
        let (its, entry) = self.keys.iter_mut().zip(&mut self.entries).min_by_key(worth)?;
        (*its, *entry) = (key, Entry::begun(when.now));
        Some(entry)
    }
}

impl<E: Evidence> Table<E> {
    /// So many sets of eight.
    pub(super) fn new(sets: usize) -> Self {
        Self((0..sets).map(|_| Mutex::new(Set::empty())).collect())
    }

    /// Changes what is known of a key in its window, which begins now if none is under way.
    pub(super) fn enter<R: Default>(
        &self,
        key: u64,
        when: When,
        change: impl FnOnce(&mut Entry<E>) -> R,
    ) -> R {
        self.in_set(key, |set, key| {
            // Two looks, because a loan of the found entry would outlast this one.
            let known = set.find(key, when).is_some();
            let entry = if known { set.find(key, when) } else { set.begin(key, when) };
            entry.map(change).unwrap_or_default()
        })
    }

    /// Looks at what is known of a key.
    pub(super) fn look<R>(&self, key: u64, when: When, look: impl FnOnce(&Entry<E>) -> R) -> Option<R> {
        self.in_set(key, |set, key| set.find(key, when).map(|entry| look(entry)))
    }

    /// The memory that the sets take.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        std::mem::size_of_val(&*self.0)
    }

    fn in_set<R: Default>(&self, key: u64, with: impl FnOnce(&mut Set<E>, u64) -> R) -> R {
        let key = key.max(1);
        let sets = u64::try_from(self.0.len()).unwrap_or(1).max(1);
        let set = usize::try_from(key % sets).ok().and_then(|place| self.0.get(place));
        set.map(|set| with(&mut set.lock().unwrap_or_else(PoisonError::into_inner), key)).unwrap_or_default()
    }
}
