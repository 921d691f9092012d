//! Promise: answers are kept as facts, for as long as configured; policy is asked every time; and no request waits
//! for the renewal of an answer that is in use.

use std::time::Duration;

use gatepost_test_support::{IntrospectionServer, Request, Say};
use serde_json::json;
use tokio::time::Instant;

use super::{SECRET, Secrets, config_with, scripted, stand, status, until_calls, until_status, until_token};
use crate::stand::{HOST, get};

// I4; GHSA-qvp4-rpmr-xwrr
#[tokio::test]
async fn one_answer_serves_every_rule_and_each_rule_decides_for_itself() {
    let (stand, _secrets) = scripted("cache: { active: 5m }").await;
    stand.issuer.calls_good("token");
    for (request, expected) in [
        (get("/orders/7"), 200),
        (Request::post("/orders/7").host(HOST), 403),
        (get("/admin/x"), 401),
        (get("/elsewhere"), 403),
        (get("/orders/8"), 200),
    ] {
        assert_eq!(stand.send(request.bearer("token")).await.status, expected);
    }
    assert_eq!(stand.issuer.calls(), 1);
    let status = status(&stand).await;
    assert_eq!(
        (&status["calls"], &status["calls_saved"], &status["answers_kept"]),
        (&json!(1), &json!(3), &json!(1))
    );
    assert_eq!((&status["hit_ratio"], &status["breaker"]), (&json!(0.75), &json!("closed")));
    let metric = |result: &str| format!("gatepost_introspection_{result}");
    for (name, expected) in [
        (r#"calls_total{issuer="test",result="active"}"#, 1),
        (r#"saved_total{issuer="test",result="cached"}"#, 3),
        (r#"call_duration_seconds_count{issuer="test"}"#, 1),
    ] {
        assert_eq!(stand.gatepost.metric(&metric(name)).await, expected, "{name}");
    }
}

// I4
#[tokio::test]
async fn with_no_time_to_keep_answers_each_check_asks() {
    let (stand, _secrets) = scripted("cache: { active: 0s, inactive: 0s }").await;
    stand.issuer.calls_good("token");
    for count in 1..=3 {
        assert_eq!(stand.token("token").await.status, 200);
        assert_eq!(stand.issuer.calls(), count);
    }
    stand.issuer.says("token", Say::inactive());
    assert_eq!(stand.token("token").await.status, 401);
    stand.issuer.calls_good("token");
    assert_eq!(stand.token("token").await.status, 200);
}

// I3, I4
#[tokio::test]
async fn an_inactive_answer_is_kept_for_its_own_short_time() {
    let (stand, _secrets) = scripted("cache: { active: 5m, inactive: 1s }").await;
    assert_eq!(stand.token("token").await.status, 401);
    stand.issuer.calls_good("token");
    until_token(&stand, "token", 200).await;
    assert_eq!(stand.issuer.calls(), 2);
}

// I4
#[tokio::test]
async fn half_of_a_tokens_life_is_the_most_where_so_configured() {
    let (stand, _secrets) = scripted("cache: { active: 5m, half_life: true, refresh_ahead: false }").await;
    let asked = Instant::now();
    let expires = gatepost_test_support::token::now() + 6;
    stand.issuer.says("token", Say::Json(stand.issuer.active_with(&[("exp", json!(expires))])));
    assert_eq!(stand.token("token").await.status, 200);
    stand.issuer.says("token", Say::inactive());
    until_token(&stand, "token", 401).await;
    let after = asked.elapsed();
    assert!(after < Duration::from_millis(4500), "asked again after {after:?}");
    assert!(after >= Duration::from_secs(2), "asked again after {after:?}");
}

// camunda#60337
#[tokio::test]
async fn a_token_in_use_is_renewed_and_no_request_waits_for_it() {
    let (stand, _secrets) = scripted("cache: { active: 5s }").await;
    stand.issuer.calls_good("hot");
    assert_eq!(stand.token("hot").await.status, 200);
    let kept = Instant::now();
    stand.issuer.says("hot", Say::Hang);
    // Every one of these is answered, while nobody answers us.
    let asked = async || {
        assert_eq!(stand.token("hot").await.status, 200);
        (stand.issuer.calls() == 2).then_some(())
    };
    gatepost_test_support::wait::until("the renewal", asked).await.unwrap();
    assert_eq!(stand.token("hot").await.status, 200);
    assert!(kept.elapsed() < Duration::from_secs(5), "the machine is too busy to tell");
    stand.issuer.calls_good("hot");
    until_status(&stand, "calls", 2).await;
    stand.issuer.says("hot", Say::Hang);
    while kept.elapsed() < Duration::from_millis(5500) {
        assert_eq!(stand.token("hot").await.status, 200);
    }
    until_calls(&stand, 2).await;
}

#[tokio::test]
async fn a_token_that_nobody_uses_is_not_renewed() {
    let (stand, _secrets) = scripted("cache: { active: 1s }").await;
    stand.issuer.calls_good("once");
    assert_eq!(stand.token("once").await.status, 200);
    stand.issuer.calls_good("hot");
    let renewed = async || {
        assert_eq!(stand.token("hot").await.status, 200);
        (stand.issuer.calls_about("hot") == 4).then_some(())
    };
    gatepost_test_support::wait::until("three renewals", renewed).await.unwrap();
    assert_eq!(stand.issuer.calls_about("once"), 1);
}

// I4: RFC 7662 §4, whatever leeway the issuer's tokens have.
#[tokio::test]
async fn nothing_is_kept_beyond_the_end_of_a_token_even_where_it_is_taken_for_longer() {
    for unreachable in ["deny", "{ stale: 1h }"] {
        let server = IntrospectionServer::start().await.unwrap();
        let secrets = Secrets::with(SECRET);
        let lines = format!(
            "{}\ncache: {{ active: 5m, refresh_ahead: false }}\nwhen_unreachable: {unreachable}\n\
             limits: {{ failures: 1000 }}",
            secrets.basic()
        );
        let config = config_with(server.issuer(), "expiry_leeway: 60s", &lines);
        let stand = stand(server, config).await;
        let expires = gatepost_test_support::token::now() + 3;
        stand.issuer.says("token", Say::Json(stand.issuer.active_with(&[("exp", json!(expires))])));
        assert_eq!(stand.token("token").await.status, 200);
        stand.issuer.says("token", Say::status(500));
        until_token(&stand, "token", 503).await;
        assert!(gatepost_test_support::token::now() <= expires + 2, "{unreachable}");
    }
}
