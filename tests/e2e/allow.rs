//! Promise: what a real authorization server (oidc-provider) issues as an access token for this service passes,
//! and nothing else that it issues does.

use std::time::Duration;

use gatepost_test_support::{AuthorizationServer, Format, Mint};
use serde_json::json;

use crate::stand::{Config, Stand, orders, seen};
use crate::table::{INVALID_TOKEN, NOT_READ, assert_refused, refused};

/// With a real authorization server.
async fn real() -> Stand<AuthorizationServer> {
    let idp = AuthorizationServer::start().await.unwrap();
    let config = Config::trusting(&idp.issuer());
    Stand::ready(idp, config).await
}

#[tokio::test]
async fn tokens_of_every_algorithm_of_a_real_authorization_server_pass() {
    let stand = real().await;
    for algorithm in ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"] {
        let token = stand.issuer.mint(Mint { algorithm, ..Mint::default() }).await.unwrap();
        assert_eq!(stand.token(&token).await.status, 200, "{algorithm}");
    }
    assert_eq!(
        stand.issuer.jwks_requests().await.unwrap(),
        1,
        "keys are read in the background, not for each check"
    );
    assert_eq!(stand.upstream.requests(), 7);
}

#[tokio::test]
async fn the_service_is_told_who_asks() {
    let stand = real().await;
    let mint = Mint {
        subject: Some("alice"),
        scope: "orders:read orders:write",
        client: "batch",
        claims: json!({ "tenant": "acme" }),
        ..Mint::default()
    };
    let answer = stand.token(&stand.issuer.mint(mint).await.unwrap()).await;
    assert_eq!(seen(&answer, "x-subject"), ["alice"]);
    assert_eq!(seen(&answer, "x-scopes"), ["orders:read orders:write"]);
    assert_eq!(seen(&answer, "x-client-id"), ["batch"]);
    assert_eq!(seen(&answer, "x-tenant"), ["acme"]);
}

#[tokio::test]
async fn the_request_itself_reaches_the_service_as_it_came() {
    let stand = real().await;
    let token = stand.issuer.mint(Mint::default()).await.unwrap();
    let request = crate::stand::get("/orders/a%20b?x=1&y=%2F").bearer(&token).header("x-own", "1");
    let answer = stand.send(request).await;
    let description = answer.json().unwrap();
    assert_eq!(
        (&description["method"], &description["target"]),
        (&json!("GET"), &json!("/orders/a%20b?x=1&y=%2F"))
    );
    assert_eq!(seen(&answer, "x-own"), ["1"]);
    assert_eq!(seen(&answer, "authorization"), [format!("Bearer {token}")]);
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case() {
    let stand = real().await;
    let token = stand.issuer.mint(Mint::default()).await.unwrap();
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let request = orders().header("Authorization", format!("{scheme} {token}"));
        assert_eq!(stand.send(request).await.status, 200, "{scheme}");
    }
}

#[tokio::test]
async fn whatever_else_the_authorization_server_issues_does_not_pass() {
    let stand = real().await;
    let mint = async |mint: Mint<'_>| orders().bearer(&stand.issuer.mint(mint).await.unwrap());
    let id_token = stand.issuer.id_token("web", "alice").await.unwrap();
    let opaque = Mint { format: Format::Opaque, ..Mint::default() };
    let elsewhere = Mint { audience: "https://billing.example.com", ..Mint::default() };
    let write = Mint { scope: "orders:write", ..Mint::default() };
    let no_scope = Mint { scope: "", ..Mint::default() };
    assert_refused(
        &stand,
        vec![
            refused("an ID token", orders().bearer(&id_token), 401, INVALID_TOKEN),
            refused("an opaque token", mint(opaque).await, 401, INVALID_TOKEN),
            refused("a token for another service", mint(elsewhere).await, 401, INVALID_TOKEN),
            refused("a token with another scope", mint(write).await, 403, NOT_READ),
            refused("a token without a scope", mint(no_scope).await, 403, NOT_READ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_token_passes_until_it_expires() {
    let stand = real().await;
    let mint = Mint { ttl: Duration::from_secs(1), ..Mint::default() };
    let token = stand.issuer.mint(mint).await.unwrap();
    let refused = async || (stand.token(&token).await.status == 401).then_some(());
    gatepost_test_support::wait::until("its expiry", refused).await.unwrap();
    assert!(stand.gatepost.checks("token_expired").await > 0);
}

#[tokio::test]
async fn keys_that_a_real_authorization_server_rotates_are_followed() {
    let stand = real().await;
    let mint = async || stand.issuer.mint(Mint { algorithm: "ES256", ..Mint::default() }).await.unwrap();
    let before = mint().await;
    stand.issuer.rotate("ES256").await.unwrap();
    let after = mint().await;
    assert_eq!(stand.token(&after).await.status, 200, "a new key at its first use");
    assert_eq!(stand.token(&before).await.status, 200, "the old key while it is published");
}
