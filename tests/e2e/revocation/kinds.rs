//! Promise: each kind of revocation refuses exactly the tokens it should, whatever the feed.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gatepost_test_support::{Say, Signer, token};
use serde_json::{Value, json};

use super::{Feed, Revoking, assert_revoked, message, of_token, one, revoking};

/// Long enough ago to be told apart from now in whole seconds.
const BEFORE: i64 = 100;

/// What each of the tokens below is called, and the token.
type Tokens = Vec<(&'static str, String)>;

/// Tokens of which each differs from the others by what can be revoked.
fn tokens(stand: &Revoking) -> Tokens {
    let old = |token: gatepost_test_support::Token| token.at(token::now() - 2 * BEFORE);
    let new = || stand.issuer.token();
    let opaque = |name: &'static str, members: &[(&str, Value)]| {
        stand.issuer.says(name, Say::Json(stand.issuer.active_with(members)));
        name.to_owned()
    };
    vec![
        ("by jti", new().claim("jti", "the-one").mint()),
        ("whole", opaque("opaque-whole", &[])),
        ("whole jwt", new().mint()),
        ("of a session", new().claim("sid", "s1").mint()),
        ("of a session too", new().claim("sid", "s1").claim("sub", "zoe").mint()),
        ("of another session", new().claim("sid", "s2").mint()),
        ("opaque of a session", opaque("opaque-session", &[("sid", json!("s1"))])),
        ("of a grant", new().claim("grant_id", "g1").mint()),
        ("of another grant", new().claim("grant_id", "g2").mint()),
        ("of another key", new().signed_by(&Signer::shared("ES256")).mint()),
        ("bob's old", old(new().claim("sub", "bob")).mint()),
        ("bob's new", new().claim("sub", "bob").mint()),
        ("bob's opaque, without a time", opaque("opaque-bob", &[("sub", json!("bob"))])),
        ("the shop's old", old(new().claim("client_id", "shop")).mint()),
        ("the shop's new", new().claim("client_id", "shop").mint()),
        ("old", old(new()).mint()),
        ("new", new().mint()),
    ]
}

fn sha256(token: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()).as_ref())
}

/// One message of each kind, from the narrowest to the widest, and what it revokes that was not revoked before.
fn steps(issuer: &str, tokens: &Tokens) -> Vec<(Value, &'static [&'static str])> {
    let now = token::now();
    let (at, exp) = (now - BEFORE, now + 3600);
    let whole = |name: &str| sha256(&tokens.iter().find(|(known, _)| *known == name).unwrap().1);
    let of = |kind: &str, members: Value| message(issuer, kind, members);
    let digest = |name: &str| json!({ "v": 1, "kind": "token_digest", "sha256": whole(name), "exp": exp });
    vec![
        (of_token(issuer, "the-one"), &["by jti"]),
        (digest("whole"), &["whole"]),
        (digest("whole jwt"), &["whole jwt"]),
        (
            of("session", json!({ "sid": "s1", "at": now })),
            &["of a session", "of a session too", "opaque of a session"],
        ),
        (of("grant", json!({ "grant": "g1", "at": now })), &["of a grant"]),
        (of("key", json!({ "kid": "ES256" })), &["of another key"]),
        (of("subject", json!({ "sub": "bob", "at": at })), &["bob's old", "bob's opaque, without a time"]),
        (of("client", json!({ "client_id": "shop", "at": at })), &["the shop's old"]),
        // The opaque ones say no time of issue: whatever fits them revokes them.
        (of("issuer", json!({ "at": at })), &["old"]),
    ]
}

/// Each token's answer is what it should be, at its next request.
async fn assert_exactly(stand: &Revoking, tokens: &Tokens, revoked: &BTreeSet<&str>, after: &str) {
    for (name, token) in tokens {
        let answer = stand.token(token).await;
        match revoked.contains(name) {
            true => assert_revoked(&answer, &format!("{name:?} after {after}")),
            false => assert_eq!(answer.status, 200, "{name:?} after {after}"),
        }
    }
}

async fn each_kind_refuses_exactly_what_it_should(feed: Feed) {
    let lines = format!("{}issuers: {{ test: {{ grant_claim: grant_id }} }}", one(&feed));
    let (stand, _secrets) = revoking(&lines).await;
    let tokens = tokens(&stand);
    let mut revoked = BTreeSet::new();
    assert_exactly(&stand, &tokens, &revoked, "nothing").await;
    assert_exactly(&stand, &tokens, &revoked, "nothing, and warm").await;
    let steps = steps(stand.issuer.issuer(), &tokens);
    for (count, (message, newly)) in (1..).zip(&steps) {
        feed.publish(message).await;
        stand.until_applied(0, count).await;
        revoked.extend(newly.iter().copied());
        assert_exactly(&stand, &tokens, &revoked, &message.to_string()).await;
    }
    // Once more: nothing changes.
    feed.publish(&steps[0].0).await;
    let repeated = async || (stand.revocations().await["feeds"][0]["repeated"] == json!(1)).then_some(());
    gatepost_test_support::wait::until("the repetition", repeated).await.unwrap();
    assert_exactly(&stand, &tokens, &revoked, "a repetition").await;
    shown(&stand, steps.len() as u64).await;
}

