//! A NATS JetStream stream: an ordered consumer from the stream's beginning, or from where reading got to. Publishing
//! waits until the stream has stored the message.

use std::time::Duration;

use async_nats::datetime::DateTime;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, Info, RawMessageErrorKind, Stream};
use async_nats::jetstream::{self, Message};
use async_nats::{Client, ConnectErrorKind, ConnectOptions};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::StreamExt as _;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::fault::FeedFault;
use super::intake::Intake;
use super::publish::{Position, PublishFault, Receipt};
use super::source::Followed;
use crate::config::NatsSettings;
use crate::jose::UnixTime;
use crate::secret::Secret;
use crate::sources::file::read_bounded;

/// How long the server may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// How often the server is asked where the stream stands: an answer shows that it is alive, and that nothing is
/// held up on the way.
const WATCH: Duration = Duration::from_millis(500);

const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Publishes to a subject of the stream, and waits until it is stored there.
pub(super) async fn publish(settings: &NatsSettings, text: &str) -> Result<Receipt, PublishFault> {
    let client = NatsFeed::new(settings.clone()).connect().await?;
    let context = jetstream::new(client);
    let stream = context.get_stream(&settings.stream).await.map_err(server)?;
    let subject = subject(&stream.cached_info().config, text).ok_or(PublishFault::NoSubject)?;
    let message = PublishMessage::build().payload(text.to_owned().into()).expected_stream(&settings.stream);
    let acknowledged = context.send_publish(subject, message).await.map_err(server)?;
    let sequence = acknowledged.await.map_err(server)?.sequence;
    // Its last message is ours, or one that came since. It is stored, whatever this says.
    let info = timeout(ANSWER, stream.get_info()).await.ok().and_then(Result::ok);
    let server_time = info.map(|info| time(info.state.last_timestamp));
    Ok(Receipt { place: Position::Sequence(sequence), server_time })
}

/// A subject of the stream on which a message drops no other: one that is for all, where no number of messages is
/// kept of each, or else one of its own.
fn subject(config: &Config, text: &str) -> Option<String> {
    let is_free = |part: &str| matches!(part, "*" | ">");
    let (patterns, plain): (Vec<_>, Vec<_>) =
        config.subjects.iter().partition(|subject| subject.split('.').any(is_free));
    if let Some(subject) = plain.first().filter(|_| config.max_messages_per_subject <= 0) {
        return Some((*subject).clone());
    }
    let own = URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()));
    let parts = patterns.first()?.split('.').map(|part| if is_free(part) { own.as_str() } else { part });
    Some(parts.collect::<Vec<_>>().join("."))
}

/// Follows a stream.
#[derive(Debug)]
pub(super) struct NatsFeed {
    settings: NatsSettings,
    last: Option<Place>,
}

/// Where reading got to, in which stream.
#[derive(Clone, Copy, Debug)]
struct Place {
    stream_created_at: i128,
    sequence: u64,
    published_at: UnixTime,
}

impl NatsFeed {
    pub(super) fn new(settings: NatsSettings) -> Self {
        Self { settings, last: None }
    }

    pub(super) async fn follow(&mut self, intake: &Intake) -> Followed {
        let client = self.connect().await?;
        let stream = jetstream::new(client).get_stream(&self.settings.stream).await.map_err(server)?;
        let info = stream.cached_info().clone();
        self.resume(&info, intake);
        let (mut messages, pending) = self.consume(&stream).await?;
        intake.connected();
        let mut caught_up = pending == 0;
        if caught_up {
            intake.caught_up();
        }
        let mut watch = interval(WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stall = Stall::default();
        loop {
            tokio::select! {
                biased;
                _ = watch.tick() => {
                    stall.look(self.last.map_or(0, |last| last.sequence), &stream).await?;
                    if caught_up {
                        intake.idle();
                    }
                }
                message = messages.next() => {
                    let message = message.ok_or(FeedFault::Answer("the stream of messages ended"))?;
                    let pending = self.take(&message.map_err(server)?, &info, intake).await?;
                    if pending == 0 && !caught_up {
                        caught_up = true;
                        intake.caught_up();
                    }
                }
            }
        }
    }

    async fn connect(&self) -> Result<Client, FeedFault> {
        // A client that is lost is made anew, so its own attempts to come back are of no use.
        let mut options = ConnectOptions::new()
            .name("gatepost")
            .connection_timeout(ANSWER)
            .request_timeout(Some(ANSWER))
            .max_reconnects(1);
        if let Some(path) = &self.settings.credentials_file {
            let fault = |error| FeedFault::File { path: path.clone(), error };
            let bytes = read_bounded(path, MAX_FILE_BYTES).await.map_err(fault)?;
            let text =
                String::from_utf8(bytes).map_err(|_| fault(std::io::Error::other("it holds no text")))?;
            options = options.credentials(Secret::new(text).expose()).map_err(fault)?;
        }
        if let Some(path) = &self.settings.ca_file {
            options = options.add_root_certificates(path.clone());
        }
        options = options.require_tls(self.settings.urls.iter().any(|url| url.scheme() == "tls"));
        let servers: Vec<_> = self.settings.urls.iter().map(url::Url::as_str).collect();
        options.connect(servers).await.map_err(|error| match error.kind() {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                FeedFault::Refused(error.to_string())
            }
            _ => server(error),
        })
    }

