//! One shard of the index: an open-addressed table that one writer fills while others read it without a lock.
//!
//! Entries are never removed from a table; a shard that grows or expires gets a new one. So a slot goes from
//! empty to one fingerprint and stays there, and a reader that finds the fingerprint finds a whole entry.

use std::sync::atomic::{AtomicU64, Ordering};

use super::fingerprint::Fingerprint;

/// What is known of a fingerprint: how far its mark reaches, and when it expires. Ordered bit by bit as two
/// halves, so that merging is the maximum of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Whole seconds since 1970; `u32::MAX` is every token.
    pub(super) reach: u32,
    /// The bucket that it expires with; `u32::MAX` is never.
    pub(super) bucket: u32,
}

impl Entry {
    pub(super) fn merged(self, other: Self) -> Self {
        Self { reach: self.reach.max(other.reach), bucket: self.bucket.max(other.bucket) }
    }

    fn pack(self) -> u64 {
        (u64::from(self.reach) << 32) | u64::from(self.bucket)
    }

    #[expect(clippy::cast_possible_truncation, reason = "each half is taken by itself")]
    fn unpack(packed: u64) -> Self {
        Self { reach: (packed >> 32) as u32, bucket: packed as u32 }
    }
}

/// 24 bytes a slot, in two lists: a lookup in vain reads only the first, eight slots to a cache line.
#[derive(Debug)]
pub(super) struct Table {
    /// The lower half of each slot's fingerprint; zero while the slot is empty.
    lowers: Box<[AtomicU64]>,
    rests: Box<[Rest]>,
}

#[derive(Debug, Default)]
struct Rest {
    upper: AtomicU64,
    entry: AtomicU64,
}

impl Table {
    /// With room for `entries` and an eighth more before it should grow.
    pub(super) fn with_room(entries: usize) -> Self {
        let slots = (entries + entries / 8 + 1) * 20 / 17 + 1;
        Self {
            lowers: (0..slots).map(|_| AtomicU64::new(0)).collect(),
            rests: (0..slots).map(|_| Rest::default()).collect(),
        }
    }

    /// How many entries it may hold. Filled to 17 in 20, a lookup in vain looks at 23 slots.
    pub(super) fn room(&self) -> usize {
        self.lowers.len() * 17 / 20
    }

    /// What is known of a fingerprint. `place` is its hash.
    pub(super) fn find(&self, fingerprint: Fingerprint, place: u64) -> Option<Entry> {
        match self.probe(fingerprint, place)? {
            Probed::Found(rest) => Some(Entry::unpack(rest.entry.load(Ordering::Acquire))),
            Probed::Free(..) => None,
        }
    }

    /// Only for the one writer, with room left: merges what is known and returns what was, and is now.
    pub(super) fn put(&self, fingerprint: Fingerprint, place: u64, entry: Entry) -> (Option<Entry>, Entry) {
        match self.probe(fingerprint, place) {
            Some(Probed::Found(rest)) => {
                let before = Entry::unpack(rest.entry.load(Ordering::Relaxed));
                let merged = before.merged(entry);
                rest.entry.store(merged.pack(), Ordering::Release);
                (Some(before), merged)
            }
            Some(Probed::Free(slot, rest)) => {
                let (upper, lower) = fingerprint.halves();
                rest.entry.store(entry.pack(), Ordering::Relaxed);
                rest.upper.store(upper, Ordering::Relaxed);
                // Whoever sees this sees the two above.
                slot.store(lower, Ordering::Release);
                (None, entry)
            }
            None => (None, entry),
        }
    }

    /// The slot of a fingerprint, or the one where it would go. None only from a table that is full.
    fn probe(&self, fingerprint: Fingerprint, place: u64) -> Option<Probed<'_>> {
        let (upper, lower) = fingerprint.halves();
        let slots = self.lowers.len();
        let mut index = start(place, slots);
        for _ in 0..slots {
            let slot = self.lowers.get(index)?;
            let found = slot.load(Ordering::Acquire);
            if found == 0 {
                return Some(Probed::Free(slot, self.rests.get(index)?));
            }
            if found == lower {
                let rest = self.rests.get(index)?;
                if rest.upper.load(Ordering::Relaxed) == upper {
                    return Some(Probed::Found(rest));
                }
            }
            index = if index + 1 == slots { 0 } else { index + 1 };
        }
        None
    }

    /// All entries.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Fingerprint, Entry)> {
        self.lowers.iter().zip(&self.rests).filter_map(|(slot, rest)| {
            let lower = slot.load(Ordering::Acquire);
            let upper = rest.upper.load(Ordering::Relaxed);
            let entry = Entry::unpack(rest.entry.load(Ordering::Acquire));
            (lower != 0).then(|| (Fingerprint::from_halves(upper, lower), entry))
        })
    }
}

/// Where a search ended.
enum Probed<'a> {
    Found(&'a Rest),
    Free(&'a AtomicU64, &'a Rest),
}

/// Maps a hash evenly onto the slots.
fn start(place: u64, slots: usize) -> usize {
    let scaled = (u128::from(place) * slots as u128) >> 64;
    usize::try_from(scaled).unwrap_or_default()
}
