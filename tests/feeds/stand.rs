//! Feeds that are followed as the sidecar follows them, and the messages that tests put into them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gatepost::check::revocation::{Lifetimes, Target, Terms, TokenFacts, TokenMarks, WhenStale};
use gatepost::clock::Clock;
use gatepost::config::{FeedOrigin, FeedSettings, RevocationSettings, WhenLate};
use gatepost::sources::{FeedStatus, Revocations};
use gatepost::telemetry::metrics::RevocationMetrics;
use gatepost_test_support::{token, wait};
use serde_json::{Value, json};
use tokio::task::JoinSet;

pub const ISSUER: &str = "https://idp.example.com";

pub struct Stand {
    pub revocations: Arc<Revocations>,
    _tasks: JoinSet<()>,
}

pub fn feed(name: &str, origin: FeedOrigin) -> FeedSettings {
    FeedSettings { name: name.to_owned(), origin, heartbeats: false, signed: None, issuers: None }
}

pub fn settings(feeds: Vec<FeedSettings>) -> RevocationSettings {
    RevocationSettings {
        feeds,
        stale_after: Duration::from_secs(2),
        catch_up_deadline: Duration::from_secs(60),
        when_late: WhenLate::Wait,
        terms: Terms {
            when_stale: WhenStale::Continue,
            lifetimes: Lifetimes::new(Duration::from_secs(3600), BTreeMap::new()),
            claims: BTreeMap::new(),
        },
        max_marks: 10_000_000,
    }
}

impl Stand {
    pub fn follow(settings: RevocationSettings) -> Self {
        Self::of(Arc::new(Revocations::new(settings, Clock::System, RevocationMetrics::default())))
    }

    /// Follows these feeds.
    pub fn of(revocations: Arc<Revocations>) -> Self {
        let mut tasks = JoinSet::new();
        for feed in revocations.feeds().cloned().collect::<Vec<_>>() {
            tasks.spawn(async move { feed.run().await });
        }
        let upkeep = Arc::clone(&revocations);
        tasks.spawn(async move { upkeep.run_upkeep().await });
        Self { revocations, _tasks: tasks }
    }

    /// Follows one feed and waits until what it holds has been read.
    pub async fn caught_up_with(origin: FeedOrigin) -> Self {
        let stand = Self::follow(settings(vec![feed("the feed", origin)]));
        stand.until_caught_up().await;
        stand
    }

    pub async fn until_caught_up(&self) {
        self.until("the first complete reading", |stand| stand.revocations.have_caught_up()).await;
    }

    pub async fn until(&self, what: &str, state: impl Fn(&Self) -> bool) {
        let waited = wait::until(what, async || state(self).then_some(())).await;
        assert!(waited.is_ok(), "{what}: {:#?}", self.all());
    }

    pub fn all(&self) -> Vec<FeedStatus> {
        self.revocations.feeds().map(|feed| feed.status()).collect()
    }

    /// Of the only feed.
    pub fn status(&self) -> FeedStatus {
        self.revocations.feeds().next().unwrap().status()
    }

    pub fn revokes(&self, jti: &str) -> bool {
        let facts = TokenFacts { issuer: ISSUER, jti: Some(jti), ..TokenFacts::default() };
        TokenMarks::of(&facts).screen(self.revocations.index()).is_some()
    }

    pub async fn until_revoked(&self, jti: &str) {
        self.until(&format!("the revocation of {jti}"), |stand| stand.revokes(jti)).await;
    }

    pub async fn until_all_revoked(&self, tokens: impl Iterator<Item = String>) {
        for jti in tokens {
            self.until_revoked(&jti).await;
        }
    }

    /// How many tokens are revoked one by one.
    pub fn count(&self) -> usize {
        self.revocations.index().count(Target::Token { issuer: ISSUER, jti: "" }.kind())
    }
}

/// The message that revokes one token.
pub fn message(jti: &str) -> String {
    revoking(json!({ "kind": "token", "jti": jti, "exp": token::now() + 3600 })).to_string()
}

/// A message with these members and those that all have.
pub fn revoking(mut members: Value) -> Value {
    for (name, value) in [("v", json!(1)), ("iss", json!(ISSUER))] {
        members.as_object_mut().unwrap().insert(name.to_owned(), value);
    }
    members
}

/// What is no message, in several ways.
pub fn malformed() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [
        "{",
        "null",
        "not a message",
        r#"{"v":2,"kind":"token"}"#,
        r#"{"v":1,"kind":"tenant"}"#,
        r#"{"v":1,"kind":"token","iss":"https://idp.example.com","jti":7,"exp":1}"#,
        r#"{"v":1,"kind":"issuer","iss":"https://idp.example.com","at":1e15}"#,
        "eyJhbGciOiJub25lIn0.e30.",
    ]
    .map(Vec::from)
    .to_vec();
    all.push(b"\xff\xfe{}".to_vec());
    all.push(format!(r#"{{"v":1,"kind":"{}"}}"#, "x".repeat(20_000)).into_bytes());
    all.push("[".repeat(10_000).into_bytes());
    all
}
