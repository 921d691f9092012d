//! All marks in force. Checks read it without a lock while one writer adds to it.
//!
//! It is cut into shards, each a [`Table`] of its own behind an atomic pointer, so that growing and expiring
//! copy a 256th at a time: memory never doubles, and the writer is never busy for long.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::fingerprint::{Fingerprint, Kind};
use super::mark::{Mark, Reach};
use super::table::{Entry, Table};
use crate::jose::UnixTime;

/// How many shards there are.
pub const SHARDS: usize = 256;

/// Marks expire together in buckets of this many seconds.
const BUCKET_SECONDS: i64 = 64;

/// How much longer than it must a mark is kept: `exp` has a leeway of up to 60 seconds, and times are counted
/// in whole ones.
const SLACK: Duration = Duration::from_secs(120);

const NEVER: u32 = u32::MAX;
const EVERY: u32 = u32::MAX;

/// What checks read.
#[derive(Debug)]
pub struct Index {
    shards: Box<[ArcSwap<Table>]>,
    /// Makes it unknown which names fall side by side, so that nobody can pile them up.
    seed: u64,
    epoch: AtomicU64,
    live: [AtomicUsize; Kind::ALL.len()],
}

/// What the one writer holds.
#[derive(Debug)]
pub struct IndexWriter {
    index: Arc<Index>,
    lengths: Box<[usize]>,
    /// How many marks each bucket has.
    buckets: BTreeMap<u32, usize>,
    capacity: usize,
}

/// What became of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is in force.
    New,
    /// It widened one that was in force.
    Raised,
    /// One that was in force says as much.
    Known,
    /// No token that it could match is alive.
    Expired,
    /// There is no room: it is lost, and the index can't be relied on.
    Full,
}

/// An empty index for at most `capacity` marks. `seed` should be random, and secret.
#[must_use]
pub fn index(seed: u64, capacity: usize) -> (IndexWriter, Arc<Index>) {
    let shards = (0..SHARDS).map(|_| ArcSwap::from_pointee(Table::with_room(0))).collect();
    let live = std::array::from_fn(|_| AtomicUsize::new(0));
    let index = Arc::new(Index { shards, seed, epoch: AtomicU64::new(0), live });
    let writer = IndexWriter {
        index: Arc::clone(&index),
        lengths: vec![0; SHARDS].into_boxed_slice(),
        buckets: BTreeMap::new(),
        capacity,
    };
    (writer, index)
}

impl Index {
    /// Grows with every mark that changes something. What was screened at this epoch needs no second look while
    /// it stays the same: read it first, then screen.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// How many marks of a kind are in force.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.live.get(kind.number()).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// How many marks are in force.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a token that fits this fingerprint is revoked, by when it says that it was issued.
    #[must_use]
    pub fn revokes(&self, fingerprint: Fingerprint, issued_at: Option<UnixTime>) -> bool {
        let (shard, place) = self.place(fingerprint);
        let Some(shard) = self.shards.get(shard) else { return false };
        let found = shard.load().find(fingerprint, place);
        found.is_some_and(|entry| issued_at.is_none_or(|issued| seconds(issued) <= entry.reach))
    }

    /// The shard, and the hash within it.
    fn place(&self, fingerprint: Fingerprint) -> (usize, u64) {
        let (_, lower) = fingerprint.halves();
        let mixed = (lower ^ self.seed).wrapping_mul(self.seed | 1);
        (usize::try_from(mixed >> 56).unwrap_or_default(), mixed << 8)
    }

    fn changed(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
    }

    fn live(&self, kind: Kind) -> &AtomicUsize {
        // The array is as long as the list of kinds.
        let [first, ..] = &self.live;
        self.live.get(kind.number()).unwrap_or(first)
    }
}

impl IndexWriter {
    /// Puts a mark in force.
    pub fn apply(&mut self, mark: &Mark, now: UnixTime) -> Applied {
        let entry = Entry { reach: reach(mark.reach()), bucket: bucket(mark.expires_at()) };
        if is_past(entry.bucket, now) {
            return Applied::Expired;
        }
        let fingerprint = mark.fingerprint();
        let (shard, place) = self.index.place(fingerprint);
        let Some(cell) = self.index.shards.get(shard) else { return Applied::Full };
        let mut table = cell.load_full();
        let length = self.lengths.get(shard).copied().unwrap_or_default();
        if length + 1 > table.room() {
            table = Arc::new(self.copy(&table, length + 1, |_| true));
            cell.store(Arc::clone(&table));
        }
        if self.index.len() >= self.capacity && table.find(fingerprint, place).is_none() {
            return Applied::Full;
        }
        let (before, after) = table.put(fingerprint, place, entry);
        self.account(shard, fingerprint.kind(), before, after)
    }

