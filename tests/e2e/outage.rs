//! Promise: an issuer that is down costs nothing for known keys, is never a reason to let a request pass, is
//! told apart from a refusal, and is used again without a restart; and without gatepost nothing passes.

use std::time::Duration;

use futures_util::future::join_all;
use gatepost_test_support::{Answer, Endpoint, Reply, Signer, TestIssuer, wait};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::stand::{Config, Stand, get, issuer, orders};

/// An outage: 503 without a challenge, by gatepost, so that no client takes it for a decision.
#[track_caller]
fn assert_outage(answer: &Answer, what: &str) {
    let found = (answer.status, answer.header("www-authenticate"), answer.header("cache-control"));
    assert_eq!(found, (503, None, Some("no-store")), "{what}");
}

/// Waits until a good token passes.
async fn until_it_passes(stand: &Stand) {
    let token = stand.issuer.token().mint();
    let passes = async || (stand.token(&token).await.status == 200).then_some(());
    wait::until("a good token to pass", passes).await.unwrap();
}

fn refreshed_each_second(identifier: &str) -> Config {
    Config::of(&format!(
        "issuers:\n{}",
        issuer("test", identifier, "keys: { refresh: 1s, cooldown: 1s, timeout: 500ms }")
    ))
}

#[tokio::test]
async fn an_issuer_that_is_down_from_the_start_is_used_when_it_comes_up() {
    let issuer = TestIssuer::down().unwrap();
    let config = Config::trusting(issuer.issuer());
    let mut stand = Stand::with(issuer, config).await;
    let token = stand.issuer.token().mint();
    assert_outage(&stand.token(&token).await, "a good token");
    assert_eq!(stand.upstream.requests(), 0);
    // GatepostAbsent (deploy/monitoring/alerts.yaml) subtracts what gatepost reports from what Envoy counts.
    let counted = async || {
        let errors = stand.envoy.stat("http.inbound.ext_authz.gatepost.error").await.ok()?;
        (errors == stand.gatepost.checks("keys_missing").await && errors == 1).then_some(())
    };
    wait::until("Envoy to count the outage as an error", counted).await.unwrap();

    let ready = stand.gatepost.page("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("test"), "{}", ready.text());
    assert_eq!(stand.gatepost.page("/livez").await.status, 200);
    let status = stand.gatepost.status().await;
    assert_eq!((&status["ready"], &status["issuers"][0]["key_ids"]), (&json!(false), &json!([])));
    assert!(status["issuers"][0]["last_error"].as_str().unwrap().contains("refused"), "{status:#}");

    assert_eq!(stand.send(get("/healthz")).await.status, 200, "a public rule needs no issuer");
    assert_eq!(stand.send(orders()).await.status, 401, "nor does a request without a token");
    assert_eq!(stand.token("nonsense").await.status, 401, "nor one with no token at all");

    stand.issuer.go_up().await.unwrap();
    until_it_passes(&stand).await;
    stand.gatepost.ready().await;
    assert!(stand.gatepost.checks("keys_missing").await >= 1);
}

// No traffic comes to a sidecar that is not ready, so nobody's request makes it ask again.
#[tokio::test]
async fn readiness_comes_soon_after_the_issuer_does_without_any_traffic() {
    let issuer = TestIssuer::down().unwrap();
    let config = Config::trusting(issuer.issuer());
    let mut stand = Stand::with(issuer, config).await;
    let tried = async || stand.gatepost.status().await["issuers"][0]["last_error"].is_string().then_some(());
    wait::until("the first attempt to fail", tried).await.unwrap();
    stand.issuer.go_up().await.unwrap();
    stand.gatepost.ready().await;
}

#[tokio::test]
async fn known_keys_keep_working_while_the_issuer_is_down() {
    let issuer = TestIssuer::start().await.unwrap();
    let config = refreshed_each_second(issuer.issuer());
    let mut stand = Stand::ready(issuer, config).await;
    stand.issuer.go_down().await;
    let failed = async || stand.gatepost.status().await["issuers"][0]["last_error"].is_string().then_some(());
    wait::until("a refresh to fail", failed).await.unwrap();
    assert_eq!(stand.token(&stand.issuer.token().mint()).await.status, 200);
    assert_eq!(stand.gatepost.page("/readyz").await.status, 200, "an outage takes no pod out");

    let new = Signer::generate("ES256");
    let unknown = stand.issuer.token().signed_by(&new).mint();
    assert_outage(&stand.token(&unknown).await, "a key that may be a new one");
    assert_eq!(stand.upstream.requests(), 1);

    stand.issuer.publish(&[&new]);
    stand.issuer.go_up().await.unwrap();
    let passes = async || (stand.token(&unknown).await.status == 200).then_some(());
    wait::until("the new key to be known", passes).await.unwrap();
}

#[tokio::test]
async fn keys_that_were_read_too_long_ago_are_an_outage() {
    let issuer = TestIssuer::start().await.unwrap();
    let lines = "keys: { refresh: 1s, cooldown: 1s, max_stale: 10s, timeout: 500ms }";
    let config = Config::of(&format!("issuers:\n{}", crate::stand::issuer("test", issuer.issuer(), lines)));
    let mut stand = Stand::ready(issuer, config).await;
    stand.issuer.go_down().await;
    let token = stand.issuer.token().mint();
    let stale = async || (stand.token(&token).await.status == 503).then_some(());
    wait::until("the keys to be too old", stale).await.unwrap();
    assert!(stand.gatepost.checks("keys_stale").await >= 1);
    stand.issuer.go_up().await.unwrap();
    until_it_passes(&stand).await;
}

#[tokio::test]
async fn a_hanging_issuer_is_answered_for_within_the_deadline() {
    let issuer = TestIssuer::start().await.unwrap();
    issuer.reply(Endpoint::Metadata, Reply::Hang);
    let config = Config::trusting(issuer.issuer()).and("check: { deadline: 300ms }");
    let stand = Stand::with(issuer, config).await;
    let token = stand.issuer.token().mint();
    let started = Instant::now();
    let answer = stand.token(&token).await;
    let took = started.elapsed();
    assert_outage(&answer, "a good token");
    assert!(took >= Duration::from_millis(250) && took < Duration::from_millis(900), "{took:?}");
    assert_eq!(stand.gatepost.checks("deadline_exceeded").await, 1);
    assert_eq!(stand.send(get("/healthz")).await.status, 200);
    stand.issuer.reply(Endpoint::Metadata, Reply::Truth);
    until_it_passes(&stand).await;
}

#[tokio::test]
async fn with_the_shipped_settings_gatepost_answers_before_envoy_gives_up() {
    let issuer = TestIssuer::start().await.unwrap();
    issuer.reply(Endpoint::Jwks, Reply::Hang);
    let config = Config::trusting(issuer.issuer());
    let stand = Stand::with(issuer, config).await;
    assert_outage(&stand.token(&stand.issuer.token().mint()).await, "a good token");
    assert_eq!(stand.gatepost.checks("deadline_exceeded").await, 1);
}

#[tokio::test]
async fn a_hanging_issuer_does_not_hold_up_tokens_of_known_keys() {
    let stand = Stand::start().await;
    stand.issuer.reply(Endpoint::Jwks, Reply::Hang);
    let unknown = stand.issuer.token().signed_by(&Signer::generate("ES256")).mint();
    let known = stand.issuer.token().mint();
    let (first, ()) = tokio::join!(stand.token(&unknown), async {
        let asked = async || (stand.issuer.jwks_requests() == 2).then_some(());
        wait::until("gatepost to ask", asked).await.unwrap();
        for _ in 0..20 {
            assert_eq!(stand.token(&known).await.status, 200);
        }
    });
    assert_outage(&first, "a key that may be a new one");
}

/// What an issuer may serve that is of no use.
fn nonsense() -> Vec<(&'static str, Endpoint, Reply)> {
    let body = |text: &str| Reply::Body(text.to_owned());
    let large = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(2 << 20));
    let oct = json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0", "kid": "RS256" }] }).to_string();
    vec![
        ("keys: 500", Endpoint::Jwks, Reply::Status(500)),
        ("keys: 404", Endpoint::Jwks, Reply::Status(404)),
        ("keys: 204", Endpoint::Jwks, Reply::Status(204)),
        ("keys: 304 without a question", Endpoint::Jwks, Reply::Status(304)),
        ("keys: HTML", Endpoint::Jwks, body("<!doctype html><title>Sign in</title>")),
        ("keys: nothing", Endpoint::Jwks, body("")),
        ("keys: no list", Endpoint::Jwks, body("{}")),
        ("keys: an empty list", Endpoint::Jwks, body(r#"{"keys":[]}"#)),
        ("keys: only a symmetric one", Endpoint::Jwks, body(&oct)),
        ("keys: 2 MiB", Endpoint::Jwks, Reply::Body(large.clone())),
        ("keys: elsewhere", Endpoint::Jwks, Reply::Redirect("http://127.0.0.1:1/jwks".into())),
        ("metadata: 500", Endpoint::Metadata, Reply::Status(500)),
        ("metadata: HTML", Endpoint::Metadata, body("<!doctype html>")),
        ("metadata: no jwks_uri", Endpoint::Metadata, body("{}")),
        ("metadata: 2 MiB", Endpoint::Metadata, Reply::Body(large)),
        ("metadata: elsewhere", Endpoint::Metadata, Reply::Redirect("/jwks".into())),
        (
            "metadata: keys of a cloud",
            Endpoint::Metadata,
            body(r#"{"issuer":"ISSUER","jwks_uri":"http://169.254.169.254/latest"}"#),
        ),
        (
            "metadata: a file",
            Endpoint::Metadata,
            body(r#"{"issuer":"ISSUER","jwks_uri":"file:///etc/passwd"}"#),
        ),
        (
            "metadata: an issuer twice",
            Endpoint::Metadata,
            body(r#"{"issuer":"ISSUER","issuer":"ISSUER","jwks_uri":"ISSUER/jwks"}"#),
        ),
    ]
}

// CVE-2026-31837, CVE-2026-41413, istio#39411
#[tokio::test]
async fn nonsense_in_place_of_keys_is_an_outage_with_a_reason_until_it_ends() {
    // A few at a time: each has an Envoy of its own.
    let mut cases = nonsense().into_iter();
    loop {
        let few: Vec<_> = cases.by_ref().take(7).collect();
        if few.is_empty() {
            return;
        }
        join_all(few.into_iter().map(|(name, endpoint, reply)| outage_until_truth(name, endpoint, reply)))
            .await;
    }
}

async fn outage_until_truth(name: &str, endpoint: Endpoint, reply: Reply) {
    let issuer = TestIssuer::start().await.unwrap();
    let reply = match reply {
        Reply::Body(body) => Reply::Body(body.replace("ISSUER", issuer.issuer())),
        other => other,
    };
    issuer.reply(endpoint, reply);
    let config = refreshed_each_second(issuer.issuer());
    let stand = Stand::with(issuer, config).await;
    assert_outage(&stand.token(&stand.issuer.token().mint()).await, name);
    let forged = stand.issuer.token().hs256("secret").header("kid", "RS256").mint();
    assert_ne!(stand.token(&forged).await.status, 200, "{name}");
    assert_eq!(stand.upstream.requests(), 0, "{name}");
    let error = stand.gatepost.status().await["issuers"][0]["last_error"].clone();
    assert!(error.as_str().is_some_and(|text| !text.is_empty()), "{name}: {error}");
    stand.issuer.reply(endpoint, Reply::Truth);
    until_it_passes(&stand).await;
    assert_eq!(stand.gatepost.status().await["issuers"][0]["last_error"], Value::Null, "{name}");
}

// RFC 8414 §3.3
#[tokio::test]
async fn metadata_of_another_issuer_is_not_believed() {
    let issuer = TestIssuer::start().await.unwrap();
    let slash = format!("{}/", issuer.issuer());
    issuer.name_itself(&slash);
    let config = refreshed_each_second(issuer.issuer());
    let stand = Stand::with(issuer, config).await;
    assert_outage(&stand.token(&stand.issuer.token().mint()).await, "a good token");
    let error = stand.gatepost.status().await["issuers"][0]["last_error"].clone();
    assert!(error.as_str().unwrap().contains(&format!("{slash:?}")), "{error}");
    stand.issuer.name_itself(stand.issuer.issuer());
    until_it_passes(&stand).await;
}

// istio#51636
#[tokio::test]
async fn one_issuer_that_is_down_is_no_trouble_for_another() {
    let down = TestIssuer::down().unwrap();
    let up = TestIssuer::start().await.unwrap();
    let both = |lines: &str| {
        format!("issuers:\n{}{}", issuer("down", down.issuer(), lines), issuer("up", up.issuer(), ""))
    };
    let config = Config::of(&both("optional: true"));
    let mut stand = Stand::with(up, config).await;
    stand.gatepost.ready().await;
    assert_eq!(stand.token(&stand.issuer.token().mint()).await.status, 200);
    assert_outage(&stand.token(&down.token().mint()).await, "the one that is down");
}

#[tokio::test]
async fn without_gatepost_nothing_passes_and_with_it_again_all_is_well() {
    let stand = Stand::start().await;
    let Stand { issuer, mut gatepost, envoy, upstream } = stand;
    let token = issuer.token().mint();
    let request = || orders().bearer(&token);
    assert_eq!(envoy.send(request()).await.unwrap().status, 200);
    gatepost.process.kill();
    for request in [request(), orders(), get("/healthz")] {
        assert_eq!(envoy.send(request).await.unwrap().status, 503);
    }
    assert_eq!(upstream.requests(), 1);
    let mut gatepost = gatepost.start_again().await;
    gatepost.ready().await;
    let passes = async || (envoy.send(request()).await.unwrap().status == 200).then_some(());
    wait::until("Envoy to ask the new gatepost", passes).await.unwrap();
}