    /// Forgets the place in another stream, or in one that has lost what came after it.
    fn resume(&mut self, info: &Info, intake: &Intake) {
        let Some(last) = self.last else { return };
        let same = last.stream_created_at == info.created.unix_timestamp_nanos();
        let state = &info.state;
        if !same || state.last_sequence < last.sequence || state.first_sequence > last.sequence + 1 {
            let oldest = (state.messages > 0).then(|| time(state.first_timestamp));
            intake.vanished(last.published_at, oldest);
            self.last = None;
        }
    }

    async fn consume(&self, stream: &Stream) -> Result<(Ordered, u64), FeedFault> {
        let deliver_policy = match self.last {
            None => DeliverPolicy::All,
            Some(last) => DeliverPolicy::ByStartSequence { start_sequence: last.sequence + 1 },
        };
        let config = OrderedConfig { deliver_policy, ..OrderedConfig::default() };
        let consumer = stream.create_consumer(config).await.map_err(server)?;
        let pending = consumer.cached_info().num_pending;
        Ok((consumer.messages().await.map_err(server)?, pending))
    }

    /// Takes a message and returns how many are waiting behind it.
    async fn take(&mut self, message: &Message, info: &Info, intake: &Intake) -> Result<u64, FeedFault> {
        intake.take(&message.payload).await?;
        let place = message.info().map_err(|_| FeedFault::Answer("a message without its place"))?;
        let (sequence, pending, published_at) = (place.stream_sequence, place.pending, time(place.published));
        if let Some(last) = self.last.filter(|last| sequence > last.sequence + 1) {
            // A stream that keeps only the latest of each subject drops what was superseded.
            if info.config.max_messages_per_subject <= 0 {
                intake.vanished(last.published_at, Some(published_at));
            }
        }
        let stream_created_at = info.created.unix_timestamp_nanos();
        self.last = Some(Place { stream_created_at, sequence, published_at });
        Ok(pending)
    }
}

/// Whether messages are held up on the way.
#[derive(Debug, Default)]
struct Stall {
    /// Where reading stood at the last look, and for how many looks already.
    here: u64,
    looks: u32,
    /// Up to where nothing is left to come, because the stream's last messages were deleted.
    passed: u64,
}

impl Stall {
    /// After a few looks, a message that is in the stream and has not come is not on its way.
    async fn look(&mut self, here: u64, stream: &Stream) -> Result<(), FeedFault> {
        const LOOKS: u32 = 6;
        let there = latest(stream).await?;
        if there <= here.max(self.passed) || here != self.here {
            (self.here, self.looks) = (here, 0);
            return Ok(());
        }
        self.looks += 1;
        if self.looks < LOOKS {
            return Ok(());
        }
        match stream.get_raw_message(there).await {
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {
                self.passed = there;
                Ok(())
            }
            _ => Err(FeedFault::Stalled),
        }
    }
}

/// The sequence of the stream's last message; none are there when it is not above what was read.
async fn latest(stream: &Stream) -> Result<u64, FeedFault> {
    let info = timeout(ANSWER, stream.get_info()).await;
    let info = info.map_err(|_| FeedFault::Server("the server does not answer".to_owned()))?;
    let state = info.map_err(server)?.state;
    Ok(if state.messages == 0 { 0 } else { state.last_sequence })
}

fn time(at: DateTime) -> UnixTime {
    let millis = at.unix_timestamp_nanos() / 1_000_000;
    UnixTime::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// The client's errors name addresses and reasons, and no credentials.
fn server(error: impl std::error::Error) -> FeedFault {
    let causes = std::iter::successors(error.source(), |error| error.source());
    let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
    FeedFault::Server(text)
}
