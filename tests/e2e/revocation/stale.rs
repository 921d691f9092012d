//! Promise: while revocations may be missing each rule does what it was told to do then, by itself, and goes back by
//! itself.

use gatepost_test_support::{IntrospectionServer, NatsServer, RedisServer, Request, Say};
use serde_json::json;

use super::{Feed, Revoking, assert_revoked, config, of_token, one, revoking};
use crate::introspection::{SECRET, Secrets, assert_outage, stand, until_token};
use crate::stand::get;

/// A rule that says nothing of its own, and one for each thing that a rule can say.
const POLICY: &str = "
rules:
  - name: introspect
    match: { path: /orders/introspect }
    require: { scopes: [orders:read], when_stale: introspect }
  - name: deny
    match: { path: /orders/deny }
    require: { scopes: [orders:read], when_stale: deny }
  - name: health
    match: { path: /orders/public }
    public: true
  - name: read orders
    match: { path: /orders/** }
    require: { scopes: [orders:read] }
";

async fn going_stale(feed: &Feed, when_stale: &str) -> (Revoking, Secrets) {
    let issuer = IntrospectionServer::start().await.unwrap();
    let secrets = Secrets::with(SECRET);
    let lines = format!("{}stale_after: 1s\nwhen_stale: {when_stale}", one(feed));
    let config = config(&issuer, &secrets, &lines).policy(POLICY);
    let stand = stand(issuer, config).await;
    stand.until_stale(false).await;
    (stand, secrets)
}

fn at(path: &str, token: &str) -> Request {
    get(&format!("/orders/{path}")).bearer(token)
}

impl Feed {
    /// Its server neither answers nor hangs up.
    fn pause(&self) {
        match self {
            Self::File(_) => std::fs::remove_file(self.path()).unwrap(),
            Self::Redis(server) => RedisServer::pause(server).unwrap(),
            Self::Nats(server) => NatsServer::pause(server).unwrap(),
            Self::Ssf(transmitter) => transmitter.with(|book| book.status = "paused"),
        }
    }

    fn resume(&self) {
        match self {
            Self::File(_) => std::fs::write(self.path(), "").unwrap(),
            Self::Redis(server) => RedisServer::resume(server).unwrap(),
            Self::Nats(server) => NatsServer::resume(server).unwrap(),
            Self::Ssf(transmitter) => transmitter.with(|book| book.status = "enabled"),
        }
    }
}

async fn each_rule_does_what_it_was_told_to(feed: Feed) {
    let (stand, _secrets) = going_stale(&feed, "continue").await;
    let token = stand.with_jti("good").mint();
    let revoked = stand.with_jti("revoked").mint();
    feed.publish(&of_token(stand.issuer.issuer(), "revoked")).await;
    stand.until_refused(&revoked).await;
    for path in ["7", "introspect", "deny"] {
        assert_eq!(stand.send(at(path, &token)).await.status, 200, "{path}, fresh");
    }
    assert_eq!(stand.issuer.calls(), 0, "nobody is asked while all is known");

    feed.pause();
    stand.until_stale(true).await;
    assert_eq!(stand.send(at("7", &token)).await.status, 200);
    assert_outage(&stand.send(at("deny", &token)).await, "deny");
    assert_eq!(stand.send(get("/orders/public")).await.status, 200, "no token, nothing to miss");
    // The issuer knows what we may have missed.
    assert_revoked(&stand.send(at("introspect", &token)).await, "inactive at its issuer");
    let other = stand.with_jti("other").mint();
    stand.issuer.says(&other, Say::Json(stand.issuer.active_with(&[("jti", json!("other"))])));
    assert_eq!(stand.send(at("introspect", &other)).await.status, 200);
    assert_eq!(stand.issuer.calls(), 2);
    for path in ["7", "introspect"] {
        let answer = stand.send(at(path, &revoked)).await;
        assert_revoked(&answer, "what was known before stays known");
    }
    assert_eq!(stand.gatepost.metric("gatepost_revocation_stale").await, 1);
    assert_eq!(stand.gatepost.metric(r#"gatepost_revocation_feed_stale{feed="hub"}"#).await, 1);
    assert_eq!(stand.gatepost.checks("revocations_stale").await, 1);

    feed.resume();
    stand.until_stale(false).await;
    let calls = stand.issuer.calls();
    for path in ["7", "introspect", "deny"] {
        assert_eq!(stand.send(at(path, &token)).await.status, 200, "{path}, fresh again");
    }
    assert_eq!(stand.issuer.calls(), calls, "nobody is asked any more");
    feed.publish(&of_token(stand.issuer.issuer(), "good")).await;
    stand.until_refused(&token).await;
}

#[tokio::test]
async fn each_rule_does_what_it_was_told_to_while_redis_is_silent() {
    each_rule_does_what_it_was_told_to(Feed::redis().await).await;
}

#[tokio::test]
async fn each_rule_does_what_it_was_told_to_while_nats_is_silent() {
    each_rule_does_what_it_was_told_to(Feed::nats().await).await;
}

#[tokio::test]
async fn each_rule_does_what_it_was_told_to_while_a_file_is_gone() {
    each_rule_does_what_it_was_told_to(Feed::file()).await;
}

#[tokio::test]
async fn what_holds_for_all_rules_can_be_made_stricter_and_not_laxer() {
    for (when_stale, own, introspect, deny) in
        [("continue", 200, 401, 503), ("introspect", 401, 401, 503), ("deny", 503, 503, 503)]
    {
        let feed = Feed::file();
        let (stand, _secrets) = going_stale(&feed, when_stale).await;
        let token = stand.with_jti("one").mint();
        assert_eq!(stand.send(at("7", &token)).await.status, 200);
        feed.pause();
        stand.until_stale(true).await;
        for (path, expected) in [("7", own), ("introspect", introspect), ("deny", deny)] {
            let answer = stand.send(at(path, &token)).await;
            assert_eq!(answer.status, expected, "{when_stale}, {path}");
        }
        feed.resume();
        until_token(&stand, &token, 200).await;
    }
}

#[tokio::test]
async fn an_opaque_token_that_the_issuer_vouches_for_passes_while_a_feed_is_silent() {
    let feed = Feed::file();
    let (stand, _secrets) = going_stale(&feed, "introspect").await;
    stand.issuer.calls_good("opaque");
    feed.pause();
    stand.until_stale(true).await;
    assert_eq!(stand.token("opaque").await.status, 200);
}

#[tokio::test]
async fn a_writer_that_falls_silent_is_noticed_where_it_sends_heartbeats() {
    let feed = Feed::redis().await;
    let lines =
        format!("feeds: [{}]\nstale_after: 1s\nwhen_stale: deny", feed.entry("hub, heartbeats: true"),);
    let (stand, _secrets) = revoking(&lines).await;
    let token = stand.with_jti("one").mint();
    // The server answers all the while.
    let outage = async || Some(stand.token(&token).await).filter(|answer| answer.status != 200);
    assert_outage(&gatepost_test_support::wait::until("an outage", outage).await.unwrap(), "no heartbeat");
    stand.until_stale(true).await;
    let beats = async || {
        feed.publish(
            &json!({ "v": 1, "kind": "heartbeat", "published": gatepost_test_support::token::now() }),
        )
        .await;
        Some(stand.token(&token).await).filter(|answer| answer.status == 200).map(drop)
    };
    gatepost_test_support::wait::until("freshness", beats).await.unwrap();
}
