//! Promise: nothing is lost when a server dies mid-stream, several feeds add up, and readiness waits for all of them.

use gatepost_test_support::wait;
use serde_json::json;

use super::{Feed, Revoking, assert_revoked, config, of_token, one, revoking};
use crate::introspection::{SECRET, Secrets};
use crate::stand::Stand;

async fn until_phase(stand: &Revoking, phase: &str) {
    let shown = async || (stand.revocations().await["feeds"][0]["phase"] == json!(phase)).then_some(());
    wait::until(&format!("the phase {phase}"), shown).await.unwrap();
}

async fn loses_nothing_when_its_server_dies_mid_stream(mut feed: Feed) {
    let (stand, _secrets) = revoking(&one(&feed)).await;
    let jtis: Vec<_> = (0..40).map(|number| format!("dies-{number}")).collect();
    let tokens: Vec<_> = jtis.iter().map(|jti| stand.with_jti(jti).mint()).collect();
    let spared = stand.with_jti("spared").mint();
    for token in tokens.iter().chain([&spared]) {
        assert_eq!(stand.token(token).await.status, 200);
    }
    for (round, jtis) in jtis.chunks(10).enumerate() {
        if round > 0 {
            // A file that comes and goes unseen takes along what was in it.
            let is_file = matches!(feed, Feed::File(_));
            if is_file {
                until_phase(&stand, "following").await;
            }
            feed.kill();
            if is_file {
                until_phase(&stand, "lost").await;
            }
            feed.restart().await;
        }
        for jti in jtis {
            feed.publish(&of_token(stand.issuer.issuer(), jti)).await;
        }
    }
    for token in &tokens {
        stand.until_refused(token).await;
    }
    assert_eq!(stand.token(&spared).await.status, 200);
    stand.until_stale(false).await;
    assert_eq!(stand.revocations().await["feeds"][0]["gaps"], json!(0));
}

#[tokio::test]
async fn redis_loses_nothing_when_it_dies_mid_stream() {
    loses_nothing_when_its_server_dies_mid_stream(Feed::redis().await).await;
}

#[tokio::test]
async fn nats_loses_nothing_when_it_dies_mid_stream() {
    loses_nothing_when_its_server_dies_mid_stream(Feed::nats().await).await;
}

#[tokio::test]
async fn a_file_loses_nothing_when_it_is_removed_mid_stream() {
    loses_nothing_when_its_server_dies_mid_stream(Feed::file()).await;
}

#[tokio::test]
async fn what_one_of_two_feeds_says_holds_whatever_the_other_says() {
    let (one, two) = (Feed::file(), Feed::redis().await);
    let lines = format!("feeds: [{}, {}]", one.entry("break-glass"), two.entry("hub"));
    let (stand, _secrets) = revoking(&lines).await;
    let tokens = ["a", "b", "both", "none"].map(|jti| stand.with_jti(jti).mint());
    for token in &tokens {
        assert_eq!(stand.token(token).await.status, 200);
    }
    for (feed, jtis) in [(&one, ["both", "a"]), (&two, ["b", "both"])] {
        for jti in jtis {
            feed.publish(&of_token(stand.issuer.issuer(), jti)).await;
        }
    }
    let [a, b, both, none] = &tokens;
    for token in [a, b, both] {
        stand.until_refused(token).await;
    }
    assert_eq!(stand.token(none).await.status, 200);
    let status = stand.revocations().await;
    let shown = |place: usize| (&status["feeds"][place]["name"], &status["feeds"][place]["kind"]);
    assert_eq!(shown(0), (&json!("break-glass"), &json!("file")));
    assert_eq!(shown(1), (&json!("hub"), &json!("redis")));
    assert_eq!(status["marks"]["token"], json!(3), "one mark for both");
}

#[tokio::test]
async fn readiness_waits_until_every_feed_has_been_read() {
    let (here, mut away) = (Feed::file(), Feed::redis().await);
    let issuer = gatepost_test_support::IntrospectionServer::start().await.unwrap();
    away.publish(&of_token(issuer.issuer(), "early")).await;
    away.kill();
    let secrets = Secrets::with(SECRET);
    let lines = format!("feeds: [{}, {}]", here.entry("here"), away.entry("away"));
    let config = config(&issuer, &secrets, &lines);
    let mut stand = Stand::with(issuer, config).await;
    let waits = async || {
        let page = stand.gatepost.page("/readyz").await;
        (page.status == 503 && page.text() == "waiting for the revocations of away\n").then_some(())
    };
    wait::until("unreadiness for that feed alone", waits).await.unwrap();
    away.restart().await;
    stand.gatepost.ready().await;
    // At the first request that a ready sidecar gets.
    assert_revoked(&stand.token(&stand.with_jti("early").mint()).await, "revoked before the start");
    assert_eq!(stand.token(&stand.with_jti("other").mint()).await.status, 200);
    // It stays ready when a feed is lost later.
    away.kill();
    stand.until_stale_feed(1).await;
    assert_eq!(stand.gatepost.page("/readyz").await.status, 200);
}

#[tokio::test]
async fn readiness_waits_no_longer_than_it_was_told_to() {
    let feed = Feed::file();
    let path = feed.path();
    std::fs::remove_file(&path).unwrap();
    let lines = format!("{}catch_up: {{ deadline: 1s, when_late: serve }}\nwhen_stale: deny", one(&feed));
    let (stand, _secrets) = revoking(&lines).await;
    let token = stand.with_jti("one").mint();
    crate::introspection::assert_outage(&stand.token(&token).await, "ready, and stale");
    std::fs::write(&path, "").unwrap();
    crate::introspection::until_token(&stand, &token, 200).await;
}

#[tokio::test]
async fn what_is_no_message_stops_nothing() {
    let feed = Feed::redis().await;
    let (stand, _secrets) = revoking(&one(&feed)).await;
    for text in [json!("nonsense"), json!({ "v": 2, "kind": "issuer" }), json!({ "v": 1, "kind": "all" })] {
        feed.publish(&text).await;
    }
    feed.publish(&of_token(stand.issuer.issuer(), "one")).await;
    stand.until_refused(&stand.with_jti("one").mint()).await;
    assert_eq!(stand.token(&stand.with_jti("two").mint()).await.status, 200);
    // A text that is no object could only be a signed message, and this feed knows no signer.
    let refused = json!({ "malformed": 2, "badly_signed": 1 });
    assert_eq!(stand.revocations().await["feeds"][0]["refused"], refused);
    let malformed = r#"gatepost_revocation_feed_messages_total{feed="hub",result="malformed"}"#;
    assert_eq!(stand.gatepost.metric(malformed).await, 2);
}
