//! What an operator sees of a feed: where it stands, what it brought, and whether it can be relied on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::check::revocation::{Applied, Kind, StreamStatus};
use crate::jose::UnixTime;

/// Where a feed stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedPhase {
    /// It is being connected to.
    #[default]
    Connecting,
    /// What it holds is being read.
    CatchingUp,
    /// What it holds has been read, and what comes is read as it comes.
    Following,
    /// It was lost, and is tried again in a moment.
    Lost,
}

impl FeedPhase {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::CatchingUp => "catching up",
            Self::Following => "following",
            Self::Lost => "lost",
        }
    }
}

/// Why a message changed nothing, and could not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// It is no message.
    Malformed,
    /// It is not signed, and must be.
    Unsigned,
    /// Its signature or envelope does not hold.
    BadlySigned,
    /// It revokes tokens of an issuer that this feed has no say over.
    OtherIssuer,
    /// It names its subject by what no token carries.
    Unmappable,
    /// There is no room for its mark.
    Full,
    /// Its time is so far ahead that a clock must be wrong; its mark reaches less far than it says.
    Ahead,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Malformed,
        Self::Unsigned,
        Self::BadlySigned,
        Self::OtherIssuer,
        Self::Unmappable,
        Self::Full,
        Self::Ahead,
    ];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unsigned => "unsigned",
            Self::BadlySigned => "badly_signed",
            Self::OtherIssuer => "other_issuer",
            Self::Unmappable => "unmappable",
            Self::Full => "full",
            Self::Ahead => "ahead",
        }
    }
}

/// One moment's view of a feed.
#[derive(Clone, Debug)]
pub struct FeedStatus {
    /// Where it stands.
    pub phase: FeedPhase,
    /// How often it was connected to.
    pub connections: u64,
    /// When everything it held had been read for the first time.
    pub caught_up_at: Option<UnixTime>,
    /// How long the last complete reading took.
    pub catch_up_took: Option<Duration>,
    /// When the last message came.
    pub last_message_at: Option<UnixTime>,
    /// How long the last message that said when it was published took to take effect.
    pub lag: Option<Duration>,
    /// For how long nothing has shown that the feed is alive; none before it first was.
    pub silent_for: Option<Duration>,
    /// Messages that changed something, by kind.
    pub applied: BTreeMap<Kind, u64>,
    /// Messages that said nothing new, or nothing that matters any more.
    pub repeated: u64,
    /// Heartbeats.
    pub heartbeats: u64,
    /// Messages that were refused.
    pub refused: BTreeMap<Refusal, u64>,
    /// How often messages were found to be gone before they were read.
    pub gaps: u64,
    /// Until when tokens may be alive that such a message, or another that could not be put in force, was about.
    pub incomplete_until: Option<UnixTime>,
    /// Why it was last lost.
    pub last_error: Option<String>,
}

/// Counts as they come.
#[derive(Debug, Default)]
pub(super) struct Tally {
    applied: [AtomicU64; Kind::ALL.len()],
    refused: [AtomicU64; Refusal::ALL.len()],
    repeated: AtomicU64,
    heartbeats: AtomicU64,
    has_caught_up: AtomicBool,
    progress: Mutex<Progress>,
}

#[derive(Clone, Debug, Default)]
struct Progress {
    phase: FeedPhase,
    connections: u64,
    began: Option<Instant>,
    caught_up_at: Option<UnixTime>,
    catch_up_took: Option<Duration>,
    last_message_at: Option<UnixTime>,
    lag: Option<Duration>,
    heard_at: Option<Instant>,
    /// What the transmitter says of its stream.
    stream: StreamStatus,
    gaps: u64,
    incomplete_until: Option<UnixTime>,
    last_error: Option<String>,
}

impl Tally {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn connecting(&self) {
        let mut progress = self.progress();
        progress.phase = FeedPhase::Connecting;
        progress.began = Some(Instant::now());
    }

    pub(super) fn connected(&self) {
        let mut progress = self.progress();
        progress.phase = FeedPhase::CatchingUp;
        progress.connections += 1;
    }

