//! Promise: a thousand edits under load, each made as the kubelet makes it, and not one wrong answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use gatepost_test_support::{Answer, Request, TestIssuer, Token, wait};
use tokio::task::JoinSet;

use super::{LIVE, stand};
use crate::stand::{Config, get, issuer, orders, seen};

const SWAPS: u64 = 1000;
const CLIENTS: usize = 8;

/// What two configurations say: audiences in the one file, rules and headers in the other, so that an answer
/// tells which of each made it.
fn config(identifier: &str, own: &str) -> Config {
    let entry = issuer("test", identifier, "keys: { refresh: 12h }")
        .replace("https://admin.example.com", &format!("https://{own}.example"));
    let policy = format!(
        "
rules:
  - name: both
    match: {{ path: /orders/** }}
    require: {{ scopes: [orders:read] }}
    forward: {{ x-made-by: token.{own}, x-only-{own}: token.{own} }}
  - name: only {own}
    match: {{ path: /only-{own} }}
    public: true
"
    );
    Config::of(&format!("issuers:\n{entry}")).policy(&policy)
}

/// What one client sends again and again.
struct Questions {
    both: Request,
    of_a: Request,
    of_b: Request,
    of_none: Request,
}

impl Questions {
    fn about(issuer: &TestIssuer) -> Self {
        let token =
            |audience: &str| issuer.token().claim("a", "a").claim("b", "b").claim("aud", audience).mint();
        Self {
            both: orders().bearer(&token(Token::AUDIENCE)),
            of_a: orders().bearer(&token("https://a.example")),
            of_b: orders().bearer(&token("https://b.example")),
            of_none: orders().bearer(&token("https://c.example")),
        }
    }

    /// Asks each once. Panics at a wrong answer.
    async fn ask(&self, envoy: SocketAddr) {
        let answer = self.both.send(envoy).await.unwrap();
        assert_eq!(answer.status, 200, "both allow it: {}", answer.text());
        made_by(&answer);
        for (request, own) in [(&self.of_a, "a"), (&self.of_b, "b")] {
            let answer = request.send(envoy).await.unwrap();
            match answer.status {
                200 => assert_eq!(made_by(&answer), own, "the rule of one and the audiences of the other"),
                status => assert_eq!(status, 401, "{own}: {}", answer.text()),
            }
        }
        assert_eq!(self.of_none.send(envoy).await.unwrap().status, 401);
        assert_eq!(get("/elsewhere").bearer("x").send(envoy).await.unwrap().status, 403);
        for own in ["a", "b"] {
            let status = get(&format!("/only-{own}")).send(envoy).await.unwrap().status;
            assert!([200, 403].contains(&status), "{status}");
        }
    }
}

/// Which policy's headers a request has: all of one and none of the other.
fn made_by(answer: &Answer) -> &'static str {
    let found = ["x-made-by", "x-only-a", "x-only-b"].map(|name| seen(answer, name).join(","));
    let whole = [("a", ["a", "a", ""]), ("b", ["b", "", "b"])];
    let made_by = whole.into_iter().find(|(_, headers)| found == *headers);
    assert!(made_by.is_some(), "a mixed answer: {found:?}");
    made_by.map_or("", |(own, _)| own)
}

#[tokio::test]
async fn a_thousand_swaps_under_load_and_not_one_wrong_answer() {
    let issuer = TestIssuer::start().await.unwrap();
    let first = config(issuer.issuer(), "a");
    let mut stand = stand(issuer, first).await;
    let questions = Arc::new(Questions::about(&stand.issuer));
    let (asked, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (questions, asked, done) = (Arc::clone(&questions), Arc::clone(&asked), Arc::clone(&done));
        let envoy = stand.envoy.address();
        clients.spawn(async move {
            while !done.load(Relaxed) {
                questions.ask(envoy).await;
                asked.fetch_add(1, Relaxed);
            }
        });
    }
    for swap in 1..=SWAPS {
        let own = if swap % 2 == 0 { "a" } else { "b" };
        let edited = config(stand.issuer.issuer(), own).and("check: { deadline: 15s }");
        stand.gatepost.edit(edited);
        // By looking alone it would see four a second; told of most, it applies more.
        stand.gatepost.process.hang_up().unwrap();
        let loaded = async || {
            let ended = clients.try_join_next();
            assert!(ended.is_none(), "a client had a wrong answer: {ended:?}");
            (asked.load(Relaxed) >= 2 * swap).then_some(())
        };
        wait::until("requests between two swaps", loaded).await.unwrap();
    }
    let last =
        async || (made_by(&questions.both.send(stand.envoy.address()).await.unwrap()) == "a").then_some(());
    wait::within(LIVE, "the last swap to be live", last).await.unwrap();
    done.store(true, Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    let applied = stand.gatepost.metric("gatepost_config_generation").await - 1;
    assert!((50..=SWAPS).contains(&applied), "{applied} of {SWAPS} swaps were applied, the others overtaken");
    assert_eq!(stand.gatepost.metric("gatepost_config_rejections_total").await, 0, "a reading was torn");
    assert_eq!(stand.issuer.jwks_requests(), 1, "the keys went from each generation to the next");
}
