//! The message of a revocation feed, version 1: one small JSON object.
//!
//! ```json
//! {"v":1,"kind":"token","iss":"https://idp.example.com","jti":"4711","exp":1700003600}
//! {"v":1,"kind":"token_digest","sha256":"n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg","exp":1700003600}
//! {"v":1,"kind":"session","iss":"https://idp.example.com","sid":"08a5019c","at":1700000000}
//! {"v":1,"kind":"grant","iss":"https://idp.example.com","grant":"g-17","at":1700000000}
//! {"v":1,"kind":"key","iss":"https://idp.example.com","kid":"2026-11-a"}
//! {"v":1,"kind":"subject","iss":"https://idp.example.com","sub":"alice","at":1700000000}
//! {"v":1,"kind":"client","iss":"https://idp.example.com","client_id":"shop","at":1700000000}
//! {"v":1,"kind":"issuer","iss":"https://idp.example.com","at":1700000000}
//! {"v":1,"kind":"heartbeat","published":1700000000.25}
//! ```
//!
//! `at` is when the authorization server revoked, by its own clock; `exp` when no token that fits is alive any
//! more; `published` when the writer sent it. All are in seconds since 1970 and may have fractions. Members that
//! are not known here are ignored, so that later writers can say more.

use serde_json::{Map, Value, json};

use super::fingerprint::{Kind, Target};
use super::notice::{Notice, digest_from, digest_text};
use crate::jose::{Claims, JsonFault, Limits, UnixTime, object};

/// No message is longer, signed or not.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024;

/// No name in a message is longer; a token's own claims are bounded by the token.
const MAX_NAME_BYTES: usize = 2048;

const VERSION: u64 = 1;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it says.
    pub content: Content,
    /// When the writer sent it, where it says so.
    pub published_at: Option<UnixTime>,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Something was revoked.
    Revoked(Notice),
    /// The writer is alive.
    Heartbeat,
}

/// Why a text is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageFault {
    /// It is larger than [`MAX_MESSAGE_BYTES`].
    #[error("is longer than 16 KiB")]
    TooLong,
    /// It is no JSON object that we read.
    #[error("{0}")]
    Json(JsonFault),
    /// It is of a version that we don't know.
    #[error("its version is not 1")]
    Version,
    /// It is of a kind that we don't know.
    #[error("its kind is not known")]
    Kind,
    /// A member is missing or is not what it should be.
    #[error("{0} is missing or malformed")]
    Member(&'static str),
}

impl Message {
    /// Reads one message.
    ///
    /// # Errors
    /// The first fault met; nothing of the text is kept in it.
    pub fn read(text: &[u8]) -> Result<Self, MessageFault> {
        if text.len() > MAX_MESSAGE_BYTES {
            return Err(MessageFault::TooLong);
        }
        Self::from_members(object(text, Limits::TOKEN).map_err(MessageFault::Json)?)
    }

    /// From members already read strictly.
    pub(super) fn from_members(members: Map<String, Value>) -> Result<Self, MessageFault> {
        let members = Members(Claims::new(members));
        if members.0.raw("v").and_then(Value::as_u64) != Some(VERSION) {
            return Err(MessageFault::Version);
        }
        let published_at = members.time("published")?;
        let kind = members.name("kind")?;
        let content = if kind == "heartbeat" {
            Content::Heartbeat
        } else {
            let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).ok_or(MessageFault::Kind)?;
            Content::Revoked(members.notice(kind)?)
        };
        Ok(Self { content, published_at })
    }

    /// A heartbeat.
    #[must_use]
    pub fn heartbeat(published_at: UnixTime) -> Self {
        Self { content: Content::Heartbeat, published_at: Some(published_at) }
    }

    /// As it stands in a feed.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut members = match &self.content {
            Content::Heartbeat => json!({ "v": VERSION, "kind": "heartbeat" }),
            Content::Revoked(notice) => written(notice),
        };
        let mut put = |name: &str, time: Option<UnixTime>| {
            if let (Some(time), Some(members)) = (time, members.as_object_mut()) {
                members.insert(name.to_owned(), seconds(time));
            }
        };
        if let Content::Revoked(notice) = &self.content {
            put("at", notice.at());
            put("exp", notice.expires_at());
        }
        put("published", self.published_at);
        members
    }
}

struct Members(Claims);

impl Members {
    fn name(&self, name: &'static str) -> Result<&str, MessageFault> {
        let text = self.0.string(name).ok().flatten().filter(|text| text.len() <= MAX_NAME_BYTES);
        text.ok_or(MessageFault::Member(name))
    }

    fn time(&self, name: &'static str) -> Result<Option<UnixTime>, MessageFault> {
        self.0.time(name).map_err(|_| MessageFault::Member(name))
    }

