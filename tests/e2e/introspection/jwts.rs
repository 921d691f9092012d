//! Promise: a JWT is shown to its issuer only where a rule says so, each time or once in a while as the rule says,
//! and one that the issuer calls inactive though it verifies is refused and told of.

use gatepost_test_support::{IntrospectionServer, Say, Token};
use serde_json::{Value, json};

use super::{SECRET, Scripted, Secrets, assert_outage, config, stand};
use crate::stand::get;

const POLICY: &str = "
rules:
  - name: pay
    match: { path: /payments }
    require: { scopes: [orders:read], introspect: always }
  - name: list
    match: { path: /list }
    require: { scopes: [orders:read], introspect: cached }
  - name: read orders
    match: { path: /orders/** }
    require: { scopes: [orders:read] }
";

async fn jwts() -> (Scripted, Secrets) {
    let server = IntrospectionServer::start().await.unwrap();
    let secrets = Secrets::with(SECRET);
    let config = config(server.issuer(), &secrets.basic()).policy(POLICY);
    (stand(server, config).await, secrets)
}

async fn ask(stand: &Scripted, target: &str, token: &str) -> u16 {
    stand.send(get(target).bearer(token)).await.status
}

#[tokio::test]
async fn a_jwt_is_asked_about_as_often_as_the_rule_says() {
    let (stand, _secrets) = jwts().await;
    let token = stand.issuer.token().mint();
    stand.issuer.calls_good(&token);
    for _ in 0..3 {
        assert_eq!(ask(&stand, "/orders/7", &token).await, 200);
    }
    assert_eq!(stand.issuer.calls(), 0, "not where no rule says so");
    for _ in 0..3 {
        assert_eq!(ask(&stand, "/list", &token).await, 200);
    }
    assert_eq!(stand.issuer.calls(), 1, "cached");
    for _ in 0..3 {
        assert_eq!(ask(&stand, "/payments", &token).await, 200);
    }
    assert_eq!(stand.issuer.calls(), 4, "always");
    stand.issuer.says(&token, Say::inactive());
    assert_eq!(ask(&stand, "/payments", &token).await, 401);
    assert_eq!(ask(&stand, "/list", &token).await, 401, "the newest answer counts everywhere");
    assert_eq!(ask(&stand, "/orders/7", &token).await, 200);
    stand.issuer.says(&token, Say::status(500));
    assert_outage(&stand.send(get("/payments").bearer(&token)).await, "no answer");
}

// I9
#[tokio::test]
async fn a_jwt_that_does_not_verify_is_never_shown_to_the_issuer() {
    let (stand, _secrets) = jwts().await;
    stand.issuer.says_of_others(Say::Json(stand.issuer.active()));
    let good = || stand.issuer.token();
    for token in [
        good().signature([1]),
        good().claim("exp", 1),
        good().header("typ", "JWT"),
        good().header("kid", "invented"),
        good().alg("none"),
        good().claim("aud", "https://billing.example.com"),
        Token::good(),
    ] {
        for target in ["/payments", "/list", "/orders/7"] {
            assert_eq!(ask(&stand, target, &token.mint()).await, 401);
        }
    }
    assert_eq!((stand.issuer.calls(), stand.upstream.requests()), (0, 0));
}

#[tokio::test]
async fn a_jwt_that_verifies_and_is_called_inactive_is_told_of() {
    let (mut stand, _secrets) = jwts().await;
    let token = stand.issuer.token().mint();
    for _ in 0..2 {
        assert_eq!(ask(&stand, "/payments", &token).await, 401);
    }
    assert_eq!(stand.gatepost.checks("token_inactive").await, 2);
    let metric = r#"gatepost_introspection_inactive_though_verified_total{issuer="test"}"#;
    assert_eq!(stand.gatepost.metric(metric).await, 2);
    let told = |line: &str| line.contains("inactive whose signature verifies") && line.contains("audience");
    let line = stand.gatepost.process.line("the log line", told).await.unwrap();
    assert!(line.contains("gatepost check --online") && line.contains("\"issuer\":\"test\""), "{line}");
    assert!(!line.contains(&token));
    let count = stand.gatepost.process.log().lines().filter(|line| told(line)).count();
    assert_eq!(count, 1, "told of once a minute");

    assert_eq!(ask(&stand, "/orders/7", "opaque").await, 401);
    assert_eq!(stand.gatepost.metric(metric).await, 2, "nothing is known of an opaque one");
}

#[tokio::test]
async fn an_answer_about_a_jwt_can_only_take_away() {
    let (stand, _secrets) = jwts().await;
    let with = |members: &[(&str, Value)]| Say::Json(stand.issuer.active_with(members));
    for (name, scope, said, status) in [
        ("the same", "orders:read", with(&[]), 200),
        ("narrowed", "orders:read", with(&[("scope", json!("orders:list"))]), 403),
        ("more", "orders:list", with(&[("scope", json!("orders:read orders:list"))]), 403),
        ("another subject", "orders:read", with(&[("sub", json!("bob"))]), 401),
        ("bound", "orders:read", with(&[("cnf", json!({ "jkt": "x" }))]), 401),
    ] {
        let token = stand.issuer.token().claim("scope", scope).mint();
        stand.issuer.says(&token, said);
        assert_eq!(ask(&stand, "/payments", &token).await, status, "{name}");
    }
}
