//! One feed and the loop that follows it for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::fault::FeedFault;
use super::file::FileFeed;
use super::intake::{Intake, Marks};
use super::nats::NatsFeed;
use super::redis::RedisFeed;
use super::ssf_poll::SsfPollFeed;
use super::status::{FeedPhase, FeedStatus, Refusal, Tally};
use crate::config::{FeedOrigin, FeedSettings};
use crate::jose::UnixTime;

/// One feed.
#[derive(Debug)]
pub struct FeedSource {
    settings: FeedSettings,
    intake: Intake,
    tally: Arc<Tally>,
    continues: AtomicBool,
}

/// The first pause after a loss, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// What following a feed comes to: it never ends well, because a feed never ends.
pub(super) type Followed = Result<std::convert::Infallible, FeedFault>;

enum Follower {
    File(FileFeed),
    Redis(RedisFeed),
    Nats(NatsFeed),
    SsfPoll(Box<SsfPollFeed>),
}

impl Follower {
    /// `continues` says that nothing is missed that came before.
    fn new(origin: &FeedOrigin, continues: bool) -> Self {
        match origin {
            FeedOrigin::File(path) => Self::File(FileFeed::new(path.clone())),
            FeedOrigin::Redis(settings) => Self::Redis(RedisFeed::new(settings.clone())),
            FeedOrigin::Nats(settings) => Self::Nats(NatsFeed::new(settings.clone())),
            FeedOrigin::SsfPoll(settings) => {
                Self::SsfPoll(Box::new(SsfPollFeed::new(settings.as_ref().clone(), continues)))
            }
        }
    }

    /// Reads what could have been missed, then what comes, until the feed is lost.
    async fn follow(&mut self, intake: &Intake) -> Followed {
        match self {
            Self::File(feed) => feed.follow(intake).await,
            Self::Redis(feed) => feed.follow(intake).await,
            Self::Nats(feed) => feed.follow(intake).await,
            Self::SsfPoll(feed) => feed.follow(intake).await,
        }
    }
}

impl FeedSource {
    pub(super) fn new(settings: FeedSettings, marks: Arc<Marks>) -> Self {
        let tally = Arc::new(Tally::default());
        let intake = Intake::new(&settings, marks, Arc::clone(&tally));
        Self { settings, intake, tally, continues: AtomicBool::new(false) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// What it was configured to be.
    #[must_use]
    pub fn settings(&self) -> &FeedSettings {
        &self.settings
    }

    /// What /statusz shows.
    #[must_use]
    pub fn status(&self) -> FeedStatus {
        self.tally.status()
    }

    /// Whether everything it held has been read once.
    #[must_use]
    pub fn has_caught_up(&self) -> bool {
        self.tally.has_caught_up()
    }

    pub(super) fn is_silent(&self, stale_after: Duration) -> bool {
        self.tally.is_silent(stale_after)
    }

    /// Whether something that the feed said, or should have said, is not in force.
    pub(super) fn is_incomplete(&self, now: UnixTime) -> bool {
        self.incomplete_until().is_some_and(|until| now < until) || self.intake.waits_too_long()
    }

    pub(super) fn incomplete_until(&self) -> Option<UnixTime> {
        self.tally.incomplete_until()
    }

    /// The same feed was followed up to now, so what it said until now is known.
    pub(super) fn continue_from(&self, former: &Self) {
        if former.settings.origin == self.settings.origin && former.has_caught_up() {
            self.continues.store(true, Ordering::Release);
        }
    }

    pub(super) fn has_overflowed(&self) -> bool {
        self.tally.has_refused(Refusal::Full)
    }

    /// Follows the feed for ever.
    pub async fn run(&self) {
        tokio::select! {
            () = self.follow() => {}
            never = self.intake.judge_parked() => match never {},
        }
    }

    async fn follow(&self) {
        let continues = self.continues.load(Ordering::Acquire);
        let mut follower = Follower::new(&self.settings.origin, continues);
        let (first, longest) = PAUSES;
        let mut pause = first;
        loop {
            self.tally.connecting();
            let Err(fault) = follower.follow(&self.intake).await;
            let followed = self.tally.phase() == FeedPhase::Following;
            pause = if followed { first } else { pause };
            self.tell(&fault, followed);
            self.tally.lost(fault.to_string());
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// A feed that stays away is told once.
    fn tell(&self, fault: &FeedFault, followed: bool) {
        let (feed, kind) = (self.name(), self.settings.origin.kind());
        if followed || self.tally.status().last_error.is_none() {
            tracing::warn!(feed, kind, %fault, "a revocation feed was lost; trying again");
        } else {
            tracing::debug!(feed, kind, %fault, "a revocation feed is still lost");
        }
    }
}

/// From half of it to all of it, so that a fleet that lost a server together does not come back together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + 0.5 * fastrand::f64())
}