    /// Everything there was has been read. Where the writer sends heartbeats that is no proof that it is alive, but
    /// the first time it is given the time to send one.
    pub(super) fn caught_up(&self, now: UnixTime, is_proof: bool) {
        let mut progress = self.progress();
        if progress.phase != FeedPhase::Following {
            progress.phase = FeedPhase::Following;
            progress.caught_up_at.get_or_insert(now);
            self.has_caught_up.store(true, Ordering::Release);
            progress.catch_up_took = progress.began.map(|began| began.elapsed());
            progress.last_error = None;
        }
        if is_proof || progress.heard_at.is_none() {
            progress.heard_at = Some(Instant::now());
        }
    }

    /// Something shows that the feed is alive; before it was read completely that is no promise.
    pub(super) fn alive(&self) {
        let mut progress = self.progress();
        if progress.phase == FeedPhase::Following {
            progress.heard_at = Some(Instant::now());
        }
    }

    pub(super) fn lost(&self, why: String) {
        let mut progress = self.progress();
        progress.phase = FeedPhase::Lost;
        progress.last_error = Some(why);
    }

    pub(super) fn came(&self, now: UnixTime, published: Option<UnixTime>) {
        let mut progress = self.progress();
        progress.last_message_at = Some(now);
        if let Some(published) = published {
            progress.lag = Some(now.since(published));
        }
    }

    pub(super) fn applied(&self, kind: Kind, what: Applied) {
        let counter = match what {
            Applied::New | Applied::Raised => {
                Kind::ALL.iter().position(|known| *known == kind).and_then(|place| self.applied.get(place))
            }
            Applied::Known | Applied::Expired => Some(&self.repeated),
            Applied::Full => return self.refused(Refusal::Full),
        };
        add_one(counter);
    }

    pub(super) fn refused(&self, why: Refusal) {
        let place = Refusal::ALL.iter().position(|known| *known == why);
        add_one(place.and_then(|place| self.refused.get(place)));
    }

    pub(super) fn has_refused(&self, why: Refusal) -> bool {
        let mut each = Refusal::ALL.iter().zip(&self.refused);
        each.any(|(known, count)| *known == why && count.load(Ordering::Relaxed) > 0)
    }

    pub(super) fn repeated(&self) {
        add_one(Some(&self.repeated));
    }

    pub(super) fn heartbeat(&self) {
        add_one(Some(&self.heartbeats));
    }

    pub(super) fn gap(&self, until: UnixTime) {
        self.progress().gaps += 1;
        self.incomplete(until);
    }

    pub(super) fn incomplete(&self, until: UnixTime) {
        let mut progress = self.progress();
        progress.incomplete_until = progress.incomplete_until.max(Some(until));
    }

    /// What the transmitter says of its stream, and what it said before.
    pub(super) fn stream(&self, status: StreamStatus) -> StreamStatus {
        std::mem::replace(&mut self.progress().stream, status)
    }

    pub(super) fn phase(&self) -> FeedPhase {
        self.progress().phase
    }

    pub(super) fn has_caught_up(&self) -> bool {
        self.has_caught_up.load(Ordering::Acquire)
    }

    /// Whether nothing has shown for too long that the feed is alive, or its events are held back.
    pub(super) fn is_silent(&self, stale_after: Duration) -> bool {
        let progress = self.progress();
        let silent = progress.heard_at.is_none_or(|heard| heard.elapsed() > stale_after);
        silent || progress.stream != StreamStatus::Enabled
    }

    pub(super) fn incomplete_until(&self) -> Option<UnixTime> {
        self.progress().incomplete_until
    }

    pub(super) fn status(&self) -> FeedStatus {
        let progress = self.progress().clone();
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let kinds = Kind::ALL.into_iter().zip(self.applied.iter().map(load));
        let refusals = Refusal::ALL.into_iter().zip(self.refused.iter().map(load));
        FeedStatus {
            phase: progress.phase,
            connections: progress.connections,
            caught_up_at: progress.caught_up_at,
            catch_up_took: progress.catch_up_took,
            last_message_at: progress.last_message_at,
            lag: progress.lag,
            silent_for: progress.heard_at.map(|heard| heard.elapsed()),
            applied: kinds.filter(|(_, count)| *count > 0).collect(),
            repeated: load(&self.repeated),
            heartbeats: load(&self.heartbeats),
            refused: refusals.filter(|(_, count)| *count > 0).collect(),
            gaps: progress.gaps,
            incomplete_until: progress.incomplete_until,
            last_error: progress.last_error,
        }
    }
}

fn add_one(counter: Option<&AtomicU64>) {
    if let Some(counter) = counter {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