    fn account(&mut self, shard: usize, kind: Kind, before: Option<Entry>, after: Entry) -> Applied {
        if before == Some(after) {
            return Applied::Known;
        }
        *self.buckets.entry(after.bucket).or_default() += 1;
        let applied = match before {
            Some(before) => {
                self.forget(before.bucket);
                Applied::Raised
            }
            None => {
                self.index.live(kind).fetch_add(1, Ordering::Relaxed);
                if let Some(length) = self.lengths.get_mut(shard) {
                    *length += 1;
                }
                Applied::New
            }
        };
        self.index.changed();
        applied
    }

    fn forget(&mut self, bucket: u32) {
        if let Some(count) = self.buckets.get_mut(&bucket) {
            *count -= 1;
            if *count == 0 {
                self.buckets.remove(&bucket);
            }
        }
    }

    /// Whether marks have expired that are still there.
    #[must_use]
    pub fn has_expired(&self, now: UnixTime) -> bool {
        self.buckets.first_key_value().is_some_and(|(bucket, _)| is_past(*bucket, now))
    }

    /// Drops what has expired from one shard, by its number below [`SHARDS`], and returns how much that was.
    pub fn expire(&mut self, shard: usize, now: UnixTime) -> usize {
        let Some(table) = self.index.shards.get(shard).map(ArcSwap::load_full) else { return 0 };
        let gone: Vec<_> = table.iter().filter(|(_, entry)| is_past(entry.bucket, now)).collect();
        if gone.is_empty() {
            return 0;
        }
        for (fingerprint, entry) in &gone {
            self.index.live(fingerprint.kind()).fetch_sub(1, Ordering::Relaxed);
            self.forget(entry.bucket);
        }
        let left = self.lengths.get(shard).copied().unwrap_or_default().saturating_sub(gone.len());
        let kept = self.copy(&table, left, |entry| !is_past(entry.bucket, now));
        if let Some(cell) = self.index.shards.get(shard) {
            cell.store(Arc::new(kept));
        }
        if let Some(length) = self.lengths.get_mut(shard) {
            *length = left;
        }
        gone.len()
    }

    fn copy(&self, table: &Table, entries: usize, keep: impl Fn(&Entry) -> bool) -> Table {
        let copy = Table::with_room(entries);
        for (fingerprint, entry) in table.iter().filter(|(_, entry)| keep(entry)) {
            let (_, place) = self.index.place(fingerprint);
            copy.put(fingerprint, place, entry);
        }
        copy
    }
}

fn reach(reach: Reach) -> u32 {
    match reach {
        Reach::Every => EVERY,
        Reach::IssuedUntil(time) => seconds(time),
    }
}

/// Whole seconds, below [`EVERY`].
fn seconds(time: UnixTime) -> u32 {
    let whole = time.as_millis().div_euclid(1000).clamp(0, i64::from(EVERY - 1));
    u32::try_from(whole).unwrap_or(EVERY - 1)
}

/// The bucket that ends when a mark may go.
fn bucket(expires_at: Option<UnixTime>) -> u32 {
    let Some(time) = expires_at else { return NEVER };
    let seconds = time.plus(SLACK).as_millis().div_euclid(1000) + 1;
    let bucket = (seconds + BUCKET_SECONDS - 1).div_euclid(BUCKET_SECONDS);
    u32::try_from(bucket.clamp(0, i64::from(NEVER - 1))).unwrap_or(NEVER - 1)
}

fn is_past(bucket: u32, now: UnixTime) -> bool {
    bucket != NEVER && i64::from(bucket) * BUCKET_SECONDS * 1000 <= now.as_millis()
}

#[cfg(test)]
mod tests {
    use super::super::fingerprint::Target;
    use super::*;

    const ISSUER: &str = "https://idp.example.com";
    const NOW: UnixTime = UnixTime::from_seconds(1_700_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn token(jti: &str) -> Target<'_> {
        Target::Token { issuer: ISSUER, jti }
    }

    fn in_an_hour(jti: &str) -> Mark {
        Mark::new(&token(jti), Reach::Every, Some(NOW.plus(HOUR)))
    }

    fn expire_all(writer: &mut IndexWriter, now: UnixTime) -> usize {
        (0..SHARDS).map(|shard| writer.expire(shard, now)).sum()
    }

    #[test]
    fn finds_every_mark_and_no_other_while_it_grows() {
        let (mut writer, index) = index(7, usize::MAX);
        for number in 0..20_000 {
            assert_eq!(writer.apply(&in_an_hour(&number.to_string()), NOW), Applied::New);
        }
        for number in 0..20_000 {
            assert!(index.revokes(token(&number.to_string()).fingerprint(), Some(NOW)), "{number}");
            assert!(!index.revokes(token(&format!("x{number}")).fingerprint(), None), "x{number}");
        }
        assert_eq!(index.count(Kind::Token), 20_000);
    }

