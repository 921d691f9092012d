//! Publishing one message to a feed, for whom an incident leaves no other way, and the receipt for it.

use std::time::Duration;

use tokio::time::timeout;

use super::fault::FeedFault;
use super::{file, nats, redis};
use crate::check::revocation::{Content, Message};
use crate::config::{FeedOrigin, FeedSettings};
use crate::jose::UnixTime;

/// How long publishing may take, connecting included.
const DEADLINE: Duration = Duration::from_secs(20);

/// Where a feed put a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Where it is.
    pub place: Position,
    /// When that was by the feed's server, where it has one that says so.
    pub server_time: Option<UnixTime>,
}

/// Where in a feed a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// The entry of a Redis stream with this id.
    Entry(String),
    /// The message of a JetStream stream with this sequence number.
    Sequence(u64),
    /// This line of a file, counted from 1.
    Line(u64),
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Entry(id) => write!(f, "entry {id}"),
            Self::Sequence(number) => write!(f, "message {number}"),
            Self::Line(number) => write!(f, "line {number}"),
        }
    }
}

/// Why nothing that we publish to a feed would count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// Only its transmitter puts events into it.
    #[error("only its transmitter can put events into it: revoke there")]
    Transmitter,
    /// Its messages must be signed.
    #[error("its messages must be signed, and this command has no key to sign with")]
    Signed,
    /// It may not revoke this issuer's tokens.
    #[error("its `issuers` do not let it revoke tokens of this issuer")]
    OtherIssuer,
}

/// Why a message was not published, or is not known to be.
#[derive(Debug, thiserror::Error)]
pub enum PublishFault {
    /// It would be ignored.
    #[error("{0}")]
    Unwritable(#[from] Unwritable),
    /// The feed could not be reached, or did not take it.
    #[error("{0}")]
    Feed(#[from] FeedFault),
    /// On each subject of the stream it would drop another message, or the stream takes none at all.
    #[error("the stream has no subject on which a message would drop no other")]
    NoSubject,
    /// There was no answer in time.
    #[error("no answer within {DEADLINE:?}")]
    Late,
}

/// Whether a message about this issuer (none for a digest) would count in a feed.
///
/// # Errors
/// Why not.
pub fn may_publish(feed: &FeedSettings, issuer: Option<&str>) -> Result<(), Unwritable> {
    let has_say_over = |issuer| feed.issuers.iter().flatten().any(|its| its == issuer);
    if matches!(feed.origin, FeedOrigin::SsfPoll(_)) {
        return Err(Unwritable::Transmitter);
    }
    if feed.signed.as_ref().is_some_and(|signed| signed.required) {
        return Err(Unwritable::Signed);
    }
    match issuer {
        Some(issuer) if feed.issuers.is_some() && !has_say_over(issuer) => Err(Unwritable::OtherIssuer),
        _ => Ok(()),
    }
}

/// Publishes one message.
///
/// # Errors
/// When it was not published or is not known to be. To publish it again changes nothing where it was.
pub async fn publish(feed: &FeedSettings, message: &Message, now: UnixTime) -> Result<Receipt, PublishFault> {
    let issuer = match &message.content {
        Content::Revoked(notice) => notice.issuer(),
        Content::Heartbeat => None,
    };
    may_publish(feed, issuer)?;
    let text = message.to_json().to_string();
    let published = async {
        match &feed.origin {
            FeedOrigin::File(path) => Ok(file::publish(path, &text).await?),
            FeedOrigin::Redis(settings) => Ok(redis::publish(settings, &text, now).await?),
            FeedOrigin::Nats(settings) => nats::publish(settings, &text).await,
            FeedOrigin::SsfPoll(_) => Err(Unwritable::Transmitter.into()),
        }
    };
    timeout(DEADLINE, published).await.unwrap_or(Err(PublishFault::Late))
}
