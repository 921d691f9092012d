//! The real parts start, do what a test asks of them and end. Running these for the first time fetches Envoy
//! and oidc-provider.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gatepost_test_support::{
    AuthorizationServer, Endpoint, Envoy, EnvoyConfig, Fault, Format, Mint, Request, Upstream, wait,
};
use serde_json::{Value, json};

/// The header and the payload of a JWT.
fn decode(token: &str) -> (Value, Value) {
    let parts: Vec<_> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "{token}");
    let part = |part| serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (part(parts[0]), part(parts[1]))
}

async fn published(idp: &AuthorizationServer) -> Vec<String> {
    let jwks = Request::get("/jwks").send(idp.address()).await.unwrap().json().unwrap();
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn mints_an_access_token_with_each_algorithm() {
    let idp = AuthorizationServer::start().await.unwrap();
    for algorithm in ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"] {
        let token = idp.mint(Mint { algorithm, ..Mint::default() }).await.unwrap();
        let kid = idp.kid(algorithm).await.unwrap();
        assert_eq!(decode(&token).0, json!({ "alg": algorithm, "typ": "at+jwt", "kid": kid }));
    }
}

#[tokio::test]
async fn mints_what_it_is_asked_for() {
    let idp = AuthorizationServer::start().await.unwrap();
    let mint = Mint {
        audience: "https://billing.example.com",
        scope: "a b",
        ttl: Duration::from_secs(7),
        client: "batch",
        subject: Some("alice"),
        claims: json!({ "acr": "urn:example:mfa", "name": "Zoë" }),
        ..Mint::default()
    };
    let (_, payload) = decode(&idp.mint(mint).await.unwrap());
    assert_eq!(payload["iss"], idp.issuer());
    assert_eq!(payload["aud"], "https://billing.example.com");
    assert_eq!(payload["exp"].as_u64().unwrap() - payload["iat"].as_u64().unwrap(), 7);
    assert_eq!((&payload["client_id"], &payload["sub"]), (&json!("batch"), &json!("alice")));
    assert_eq!((&payload["scope"], &payload["name"]), (&json!("a b"), &json!("Zoë")));
}

#[tokio::test]
async fn an_opaque_token_is_active_until_it_is_revoked() {
    let idp = AuthorizationServer::start().await.unwrap();
    let mint = Mint { format: Format::Opaque, subject: Some("alice"), ..Mint::default() };
    let token = idp.mint(mint).await.unwrap();
    assert!(!token.contains('.'));
    let answer = idp.introspect(&token).await.unwrap();
    assert_eq!((&answer["active"], &answer["sub"]), (&json!(true), &json!("alice")));
    idp.revoke(&token, "web").await.unwrap();
    assert_eq!(idp.introspect(&token).await.unwrap(), json!({ "active": false }));
    assert_eq!(idp.introspection_requests().await.unwrap(), 2);
}

#[tokio::test]
async fn an_id_token_is_about_the_subject_and_for_the_client() {
    let idp = AuthorizationServer::start().await.unwrap();
    let (header, payload) = decode(&idp.id_token("web", "alice").await.unwrap());
    assert_eq!(header["typ"], Value::Null);
    assert_eq!((&payload["sub"], &payload["aud"]), (&json!("alice"), &json!("web")));
}

#[tokio::test]
async fn a_refused_token_request_says_why() {
    let idp = AuthorizationServer::start().await.unwrap();
    let error = idp.mint(Mint { algorithm: "none", ..Mint::default() }).await.unwrap_err().to_string();
    assert!(error.contains("server_error"), "{error}");
    let error = idp.rotate("HS256").await.unwrap_err().to_string();
    assert!(error.contains("no key for algorithm HS256"), "{error}");
}

#[tokio::test]
async fn a_key_is_rotated_in_published_late_and_removed() {
    let idp = AuthorizationServer::start().await.unwrap();
    let first = idp.kid("ES256").await.unwrap();
    let second = idp.rotate("ES256").await.unwrap();
    let third = idp.rotate_unpublished("ES256").await.unwrap();
    let token = idp.mint(Mint { algorithm: "ES256", ..Mint::default() }).await.unwrap();
    assert_eq!(decode(&token).0["kid"], third.as_str());
    assert!(!published(&idp).await.contains(&third));
    idp.publish(&third).await.unwrap();
    idp.unpublish(&first).await.unwrap();
    let kids = published(&idp).await;
    assert!(kids.contains(&second) && kids.contains(&third) && !kids.contains(&first), "{kids:?}");
    assert_eq!(idp.jwks_requests().await.unwrap(), 2);
}

