//! What the revocation feeds in use know of themselves, for each scrape of the metrics.

use std::sync::{Arc, Weak};

use crate::check::revocation::Kind;
use crate::snapshot::SnapshotCell;
use crate::sources::{FeedSource, FeedStatus, Refusal, Revocations};
use crate::telemetry::metrics::{FeedSeen, RevocationsSeen, SeesRevocations};

/// Looks at the feeds of the current generation.
#[derive(Debug)]
pub(super) struct FeedsInUse(Weak<SnapshotCell>);

impl FeedsInUse {
    pub(super) fn of(snapshot: &Arc<SnapshotCell>) -> Self {
        Self(Arc::downgrade(snapshot))
    }
}

impl SeesRevocations for FeedsInUse {
    fn look(&self) -> Option<RevocationsSeen> {
        let snapshot = self.0.upgrade()?.load_full();
        Some(seen(snapshot.revocations.as_ref()?.revocations()))
    }
}

fn seen(revocations: &Revocations) -> RevocationsSeen {
    let index = revocations.index();
    RevocationsSeen {
        stale: revocations.are_stale(),
        marks: Kind::ALL.into_iter().map(|kind| (kind, index.count(kind))).collect(),
        feeds: revocations.feeds().map(|feed| of(feed, revocations.is_stale(feed))).collect(),
    }
}

fn of(feed: &FeedSource, stale: bool) -> FeedSeen {
    let status = feed.status();
    FeedSeen {
        name: feed.name().to_owned(),
        stale,
        messages: messages(&status),
        connections: status.connections,
        gaps: status.gaps,
        last_message_at: status.last_message_at,
        lag: status.lag,
        catch_up: status.catch_up_took,
        silent: status.silent_for,
    }
}

/// Every result is there from the start, at zero, so that a rate over it never begins with a gap.
fn messages(status: &FeedStatus) -> Vec<(&'static str, u64)> {
    let applied = status.applied.values().sum();
    let done = [("applied", applied), ("repeated", status.repeated), ("heartbeat", status.heartbeats)];
    let refused = Refusal::ALL.map(|why| (why.name(), status.refused.get(&why).copied().unwrap_or_default()));
    done.into_iter().chain(refused).collect()
}
