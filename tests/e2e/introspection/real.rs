//! Promise: with a real authorization server an opaque token passes while the server says so, and no longer than
//! `cache.active` after it was revoked.

use std::time::Duration;

use gatepost_test_support::{AuthorizationServer, Fault, Format, Mint, Request};
use serde_json::json;
use tokio::time::Instant;

use super::{ASKED, Secrets, assert_outage, config, stand, status, until_token};
use crate::stand::{HOST, Stand, get, seen};

/// For a busy machine.
const MARGIN: Duration = Duration::from_millis(1500);

pub async fn with_server(lines: &str) -> (Stand<AuthorizationServer>, Secrets) {
    let server = AuthorizationServer::start().await.unwrap();
    let secrets = Secrets::with(server.secret("gatepost"));
    let config = config(&server.issuer(), &format!("{}\n{lines}", secrets.basic()));
    (stand(server, config).await, secrets)
}

pub fn opaque() -> Mint<'static> {
    Mint { format: Format::Opaque, subject: Some("alice"), ..Mint::default() }
}

#[tokio::test]
async fn an_opaque_token_passes_and_the_service_is_told_who_it_is() {
    let (stand, _secrets) = with_server("").await;
    let token = stand.issuer.mint(opaque()).await.unwrap();
    let answer = stand.token(&token).await;
    assert_eq!(answer.status, 200, "{}", stand.gatepost.process.log());
    for (name, expected) in
        [("x-subject", "alice"), ("x-client-id", "web"), ("x-scopes", "orders:read"), ("x-tenant", "")]
    {
        let expected: Vec<_> = Some(expected).filter(|text| !text.is_empty()).into_iter().collect();
        assert_eq!(seen(&answer, name), expected, "{name}");
    }
    assert_eq!(stand.token(&token).await.status, 200);
    assert_eq!(stand.issuer.introspection_requests().await.unwrap(), 1);
    let post = Request::post("/orders/7").host(HOST).bearer(&token);
    assert_eq!(stand.send(post).await.status, 403, "the same answer, another rule");
    assert_eq!(stand.issuer.introspection_requests().await.unwrap(), 1);
}

#[tokio::test]
async fn tokens_that_are_not_for_this_service_are_refused() {
    let (stand, _secrets) = with_server("").await;
    let mint = async |mint| stand.issuer.mint(mint).await.unwrap();
    let elsewhere = mint(Mint { audience: "https://billing.example.com", ..opaque() }).await;
    let nowhere = mint(Mint { audience: "", ..opaque() }).await;
    let weak = mint(Mint { scope: "orders:list", ..opaque() }).await;
    let revoked = mint(opaque()).await;
    stand.issuer.revoke(&revoked, "web").await.unwrap();
    for (token, status) in [(&*elsewhere, 401), (&nowhere, 401), (&weak, 403), (&revoked, 401), ("no", 401)] {
        assert_eq!(stand.token(token).await.status, status, "{token}");
    }
    assert_eq!(stand.upstream.requests(), 0);
}

#[tokio::test]
async fn a_revoked_token_is_refused_after_at_most_the_time_that_answers_are_kept() {
    const ACTIVE: Duration = Duration::from_secs(2);
    let (stand, _secrets) = with_server("cache: { active: 2s }").await;
    let token = stand.issuer.mint(opaque()).await.unwrap();
    assert_eq!(stand.token(&token).await.status, 200);
    stand.issuer.revoke(&token, "web").await.unwrap();
    let revoked = Instant::now();
    let answer = until_token(&stand, &token, 401).await;
    let after = revoked.elapsed();
    assert!(after <= ACTIVE + MARGIN, "refused {after:?} after it was revoked");
    assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer error="invalid_token""#));
    assert!(stand.gatepost.checks("token_inactive").await >= 1);
}

#[tokio::test]
async fn an_expired_token_is_refused_however_long_answers_are_kept() {
    let (stand, _secrets) = with_server("cache: { active: 1h }").await;
    let lived = Instant::now();
    let token = stand.issuer.mint(Mint { ttl: Duration::from_secs(3), ..opaque() }).await.unwrap();
    assert_eq!(stand.token(&token).await.status, 200);
    until_token(&stand, &token, 401).await;
    assert!(lived.elapsed() <= Duration::from_secs(4) + MARGIN);
}

// I7
#[tokio::test]
async fn signed_answers_of_the_real_server_are_taken() {
    let (stand, _secrets) = with_server("signed: required\ncache: { active: 0s }").await;
    let token = stand.issuer.mint(opaque()).await.unwrap();
    let answer = stand.token(&token).await;
    assert_eq!(answer.status, 200, "{}", stand.gatepost.process.log());
    assert_eq!(seen(&answer, "x-subject"), ["alice"]);
    assert_eq!(stand.token("unknown").await.status, 401);
    // The server may rotate the key that signs answers too.
    stand.issuer.rotate("RS256").await.unwrap();
    assert_eq!(stand.token(&token).await.status, 200, "{}", stand.gatepost.process.log());
    let plain = Fault { status: Some(200), body: json!({ "active": true }).to_string(), ..Fault::default() };
    stand.issuer.fault(ASKED, &plain).await.unwrap();
    assert_outage(&stand.token(&token).await, "an answer that is not signed");
}

// I1
#[tokio::test]
async fn both_ways_to_send_a_secret_are_understood() {
    let server = AuthorizationServer::start().await.unwrap();
    let secrets = Secrets::with(server.secret("gatepost-post"));
    let client = format!(
        "client: {{ id: gatepost-post, auth: client_secret_post, secret_file: {} }}",
        secrets.path("secret")
    );
    let config = config(&server.issuer(), &client);
    let stand = stand(server, config).await;
    let token = stand.issuer.mint(opaque()).await.unwrap();
    assert_eq!(stand.token(&token).await.status, 200, "{}", stand.gatepost.process.log());
}

#[tokio::test]
async fn a_server_that_stops_is_used_again_when_it_is_back() {
    let (stand, _secrets) = with_server("cache: { active: 2s }\nlimits: { suspend: 100ms }").await;
    let token = stand.issuer.mint(opaque()).await.unwrap();
    assert_eq!(stand.token(&token).await.status, 200);
    stand.issuer.stop().await.unwrap();
    assert_eq!(stand.token(&token).await.status, 200, "the kept answer serves on");
    assert_outage(&until_token(&stand, &token, 503).await, "and no longer");
    assert_outage(&stand.token("another").await, "a token that was never seen");
    assert!(status(&stand).await["last_error"].as_str().unwrap().contains("refused"));
    assert_eq!(stand.send(get("/healthz")).await.status, 200);
    stand.issuer.restart().await.unwrap();
    until_token(&stand, &token, 200).await;
    assert!(status(&stand).await["last_error"].is_null());
}
