//! A transmitter of security events that is polled (RFC 8936). What has been taken is acknowledged with the next
//! poll, so an event that we were lost with comes again.
//!
//! A transmitter forgets what was acknowledged: unlike the other feeds, this one has no past to read when the
//! sidecar starts, and what another one with the same client has acknowledged does not come at all. Unless that is
//! accepted, the feed counts as incomplete until no token of that time is alive.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::fault::FeedFault;
use super::intake::{Intake, Judged, Verifier};
use super::keys::KeyRing;
use super::source::Followed;
use super::ssf_stream::{Stream, Talk};
use crate::check::revocation::SecurityEventFault;
use crate::config::{MissedBeforeStart, SsfPollSettings};

/// How many events one poll may bring.
const MAX_EVENTS: usize = 100;

/// How long a poll may take that is to be answered at once.
const ANSWER: Duration = Duration::from_secs(5);

/// How often the transmitter is asked whether the stream is still on.
const STATUS: Duration = Duration::from_secs(30);

/// A poll that took as long was held by the transmitter, and may be followed by the next at once.
const HELD: Duration = Duration::from_secs(1);

/// Follows a transmitter.
#[derive(Debug)]
pub(super) struct SsfPollFeed {
    settings: SsfPollSettings,
    receipts: Receipts,
    /// Whether nothing is missed that came before the start.
    knows_the_past: bool,
}

/// What one answer brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    /// Nothing, and there is no more.
    Nothing,
    /// Only what can't be judged yet.
    OnlyUnjudged,
    /// Events, or there is more.
    Events,
}

/// What is yet to be told to the transmitter.
#[derive(Clone, Debug, Default)]
struct Receipts {
    taken: Vec<String>,
    /// With the error codes of RFC 8936 §2.6.
    refused: Map<String, Value>,
}

impl SsfPollFeed {
    pub(super) fn new(settings: SsfPollSettings, continues: bool) -> Self {
        let knows_the_past = continues || settings.missed_before_start == MissedBeforeStart::Accept;
        Self { settings, receipts: Receipts::default(), knows_the_past }
    }

    pub(super) async fn follow(&mut self, intake: &Intake) -> Followed {
        let mut talk = Talk::new(&self.settings)?;
        let transmitter = talk.discover().await?;
        let stream = talk.stream(&transmitter, intake.now()).await?;
        if !stream.is_of_use() {
            return Err(FeedFault::Answer("its stream delivers no event that revokes anything"));
        }
        let keys = KeyRing::at(talk.http.clone(), transmitter.jwks_uri.clone());
        intake.connected();
        if !std::mem::replace(&mut self.knows_the_past, true) {
            intake.incomplete();
        }
        let (mut caught_up, mut hold) = (false, false);
        let mut status_at: Option<Instant> = None;
        loop {
            if status_at.is_none_or(|at| at.elapsed() >= STATUS) {
                let status = talk.status(&transmitter, &stream, intake.now()).await?;
                intake.stream(status.unwrap_or_default());
                status_at = Some(Instant::now());
            }
            let asked_at = Instant::now();
            let body = self.body(hold);
            let poll = talk.poll(&stream, &body, intake.now());
            // Whether a transmitter that holds a poll is alive can't be told, so none is held for long: the next is
            // to be answered at once. Events that are lost with it come again.
            let within = if hold { intake.stale_after() / 3 } else { ANSWER };
            let Ok(answer) = timeout(within, poll).await else {
                if !hold {
                    return Err(FeedFault::Stalled);
                }
                hold = false;
                continue;
            };
            self.receipts = Receipts::default();
            let came = self.take(&answer?, &stream, &keys, intake).await?;
            if came == Came::Nothing {
                caught_up = true;
                intake.caught_up();
            }
            intake.idle();
            // What was taken is acknowledged at once; an answer without news that came at once is not asked for
            // again so.
            if came != Came::Events && asked_at.elapsed() < HELD {
                sleep(self.settings.interval).await;
            }
            hold = caught_up;
        }
    }

    fn body(&self, wait: bool) -> Value {
        let mut body = json!({ "maxEvents": MAX_EVENTS, "returnImmediately": !wait });
        if let Some(members) = body.as_object_mut() {
            if !self.receipts.taken.is_empty() {
                members.insert("ack".to_owned(), json!(self.receipts.taken));
            }
            if !self.receipts.refused.is_empty() {
                members.insert("setErrs".to_owned(), Value::Object(self.receipts.refused.clone()));
            }
        }
        body
    }

    /// Takes the events of one answer.
    async fn take(
        &mut self,
        answer: &Map<String, Value>,
        stream: &Stream,
        keys: &KeyRing,
        intake: &Intake,
    ) -> Result<Came, FeedFault> {
        let empty = Map::new();
        let sets = answer.get("sets").and_then(Value::as_object).unwrap_or(&empty);
        let more = answer.get("moreAvailable").and_then(Value::as_bool) == Some(true);
        let verifier = Verifier { issuer: &self.settings.transmitter, audiences: &stream.audiences, keys };
        for (jti, set) in sets {
            match intake.take_event(set.as_str().unwrap_or_default(), &verifier).await? {
                Judged::Taken => self.receipts.taken.push(jti.clone()),
                Judged::Refused(fault) => {
                    let error = json!({ "err": code(fault), "description": fault.to_string() });
                    self.receipts.refused.insert(jti.clone(), error);
                }
                // What gets no receipt comes again.
                Judged::NotYet => {}
            }
        }
        let told = self.receipts.taken.len() + self.receipts.refused.len();
        Ok(match (sets.is_empty(), told) {
            (true, _) if !more => Came::Nothing,
            (false, 0) => Came::OnlyUnjudged,
            _ => Came::Events,
        })
    }
}

/// RFC 8935 §2.4.
fn code(fault: SecurityEventFault) -> &'static str {
    match fault {
        SecurityEventFault::Form | SecurityEventFault::Claim(_) => "invalid_request",
        SecurityEventFault::Issuer => "invalid_issuer",
        SecurityEventFault::Audience => "invalid_audience",
        SecurityEventFault::UnknownKey | SecurityEventFault::Signature => "invalid_key",
    }
}