    fn notice(&self, kind: Kind) -> Result<Notice, MessageFault> {
        let (at, expires) = (self.time("at")?, self.time("exp")?);
        // Which times a kind needs: see Notice::mark.
        let lacking = match kind {
            Kind::Token | Kind::TokenDigest => at.is_none() && expires.is_none(),
            Kind::Key => false,
            _ => at.is_none(),
        };
        if lacking {
            return Err(MessageFault::Member("at"));
        }
        if kind == Kind::TokenDigest {
            let digest = digest_from(self.name("sha256")?).ok_or(MessageFault::Member("sha256"))?;
            return Ok(Notice::new(&Target::TokenDigest(&digest), at, expires));
        }
        let issuer = self.name("iss")?;
        let target = match kind {
            Kind::Token => Target::Token { issuer, jti: self.name("jti")? },
            Kind::Session => Target::Session { issuer, sid: self.name("sid")? },
            Kind::Grant => Target::Grant { issuer, grant: self.name("grant")? },
            Kind::Key => Target::Key { issuer, kid: self.name("kid")? },
            Kind::Subject => Target::Subject { issuer, subject: self.name("sub")? },
            Kind::Client => Target::Client { issuer, client: self.name("client_id")? },
            Kind::Issuer | Kind::TokenDigest => Target::Issuer(issuer),
        };
        Ok(Notice::new(&target, at, expires))
    }
}

fn written(notice: &Notice) -> Value {
    let target = notice.target();
    let kind = target.kind().name();
    let (issuer, member, name) = match target {
        Target::TokenDigest(digest) => {
            return json!({ "v": VERSION, "kind": kind, "sha256": digest_text(digest) });
        }
        Target::Issuer(issuer) => return json!({ "v": VERSION, "kind": kind, "iss": issuer }),
        Target::Token { issuer, jti } => (issuer, "jti", jti),
        Target::Session { issuer, sid } => (issuer, "sid", sid),
        Target::Grant { issuer, grant } => (issuer, "grant", grant),
        Target::Key { issuer, kid } => (issuer, "kid", kid),
        Target::Subject { issuer, subject } => (issuer, "sub", subject),
        Target::Client { issuer, client } => (issuer, "client_id", client),
    };
    json!({ "v": VERSION, "kind": kind, "iss": issuer, member: name })
}

/// Whole seconds where they are whole.
fn seconds(time: UnixTime) -> Value {
    let millis = time.as_millis();
    if millis % 1000 == 0 {
        return json!(millis / 1000);
    }
    #[expect(clippy::cast_precision_loss, reason = "times of tokens are below 2^53 milliseconds")]
    let seconds = millis as f64 / 1000.0;
    json!(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of this file's first lines.
    fn examples() -> Vec<&'static str> {
        let text = include_str!("message.rs");
        text.lines()
            .filter_map(|line| line.strip_prefix("//! "))
            .filter(|line| line.starts_with('{'))
            .collect()
    }

    #[test]
    fn reads_the_documented_example_of_each_kind_and_writes_it_again() {
        let examples = examples();
        assert_eq!(examples.len(), Kind::ALL.len() + 1);
        for example in &examples {
            let message = Message::read(example.as_bytes()).unwrap();
            assert_eq!(message.to_json(), serde_json::from_str::<Value>(example).unwrap());
        }
        for kind in Kind::ALL {
            assert!(examples.iter().any(|example| example.contains(&format!("\"{}\"", kind.name()))));
        }
    }

    #[test]
    fn refuses_each_example_without_any_one_of_its_members_that_it_needs() {
        for example in examples() {
            let whole: Map<String, Value> = serde_json::from_str(example).unwrap();
            for name in whole.keys().filter(|name| *name != "published") {
                let mut less = whole.clone();
                less.remove(name);
                assert!(Message::from_members(less).is_err(), "{example} without {name}");
            }
        }
    }

    #[test]
    fn refuses_what_is_malformed() {
        let wrong = |text: &str| Message::read(text.as_bytes()).unwrap_err();
        assert_eq!(wrong("{"), MessageFault::Json(JsonFault::Syntax));
        assert_eq!(wrong("[]"), MessageFault::Json(JsonFault::NotAnObject));
        assert_eq!(wrong(r#"{"v":2,"kind":"heartbeat"}"#), MessageFault::Version);
        assert_eq!(wrong(r#"{"v":"1","kind":"heartbeat"}"#), MessageFault::Version);
        assert_eq!(wrong(r#"{"v":1,"kind":"tenant"}"#), MessageFault::Kind);
        assert_eq!(
            wrong(r#"{"v":1,"kind":"issuer","iss":"a","iss":"b","at":1}"#),
            MessageFault::Json(JsonFault::RepeatedMember)
        );
        for at in ["\"1700000000\"", "-1", "1e18", "null", "[1]"] {
            let text = format!(r#"{{"v":1,"kind":"issuer","iss":"https://idp","at":{at}}}"#);
            assert_eq!(wrong(&text), MessageFault::Member("at"), "{at}");
        }
        for digest in ["", "n4bQ", "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg="] {
            let text = format!(r#"{{"v":1,"kind":"token_digest","sha256":"{digest}","exp":1}}"#);
            assert_eq!(wrong(&text), MessageFault::Member("sha256"), "{digest}");
        }
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        let text = format!(r#"{{"v":1,"kind":"subject","iss":"https://idp","sub":"{long}","at":1}}"#);
        assert_eq!(wrong(&text), MessageFault::Member("sub"));
        assert_eq!(wrong(&" ".repeat(MAX_MESSAGE_BYTES + 1)), MessageFault::TooLong);
    }

    #[test]
    fn ignores_members_of_later_writers() {
        let text = r#"{"v":1,"kind":"issuer","iss":"https://idp","at":1.5,"reason":{"admin":"leak"}}"#;
        let Content::Revoked(notice) = Message::read(text.as_bytes()).unwrap().content else { panic!() };
        assert_eq!(notice.at(), Some(UnixTime::from_millis(1500)));
    }
}