#[tokio::test]
async fn the_clock_of_the_authorization_server_counts_and_no_other() {
    let feed = Feed::redis().await;
    let (stand, _secrets) = revoking(&one(&feed)).await;
    // A server whose clock is a quarter of an hour behind, and a writer whose clock is as far ahead.
    let behind = token::now() - 900;
    let issued = |at: i64| stand.issuer.token().claim("sub", "bob").at(at).claim("exp", behind + 3600).mint();
    let (before, after) = (issued(behind - 2), issued(behind + 2));
    for token in [&before, &after] {
        assert_eq!(stand.token(token).await.status, 200);
    }
    let mut bob = message(stand.issuer.issuer(), "subject", json!({ "sub": "bob", "at": behind }));
    bob["published"] = json!(token::now() + 900);
    feed.publish(&bob).await;
    stand.until_applied(0, 1).await;
    assert_revoked(&stand.token(&before).await, "issued before the revocation by the server's clock");
    assert_eq!(
        stand.token(&after).await.status,
        200,
        "issued after it by the same clock, long before it came"
    );
}

/// On the status page and in the metrics.
async fn shown(stand: &Revoking, count: u64) {
    let status = stand.revocations().await;
    let feed = &status["feeds"][0];
    assert_eq!(
        (&status["stale"], &feed["stale"], &feed["phase"]),
        (&json!(false), &json!(false), &json!("following"))
    );
    assert_eq!((&status["marks"]["token"], &status["marks"]["token_digest"]), (&json!(1), &json!(2)));
    let metric = async |name: &str| stand.gatepost.metric(&format!("gatepost_revocation_{name}")).await;
    for (name, expected) in [
        (r#"marks{kind="token_digest"}"#, 2),
        (r#"marks{kind="issuer"}"#, 1),
        (r#"feed_messages_total{feed="hub",result="applied"}"#, count),
        (r#"feed_messages_total{feed="hub",result="repeated"}"#, 1),
        (r#"feed_messages_total{feed="hub",result="malformed"}"#, 0),
        (r#"feed_gaps_total{feed="hub"}"#, 0),
        (r#"feed_stale{feed="hub"}"#, 0),
        ("stale", 0),
        // Nine steps after it was revoked, and the repetition; each step asks once about each token.
        (r#"hits_total{kind="token"}"#, 10),
        (r#"hits_total{kind="session"}"#, 7 * 3),
        (r#"hits_total{kind="issuer"}"#, 2),
    ] {
        assert_eq!(metric(name).await, expected, "{name}");
    }
    assert_eq!(stand.gatepost.checks("token_revoked").await, {
        let mut hits = 0;
        for kind in ["token", "token_digest", "session", "grant", "key", "subject", "client", "issuer"] {
            hits += metric(&format!(r#"hits_total{{kind="{kind}"}}"#)).await;
        }
        hits
    });
}

#[tokio::test]
async fn each_kind_refuses_exactly_what_it_should_from_a_file() {
    each_kind_refuses_exactly_what_it_should(Feed::file()).await;
}

#[tokio::test]
async fn each_kind_refuses_exactly_what_it_should_from_a_transmitter() {
    each_kind_refuses_exactly_what_it_should(Feed::ssf().await).await;
}

#[tokio::test]
async fn each_kind_refuses_exactly_what_it_should_from_redis() {
    each_kind_refuses_exactly_what_it_should(Feed::redis().await).await;
}

#[tokio::test]
async fn each_kind_refuses_exactly_what_it_should_from_nats() {
    each_kind_refuses_exactly_what_it_should(Feed::nats().await).await;
}

#[tokio::test]
async fn what_an_issuer_said_of_a_token_before_it_was_revoked_is_dropped() {
    let feed = Feed::file();
    let (stand, _secrets) = revoking(&one(&feed)).await;
    stand.issuer.calls_good("opaque");
    for _ in 0..3 {
        assert_eq!(stand.token("opaque").await.status, 200);
    }
    assert_eq!(stand.issuer.calls_about("opaque"), 1, "the answer is kept");
    let exp = token::now() + 3600;
    feed.publish(&json!({ "v": 1, "kind": "token_digest", "sha256": sha256("opaque"), "exp": exp })).await;
    stand.until_refused("opaque").await;
    stand.issuer.says("opaque", Say::inactive());
    assert_revoked(&stand.token("opaque").await, "asked about again");
    assert_eq!(stand.issuer.calls_about("opaque"), 2, "the answer of before is gone");
    assert_eq!(stand.gatepost.checks("token_inactive").await, 1);
}

#[tokio::test]
async fn how_soon_a_revocation_refuses_is_measured_once() {
    let feed = Feed::redis().await;
    let (stand, _secrets) = revoking(&one(&feed)).await;
    let tokens = ["one", "two"].map(|jti| stand.with_jti(jti).mint());
    for token in &tokens {
        assert_eq!(stand.token(token).await.status, 200);
    }
    for jti in ["one", "two", "nobody's"] {
        let mut message = of_token(stand.issuer.issuer(), jti);
        message["published"] = json!(token::now());
        feed.publish(&message).await;
    }
    stand.until_applied(0, 3).await;
    for token in tokens.iter().chain(&tokens) {
        assert_revoked(&stand.token(token).await, "each of them");
    }
    let count = async |stage: &str| {
        let name = format!(r#"gatepost_revocation_propagation_seconds_count{{stage="{stage}"}}"#);
        stand.gatepost.metric(&name).await
    };
    assert_eq!((count("applied").await, count("refused").await), (3, 2));
    assert!(stand.revocations().await["feeds"][0]["lag_seconds"].is_f64());
}
