//! A transmitter of security events that is polled (RFC 8936). What has been taken is acknowledged with the next
//! poll, so an event that we were lost with comes again.
//!
//! A transmitter forgets what was acknowledged: unlike the other feeds, this one has no past to read when the
//! sidecar starts. It knows of what was revoked since its stream was made, and after a restart of what comes then.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::fault::FeedFault;
use super::intake::{Intake, Verifier};
use super::keys::KeyRing;
use super::source::Followed;
use super::ssf_stream::{Stream, Talk};
use crate::check::revocation::SecurityEventFault;
use crate::config::SsfPollSettings;

/// How many events one poll may bring.
const MAX_EVENTS: usize = 100;

/// A poll that took as long was held by the transmitter, and may be followed by the next at once.
const HELD: Duration = Duration::from_secs(1);

/// Follows a transmitter.
#[derive(Debug)]
pub(super) struct SsfPollFeed {
    settings: SsfPollSettings,
    receipts: Receipts,
}

/// What is yet to be told to the transmitter.
#[derive(Clone, Debug, Default)]
struct Receipts {
    taken: Vec<String>,
    /// With the error codes of RFC 8936 §2.6.
    refused: Map<String, Value>,
}

impl SsfPollFeed {
    pub(super) fn new(settings: SsfPollSettings) -> Self {
        Self { settings, receipts: Receipts::default() }
    }

    pub(super) async fn follow(&mut self, intake: &Intake) -> Followed {
        let mut talk = Talk::new(&self.settings)?;
        let transmitter = talk.discover().await?;
        let stream = talk.stream(&transmitter, intake.now()).await?;
        let status = talk.status(&transmitter, &stream, intake.now()).await?;
        intake.stream(status.unwrap_or_default());
        let keys = KeyRing::at(talk.http.clone(), transmitter.jwks_uri);
        intake.connected();
        let mut caught_up = false;
        loop {
            let asked_at = Instant::now();
            let answer = talk.poll(&stream, &self.body(caught_up), intake.now()).await?;
            self.receipts = Receipts::default();
            let came = self.take(&answer, &stream, &keys, intake).await?;
            let more = answer.get("moreAvailable").and_then(Value::as_bool) == Some(true);
            if !came && !more {
                caught_up = true;
                intake.caught_up();
            }
            intake.idle();
            // What was taken is acknowledged at once; an empty answer that came at once is not asked for again so.
            if !came && !more && asked_at.elapsed() < HELD {
                sleep(self.settings.interval).await;
            }
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

    /// Takes the events of one answer, and says whether there were any.
    async fn take(
        &mut self,
        answer: &Map<String, Value>,
        stream: &Stream,
        keys: &KeyRing,
        intake: &Intake,
    ) -> Result<bool, FeedFault> {
        let Some(sets) = answer.get("sets").and_then(Value::as_object) else { return Ok(false) };
        let verifier = Verifier { issuer: &self.settings.transmitter, audiences: &stream.audiences, keys };
        for (jti, set) in sets {
            let verified = intake.take_event(set.as_str().unwrap_or_default(), &verifier).await?;
            match verified {
                Ok(_) => self.receipts.taken.push(jti.clone()),
                Err(fault) => {
                    let error = json!({ "err": code(fault), "description": fault.to_string() });
                    self.receipts.refused.insert(jti.clone(), error);
                }
            }
        }
        Ok(!sets.is_empty())
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
