//! What the events of a security event token mean for tokens: CAEP 1.0, RISC 1.0, OAuth Event Types, the
//! stream's own events (SSF 1.0 §8), and our message in an envelope.

use serde_json::{Map, Value};

use super::message::{Content, Message};
use super::notice::Notice;
use super::security_event::SecurityEvent;
use super::subject::{self, Context};
use crate::jose::UnixTime;

/// The event whose payload is a feed's message.
pub const MESSAGE_EVENT: &str = "urn:gatepost:revocation:1";

const SSF: &str = "https://schemas.openid.net/secevent/ssf/event-type/";

/// What one event means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Tokens are revoked.
    Revokes(Vec<Notice>),
    /// Tokens should be revoked, but which can't be told from what tokens carry.
    Unmappable,
    /// It revokes nothing, or it is not known.
    Nothing,
    /// The writer is alive: a heartbeat, or a verification with the state that was asked for, if any.
    Alive(Option<String>),
    /// The stream is, or is not, sending events.
    Stream(StreamStatus),
}

/// SSF 1.0 §8.1.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamStatus {
    /// Events are sent.
    #[default]
    Enabled,
    /// Events are held back.
    Paused,
    /// Events are dropped.
    Disabled,
}

impl StreamStatus {
    /// By its name; what is not known counts as the worst.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "enabled" => Self::Enabled,
            "paused" => Self::Paused,
            _ => Self::Disabled,
        }
    }
}

impl SecurityEvent {
    /// What its events mean, each by itself.
    #[must_use]
    pub fn meanings(&self) -> Vec<Meaning> {
        let empty = Map::new();
        let each = self.events().iter();
        each.map(|(name, payload)| self.meaning(name, payload.as_object().unwrap_or(&empty))).collect()
    }

    fn meaning(&self, name: &str, payload: &Map<String, Value>) -> Meaning {
        if name == MESSAGE_EVENT {
            return message(payload);
        }
        let text = |member: &str| payload.get(member).and_then(Value::as_str);
        if let Some(name) = name.strip_prefix(SSF) {
            return match name {
                "verification" => Meaning::Alive(text("state").map(str::to_owned)),
                "stream-updated" => {
                    Meaning::Stream(StreamStatus::from_name(text("status").unwrap_or_default()))
                }
                _ => Meaning::Nothing,
            };
        }
        if !revokes(name, payload) {
            return Meaning::Nothing;
        }
        let context = Context {
            issuer: self.issuer(),
            at: self.event_time(payload),
            opaque_is_session: name.ends_with("/session-revoked"),
        };
        // SSF puts the subject at the top; legacy transmitters put it into the event.
        let subject = self.subject().or_else(|| payload.get("subject"));
        let notices = subject.map(|subject| subject::notices(subject, context)).unwrap_or_default();
        if notices.is_empty() { Meaning::Unmappable } else { Meaning::Revokes(notices) }
    }

    /// CAEP 1.0 §2: `event_timestamp`. One that can't be read gives way to a time that is no earlier, so that
    /// nothing escapes.
    fn event_time(&self, payload: &Map<String, Value>) -> UnixTime {
        let stamped = payload.get("event_timestamp").and_then(Value::as_f64);
        let stamped = stamped.and_then(UnixTime::from_numeric_date);
        stamped.filter(|at| *at <= self.issued_at()).unwrap_or_else(|| self.happened_at())
    }
}

fn message(payload: &Map<String, Value>) -> Meaning {
    match Message::from_members(payload.clone()).map(|message| message.content) {
        Ok(Content::Revoked(notice)) => Meaning::Revokes(vec![notice]),
        Ok(Content::Heartbeat) => Meaning::Alive(None),
        Err(_) => Meaning::Unmappable,
    }
}

/// The events that take back what tokens issued so far say: what a stream should deliver.
pub const REVOKING_EVENTS: [&str; 16] = [
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
    "https://schemas.openid.net/secevent/caep/event-type/token-claims-change",
    "https://schemas.openid.net/secevent/caep/event-type/credential-change",
    "https://schemas.openid.net/secevent/caep/event-type/assurance-level-change",
    "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change",
    "https://schemas.openid.net/secevent/caep/event-type/risk-level-change",
    "https://schemas.openid.net/secevent/risc/event-type/account-disabled",
    "https://schemas.openid.net/secevent/risc/event-type/account-purged",
    "https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required",
    "https://schemas.openid.net/secevent/risc/event-type/credential-compromise",
    "https://schemas.openid.net/secevent/risc/event-type/identifier-recycled",
    "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked",
    "https://schemas.openid.net/secevent/oauth/event-type/token-revoked",
    "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked",
    "https://schemas.openid.net/secevent/oauth/event-type/client-disabled",
    "https://schemas.openid.net/secevent/oauth/event-type/client-credential-changed",
];

/// Whether this one does: some do so only with certain values.
fn revokes(name: &str, payload: &Map<String, Value>) -> bool {
    let is = |member: &str, value: &str| payload.get(member).and_then(Value::as_str) == Some(value);
    let means_it = match name.rsplit('/').next() {
        // A credential that was added takes nothing away from what came before.
        Some("credential-change") => !is("change_type", "create"),
        Some("assurance-level-change") => is("change_direction", "decrease"),
        Some("device-compliance-change") => is("current_status", "not-compliant"),
        Some("risk-level-change") => is("current_level", "HIGH"),
        _ => true,
    };
    means_it && REVOKING_EVENTS.contains(&name)
}
