//! Promise: what has been revoked is refused at the next check after the message arrived, however warm every cache
//! is, and nothing else is; and where revocations may be missing, each rule does what it was told to do then.

mod feeds;
mod kinds;
mod lifetime;
mod reload;
mod stale;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use async_nats::jetstream::{self, stream};
use gatepost_test_support::{
    Answer, IntrospectionServer, NatsServer, RedisServer, Token, Transmitter, token, wait,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::introspection::{SECRET, Secrets, config_with, stand};
use crate::stand::{Config, Stand};
use crate::table::INVALID_TOKEN;

/// The issuer speaks for opaque tokens too.
type Revoking = Stand<IntrospectionServer>;

/// Where revocations are published.
enum Feed {
    File(TempDir),
    Redis(RedisServer),
    Nats(NatsServer),
    Ssf(Transmitter),
}

const NATS_SUBJECT: &str = "revocations";

impl Feed {
    fn file() -> Self {
        let feed = Self::File(tempfile::tempdir().unwrap());
        fs::write(feed.path(), "").unwrap();
        feed
    }

    async fn redis() -> Self {
        Self::Redis(RedisServer::start().await.unwrap())
    }

    async fn nats() -> Self {
        let server = NatsServer::start().await.unwrap();
        let config = stream::Config {
            name: "REVOCATIONS".to_owned(),
            subjects: vec![NATS_SUBJECT.to_owned()],
            ..stream::Config::default()
        };
        let client = async_nats::connect(server.url()).await.unwrap();
        jetstream::new(client).create_stream(config).await.unwrap();
        Self::Nats(server)
    }

    async fn ssf() -> Self {
        Self::Ssf(Transmitter::start().await.unwrap())
    }

    /// Of a file.
    fn path(&self) -> PathBuf {
        let Self::File(directory) = self else { unreachable!("only files have one") };
        directory.path().join("revocations.jsonl")
    }

    /// The entry of `feeds`.
    fn entry(&self, name: &str) -> String {
        let origin = match self {
            Self::File(_) => format!("file: {}", self.path().display()),
            Self::Redis(server) => format!("redis: {{ url: '{}' }}", server.url()),
            Self::Nats(server) => format!("nats: {{ urls: ['{}'] }}", server.url()),
            Self::Ssf(transmitter) => format!(
                "issuers: [test], ssf_poll: {{ transmitter: '{}', interval: 100ms, scopes: [ssf.read], \
                 missed_before_start: accept, client: {{ id: gatepost, auth: client_secret_basic, secret_file: '{}' }} }}",
                transmitter.issuer(),
                transmitter.secret_file().display()
            ),
        };
        format!("{{ name: {name}, {origin} }}")
    }

    async fn publish(&self, message: &Value) {
        match self {
            Self::File(_) => append(&self.path(), &message.to_string()),
            Self::Redis(server) => {
                let client = redis::Client::open(server.url()).unwrap();
                let mut connection = client.get_multiplexed_async_connection().await.unwrap();
                let mut add = redis::cmd("XADD");
                add.arg("revocations").arg("*").arg("m").arg(message.to_string());
                add.query_async::<String>(&mut connection).await.unwrap();
            }
            Self::Nats(server) => {
                let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
                let payload = message.to_string().into();
                context.publish(NATS_SUBJECT, payload).await.unwrap().await.unwrap();
            }
            Self::Ssf(transmitter) => {
                let jti = format!("{}", transmitter.with(|book| book.polls));
                let event = json!({ "events": { "urn:gatepost:revocation:1": message } });
                transmitter.send(&jti, &transmitter.event(&jti, &event));
            }
        }
    }

    fn kill(&mut self) {
        match self {
            Self::File(_) => fs::remove_file(self.path()).unwrap(),
            Self::Redis(server) => server.kill(),
            Self::Nats(server) => server.kill(),
            Self::Ssf(_) => unreachable!("it is part of this process"),
        }
    }

    async fn restart(&mut self) {
        match self {
            Self::File(_) => fs::write(self.path(), "").unwrap(),
            Self::Redis(server) => server.restart().await.unwrap(),
            Self::Nats(server) => server.restart().await.unwrap(),
            Self::Ssf(_) => unreachable!("it is part of this process"),
        }
    }
}

fn append(path: &Path, line: &str) {
    writeln!(OpenOptions::new().append(true).open(path).unwrap(), "{line}").unwrap();
}

/// A configuration that trusts this issuer, with these lines below `revocation`.
fn config(issuer: &IntrospectionServer, secrets: &Secrets, lines: &str) -> Config {
    let introspection = format!("{}\ncache: {{ active: 5m, refresh_ahead: false }}", secrets.basic());
    let lines: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    config_with(issuer.issuer(), "", &introspection).and(&format!("\nrevocation:\n{lines}"))
}

/// `feeds`, of one.
fn one(feed: &Feed) -> String {
    format!("feeds: [{}]\n", feed.entry("hub"))
}

/// A ready stand with these lines below `revocation`.
async fn revoking(lines: &str) -> (Revoking, Secrets) {
    let issuer = IntrospectionServer::start().await.unwrap();
    let secrets = Secrets::with(SECRET);
    let config = config(&issuer, &secrets, lines);
    (stand(issuer, config).await, secrets)
}

/// The message about a token of this issuer with these members.
pub fn message(issuer: &str, kind: &str, mut members: Value) -> Value {
    let object = members.as_object_mut().unwrap();
    object.insert("v".to_owned(), json!(1));
    object.insert("kind".to_owned(), json!(kind));
    object.insert("iss".to_owned(), json!(issuer));
    members
}

/// The message that revokes the token with this `jti`.
fn of_token(issuer: &str, jti: &str) -> Value {
    message(issuer, "token", json!({ "jti": jti, "exp": token::now() + 3600 }))
}

impl Revoking {
    fn with_jti(&self, jti: &str) -> Token {
        self.issuer.token().claim("jti", jti)
    }

    /// /statusz about revocations.
    async fn revocations(&self) -> Value {
        self.gatepost.status().await["revocations"].clone()
    }

    /// Waits until a feed has put so many messages in force.
    async fn until_applied(&self, feed: usize, count: u64) {
        let applied = async || {
            let status = self.revocations().await;
            let applied = status["feeds"][feed]["applied"].as_object()?.values();
            (applied.filter_map(Value::as_u64).sum::<u64>() == count).then_some(())
        };
        let waited = wait::until(&format!("{count} revocations in force"), applied).await;
        assert!(waited.is_ok(), "{:#}", self.revocations().await);
    }

    async fn until_stale(&self, stale: bool) {
        let shown = async || (self.revocations().await["stale"] == json!(stale)).then_some(());
        let waited = wait::until(&format!("stale: {stale}"), shown).await;
        assert!(waited.is_ok(), "{:#}", self.revocations().await);
    }

    /// Waits until one feed is stale.
    async fn until_stale_feed(&self, feed: usize) {
        let shown = async || (self.revocations().await["feeds"][feed]["stale"] == json!(true)).then_some(());
        wait::until("a stale feed", shown).await.unwrap();
    }

    /// Waits until a token is refused.
    async fn until_refused(&self, token: &str) {
        let refused = async || Some(self.token(token).await).filter(|answer| answer.status != 200);
        assert_revoked(&wait::until("the refusal of a revoked token", refused).await.unwrap(), "a token");
    }
}

/// Refused as a token that is not good (RFC 6750 §3.1).
#[track_caller]
fn assert_revoked(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, INVALID_TOKEN), "{what}");
}
