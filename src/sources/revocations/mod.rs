//! Revocations from outside: feeds are followed for ever, each into the one index of marks, and what can't be
//! relied on is known.
//!
//! A feed is read from its beginning, then followed. When it is lost it is tried again with a growing, jittered
//! pause, and what could have been missed is read again: marks only add up, so reading twice is harmless.

mod fault;
mod file;
mod intake;
mod keys;
mod nats;
mod parked;
mod publish;
mod recent;
mod redis;
mod redis_connection;
mod source;
mod ssf_poll;
mod ssf_stream;
mod status;
mod succession;
mod watch;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub use fault::FeedFault;
pub use publish::{Position, PublishFault, Receipt, Unwritable, may_publish, publish};
pub use source::FeedSource;
pub use status::{FeedPhase, FeedStatus, Refusal};
pub use succession::RevocationSources;

use crate::check::revocation::{Fingerprint, Index, IndexWriter, SHARDS, index};
use crate::clock::Clock;
use crate::config::{RevocationSettings, WhenLate};
use crate::jose::UnixTime;
use crate::telemetry::metrics::RevocationMetrics;
use intake::Marks;
use recent::Recent;

/// All feeds of one configuration, and the marks they bring.
#[derive(Debug)]
pub struct Revocations {
    index: Arc<Index>,
    marks: Arc<Marks>,
    feeds: Vec<Arc<FeedSource>>,
    settings: RevocationSettings,
    started: Instant,
    /// Until when feeds that were fresh before this configuration vouch for these, while these are first read.
    vouched_until: Option<Instant>,
    /// Until when something may be missing that feeds before these should have said.
    incomplete_until: Option<UnixTime>,
    stale: AtomicBool,
    overflowed: AtomicBool,
}

/// How soon a feed that falls silent is seen to be stale, and one that comes back not to be.
const TICK: Duration = Duration::from_millis(100);

impl Revocations {
    /// Feeds that nobody follows yet; until they have been read they are stale.
    #[must_use]
    pub fn new(settings: RevocationSettings, clock: Clock, metrics: RevocationMetrics) -> Self {
        let (writer, index) = index(seed(), settings.max_marks);
        let writer = Mutex::new(writer);
        let lifetimes = settings.terms.lifetimes.clone();
        let (stale_after, recent) = (settings.stale_after, Recent::default());
        let marks = Arc::new(Marks { writer, lifetimes, stale_after, clock, metrics, recent });
        let feeds = settings.feeds.iter();
        let feeds = feeds.map(|feed| Arc::new(FeedSource::new(feed.clone(), Arc::clone(&marks)))).collect();
        Self {
            index,
            marks,
            feeds,
            settings,
            started: Instant::now(),
            vouched_until: None,
            incomplete_until: None,
            stale: AtomicBool::new(true),
            overflowed: AtomicBool::new(false),
        }
    }

    /// In the place of other feeds. Where those are fresh these are not stale at once: they have as long to be read
    /// as a feed may be silent. What those missed stays missed.
    pub(super) fn after(mut self, former: &Self) -> Self {
        let missed = former.feeds().filter_map(|feed| feed.incomplete_until()).max();
        self.incomplete_until = missed.max(former.incomplete_until);
        for feed in &self.feeds {
            former.feeds().for_each(|former| feed.continue_from(former));
        }
        if !former.are_stale() {
            let vouched = former.vouched_until.filter(|_| !former.have_caught_up());
            self.vouched_until = vouched.or_else(|| Instant::now().checked_add(self.settings.stale_after));
            self.stale = AtomicBool::new(false);
        }
        self
    }

    /// The marks in force.
    #[must_use]
    pub fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// What was configured.
    #[must_use]
    pub fn settings(&self) -> &RevocationSettings {
        &self.settings
    }

    /// The feeds, each to be run by a task of its own.
    pub fn feeds(&self) -> impl Iterator<Item = &Arc<FeedSource>> {
        self.feeds.iter()
    }

    /// Whether a revocation may have been missed: a feed is silent or incomplete, or marks had no room. One load,
    /// for every check; as old as a tenth of a second.
    #[must_use]
    pub fn are_stale(&self) -> bool {
        self.stale.load(Ordering::Acquire)
    }

    /// Whether every feed has been read completely once.
    #[must_use]
    pub fn have_caught_up(&self) -> bool {
        self.feeds.iter().all(|feed| feed.has_caught_up())
    }

    /// Whether this feed can't be relied on.
    #[must_use]
    pub fn is_stale(&self, feed: &FeedSource) -> bool {
        feed.is_silent(self.settings.stale_after) || feed.is_incomplete(self.marks.clock.now())
    }

    /// Whether a mark that should be in force is not, and the tokens it is about may be alive.
    fn are_incomplete(&self) -> bool {
        let now = self.marks.clock.now();
        self.incomplete_until.is_some_and(|until| now < until)
            || self.feeds.iter().any(|feed| feed.is_incomplete(now))
    }

    /// When a mark was published that refuses a token for the first time, where that is known.
    #[must_use]
    pub fn first_refusal_by(&self, mark: Fingerprint) -> Option<UnixTime> {
        self.marks.recent.take(mark)
    }

    /// Whether readiness need not wait for the feeds any longer.
    #[must_use]
    pub fn are_ready(&self) -> bool {
        let late = self.started.elapsed() > self.settings.catch_up_deadline;
        self.have_caught_up() || (late && self.settings.when_late == WhenLate::Serve)
    }

    /// Drops marks that have expired and keeps [`Revocations::are_stale`] true to the feeds. Runs for ever.
    pub async fn run_upkeep(&self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.judge();
            self.expire().await;
        }
    }

    /// Waits until every feed has been read completely once, and [`Revocations::are_stale`] knows of it.
    pub async fn caught_up(&self) {
        while !self.have_caught_up() {
            tokio::time::sleep(TICK / 10).await;
        }
        self.judge();
    }

    fn judge(&self) {
        let stale_feeds: Vec<_> = self.feeds.iter().filter(|feed| self.is_stale(feed)).collect();
        if self.feeds.iter().any(|feed| feed.has_overflowed())
            && !self.overflowed.swap(true, Ordering::AcqRel)
        {
            let most = self.settings.max_marks;
            tracing::error!(most, "there are more revocations than `max_marks`: some are lost");
        }
        let stale = self.are_incomplete() || (!stale_feeds.is_empty() && !self.are_vouched_for());
        if self.stale.swap(stale, Ordering::AcqRel) != stale && self.have_caught_up() {
            let feeds: Vec<_> = stale_feeds.iter().map(|feed| feed.name()).collect();
            match stale {
                true => tracing::warn!(feeds = feeds.join(" "), "revocations are stale"),
                false => tracing::info!("revocations are fresh again"),
            }
        }
    }

    fn are_vouched_for(&self) -> bool {
        self.vouched_until.is_some_and(|until| Instant::now() < until) && !self.have_caught_up()
    }

    /// A shard at a time, so that neither checks nor feeds wait long.
    async fn expire(&self) {
        let now = self.marks.clock.now();
        if !self.writer().has_expired(now) {
            return;
        }
        for shard in 0..SHARDS {
            self.writer().expire(shard, now);
            tokio::task::yield_now().await;
        }
    }

    fn writer(&self) -> MutexGuard<'_, IndexWriter> {
        self.marks.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps others from choosing names that fall side by side in the index. Without a random one the index is only
/// slower to look into for who pays for it.
fn seed() -> u64 {
    let mut bytes = [0; 8];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        return fastrand::u64(..);
    }
    u64::from_be_bytes(bytes)
}