#[tokio::test]
async fn the_jwks_has_an_etag_and_a_lifetime_when_a_test_says_so() {
    let idp = AuthorizationServer::start().await.unwrap();
    let jwks = Request::get("/jwks");
    assert_eq!(jwks.send(idp.address()).await.unwrap().header("etag"), None);
    idp.jwks_etag(true).await.unwrap();
    idp.jwks_cache_control(Some("max-age=3")).await.unwrap();
    let answer = jwks.send(idp.address()).await.unwrap();
    assert_eq!(answer.header("cache-control"), Some("max-age=3"));
    let known = jwks.header("If-None-Match", answer.header("etag").unwrap());
    assert_eq!(known.send(idp.address()).await.unwrap().status, 304);
    idp.rotate("ES256").await.unwrap();
    assert_eq!(known.send(idp.address()).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_endpoint_is_broken_until_it_is_healed() {
    let idp = AuthorizationServer::start().await.unwrap();
    let broken = Fault { status: Some(503), body: "{".into(), ..Fault::default() };
    idp.fault(Endpoint::Jwks, &broken).await.unwrap();
    let jwks = Request::get("/jwks");
    let answer = jwks.send(idp.address()).await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (503, "{"));
    idp.heal(Endpoint::Jwks).await.unwrap();
    assert_eq!(jwks.send(idp.address()).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_slow_endpoint_holds_its_requests_until_it_is_healed() {
    let idp = AuthorizationServer::start().await.unwrap();
    let slow = Fault { delay: Duration::from_secs(3600), ..Fault::default() };
    idp.fault(Endpoint::Jwks, &slow).await.unwrap();
    let jwks = Request::get("/jwks");
    let arrived = async || (idp.jwks_requests().await.unwrap() == 1).then_some(());
    let heal = async {
        wait::until("the request to arrive", arrived).await.unwrap();
        idp.heal(Endpoint::Jwks).await.unwrap();
    };
    let (answer, ()) = tokio::join!(jwks.send(idp.address()), heal);
    assert_eq!(answer.unwrap().status, 200);
}

#[tokio::test]
async fn it_goes_down_and_comes_back_at_its_port_with_its_keys() {
    let idp = AuthorizationServer::start().await.unwrap();
    let before = published(&idp).await;
    idp.stop().await.unwrap();
    assert!(Request::get("/jwks").send(idp.address()).await.is_err());
    idp.restart().await.unwrap();
    assert_eq!(published(&idp).await, before);
}

#[tokio::test]
async fn envoy_accepts_the_shipped_configuration_and_says_what_is_wrong_with_another() {
    Envoy::validate(&EnvoyConfig::shipped_path()).await.unwrap();
    Envoy::validate(&EnvoyConfig::gateway_path()).await.unwrap();
    let error = Envoy::validate(Path::new("/dev/null/envoy.yaml")).await.unwrap_err().to_string();
    assert!(error.contains("/dev/null/envoy.yaml"), "{error}");
}

#[tokio::test]
async fn envoy_fails_closed_when_nobody_answers_its_checks() {
    let upstream = Upstream::start().await.unwrap();
    let envoy = Envoy::start(Path::new("/nonexistent/authz.sock"), upstream.address()).await.unwrap();
    let answer = envoy.send(Request::get("/orders/7").host("orders.example.com")).await.unwrap();
    assert_eq!((answer.status, upstream.requests()), (503, 0));
    let errors =
        async || (envoy.stat("http.inbound.ext_authz.gatepost.error").await.unwrap() == 1).then_some(());
    wait::until("Envoy to count the error", errors).await.unwrap();
}

#[tokio::test]
async fn many_envoys_run_at_once() {
    let upstream = Upstream::start().await.unwrap();
    let dead = Path::new("/nonexistent/authz.sock");
    let start = || Envoy::start(dead, upstream.address());
    let (a, b, c) = tokio::join!(start(), start(), start());
    for envoy in [a, b, c] {
        assert_eq!(envoy.unwrap().send(Request::get("/")).await.unwrap().status, 503);
    }
}
