//! A Redis stream: read from its beginning, then from where reading got to. No consumer group: every sidecar reads
//! everything, and the server keeps no place for it. Publishing adds an entry.

use redis::streams::{StreamId, StreamRangeReply, StreamReadReply};
use redis::{FromRedisValue as _, cmd};

use super::fault::FeedFault;
use super::intake::Intake;
use super::publish::{Position, Receipt};
use super::redis_connection::Connection;
use super::source::Followed;
use crate::config::{LONGEST_TOKEN_LIFETIME, RedisSettings};
use crate::jose::UnixTime;

/// The field of an entry that holds the message.
const FIELD: &str = "m";

/// How many entries are read before checks get a turn.
const BATCH: usize = 256;

/// How long a reading waits for entries, in milliseconds: an answer without any shows that the server is alive.
const BLOCK: u64 = 500;

/// Adds an entry, and drops those that are about no token that may be alive. Other services' tokens may live longer
/// than ours, so that is judged by the longest life that any configuration allows.
pub(super) async fn publish(
    settings: &RedisSettings,
    text: &str,
    now: UnixTime,
) -> Result<Receipt, FeedFault> {
    let oldest = i128::from(now.as_millis()) - LONGEST_TOKEN_LIFETIME.as_millis().cast_signed();
    let mut command = cmd("XADD");
    command.arg(&settings.stream).arg("MINID").arg("~").arg(oldest.max(0).to_string());
    command.arg("*").arg(FIELD).arg(text);
    let id: String = Connection::open(settings).await?.query(&command).await?;
    let server_time = EntryId::read(&id).map(EntryId::time);
    Ok(Receipt { place: Position::Entry(id), server_time })
}

/// Follows a stream.
#[derive(Debug)]
pub(super) struct RedisFeed {
    settings: RedisSettings,
    /// The last entry that was taken.
    last: EntryId,
}

/// The id of an entry: the server's milliseconds, and a number within them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct EntryId {
    millis: u64,
    number: u64,
}

impl RedisFeed {
    pub(super) fn new(settings: RedisSettings) -> Self {
        Self { settings, last: EntryId::default() }
    }

    pub(super) async fn follow(&mut self, intake: &Intake) -> Followed {
        let mut connection = Connection::open(&self.settings).await?;
        intake.connected();
        if !self.has_last(&mut connection, self.last, intake).await? {
            // It was trimmed, or is another stream: from the beginning.
            self.last = EntryId::default();
        }
        let mut caught_up = false;
        loop {
            let entries = self.read(&mut connection, caught_up.then_some(BLOCK)).await?;
            if entries.is_empty() {
                caught_up = true;
                intake.caught_up();
                intake.idle();
                continue;
            }
            let before = self.last;
            for entry in entries {
                self.take(&entry, intake).await?;
            }
            // Entries between that one and these may have been trimmed away unread.
            self.has_last(&mut connection, before, intake).await?;
            intake.idle();
            tokio::task::yield_now().await;
        }
    }

    /// Whether the stream still has the entry that was taken last, if any was.
    async fn has_last(
        &self,
        connection: &mut Connection,
        last: EntryId,
        intake: &Intake,
    ) -> Result<bool, FeedFault> {
        if last == EntryId::default() {
            return Ok(true);
        }
        let id = last.to_string();
        if self.first_between(connection, &id, &id).await?.is_some() {
            return Ok(true);
        }
        let oldest = self.first_between(connection, "-", "+").await?;
        intake.vanished(last.time(), oldest.map(EntryId::time));
        Ok(false)
    }

    async fn read(
        &self,
        connection: &mut Connection,
        block: Option<u64>,
    ) -> Result<Vec<StreamId>, FeedFault> {
        let mut command = cmd("XREAD");
        command.arg("COUNT").arg(BATCH);
        if let Some(millis) = block {
            command.arg("BLOCK").arg(millis);
        }
        command.arg("STREAMS").arg(&self.settings.stream).arg(self.last.to_string());
        let reply: Option<StreamReadReply> = connection.query(&command).await?;
        Ok(reply.and_then(|reply| reply.keys.into_iter().next()).map(|key| key.ids).unwrap_or_default())
    }

    async fn take(&mut self, entry: &StreamId, intake: &Intake) -> Result<(), FeedFault> {
        let message = entry.map.get(FIELD).and_then(|value| Vec::<u8>::from_redis_value_ref(value).ok());
        match message {
            Some(message) => intake.take(&message).await?,
            None => intake.malformed(),
        }
        self.last = EntryId::read(&entry.id).ok_or(FeedFault::Answer("an entry without an id"))?;
        Ok(())
    }

    async fn first_between(
        &self,
        connection: &mut Connection,
        from: &str,
        to: &str,
    ) -> Result<Option<EntryId>, FeedFault> {
        let mut command = cmd("XRANGE");
        command.arg(&self.settings.stream).arg(from).arg(to).arg("COUNT").arg(1);
        let reply: StreamRangeReply = connection.query(&command).await?;
        Ok(reply.ids.first().and_then(|entry| EntryId::read(&entry.id)))
    }
}

impl EntryId {
    fn read(text: &str) -> Option<Self> {
        let (millis, number) = text.split_once('-')?;
        Some(Self { millis: millis.parse().ok()?, number: number.parse().ok()? })
    }

    fn time(self) -> UnixTime {
        UnixTime::from_millis(i64::try_from(self.millis).unwrap_or(i64::MAX))
    }
}

impl std::fmt::Display for EntryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.millis, self.number)
    }
}