    #[test]
    fn a_mark_by_time_reaches_tokens_of_its_second_and_those_without_a_time() {
        let (mut writer, index) = index(7, usize::MAX);
        let target = Target::Subject { issuer: ISSUER, subject: "alice" };
        let until = UnixTime::from_millis(1_700_000_000_900);
        writer.apply(&Mark::new(&target, Reach::IssuedUntil(until), Some(NOW.plus(HOUR))), NOW);
        let print = target.fingerprint();
        assert!(index.revokes(print, Some(UnixTime::from_seconds(1_700_000_000))));
        assert!(index.revokes(print, Some(UnixTime::from_millis(1_700_000_000_999))));
        assert!(!index.revokes(print, Some(UnixTime::from_seconds(1_700_000_001))));
        assert!(index.revokes(print, None));
    }

    #[test]
    fn only_what_changes_something_moves_the_epoch() {
        let (mut writer, index) = index(7, usize::MAX);
        let target = Target::Client { issuer: ISSUER, client: "shop" };
        let until = |seconds| {
            let reach = Reach::IssuedUntil(UnixTime::from_seconds(seconds));
            Mark::new(&target, reach, Some(UnixTime::from_seconds(seconds).plus(HOUR)))
        };
        assert_eq!(writer.apply(&until(1_700_000_000), NOW), Applied::New);
        let epoch = index.epoch();
        assert_eq!(writer.apply(&until(1_700_000_000), NOW), Applied::Known);
        assert_eq!(writer.apply(&until(1_600_000_000), NOW), Applied::Expired);
        assert_eq!(writer.apply(&until(1_699_999_999), NOW), Applied::Known);
        assert_eq!(index.epoch(), epoch);
        assert_eq!(writer.apply(&until(1_700_000_100), NOW), Applied::Raised);
        assert!(index.epoch() > epoch);
        assert_eq!(index.len(), 1);
    }

    #[test]
    fn drops_marks_only_when_no_token_can_be_alive_and_keeps_those_without_an_end() {
        let (mut writer, index) = index(7, usize::MAX);
        for number in 0..5000 {
            writer.apply(&in_an_hour(&number.to_string()), NOW);
        }
        let key = Target::Key { issuer: ISSUER, kid: "stolen" };
        writer.apply(&Mark::new(&key, Reach::Every, None), NOW);
        let alive = NOW.plus(HOUR + Duration::from_secs(60));
        assert!(!writer.has_expired(alive));
        assert_eq!(expire_all(&mut writer, alive), 0);
        let later = NOW.plus(HOUR * 2);
        assert!(writer.has_expired(later));
        assert_eq!(expire_all(&mut writer, later), 5000);
        assert!(!writer.has_expired(later));
        assert_eq!((index.count(Kind::Token), index.count(Kind::Key)), (0, 1));
        assert!(!index.revokes(token("7").fingerprint(), None));
        assert!(index.revokes(key.fingerprint(), Some(later)));
    }

    #[test]
    fn a_mark_that_is_raised_lives_as_long_as_the_later_one() {
        let (mut writer, index) = index(7, usize::MAX);
        writer.apply(&in_an_hour("a"), NOW);
        writer.apply(&Mark::new(&token("a"), Reach::Every, Some(NOW.plus(HOUR * 3))), NOW);
        writer.apply(&in_an_hour("a"), NOW);
        assert_eq!(expire_all(&mut writer, NOW.plus(HOUR * 2)), 0);
        assert!(index.revokes(token("a").fingerprint(), None));
    }

    #[test]
    fn says_when_there_is_no_room_and_still_raises_what_is_there() {
        let (mut writer, index) = index(7, 2);
        for jti in ["a", "b"] {
            assert_eq!(writer.apply(&in_an_hour(jti), NOW), Applied::New);
        }
        assert_eq!(writer.apply(&in_an_hour("c"), NOW), Applied::Full);
        let longer = Mark::new(&token("a"), Reach::Every, Some(NOW.plus(HOUR * 2)));
        assert_eq!(writer.apply(&longer, NOW), Applied::Raised);
        assert_eq!(index.len(), 2);
    }

    #[test]
    fn readers_lose_no_mark_while_the_writer_grows_and_expires() {
        let (mut writer, index) = index(7, usize::MAX);
        let lasting = in_an_hour("lasting");
        writer.apply(&lasting, NOW);
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Acquire) {
                        assert!(index.revokes(lasting.fingerprint(), None));
                    }
                });
            }
            for round in 0..20 {
                for number in 0..2000 {
                    let jti = format!("{round} {number}");
                    let soon = Mark::new(&token(&jti), Reach::Every, Some(NOW.plus(Duration::from_secs(1))));
                    writer.apply(&soon, NOW);
                    assert!(index.revokes(soon.fingerprint(), None));
                }
                expire_all(&mut writer, NOW.plus(Duration::from_secs(600)));
            }
            done.store(true, Ordering::Release);
        });
        assert_eq!(index.len(), 1);
    }
}
