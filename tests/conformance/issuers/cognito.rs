//! Amazon Cognito, whose access tokens have no audience.

use gatepost::check::DenyReason::{ClaimMissing, NotAnAccessToken, RequiredClaimMismatch, TypeNotAccepted};
use serde_json::json;

use super::{AUDIENCE, gate, logout, shaped};
use crate::gate::{Gate, NOW, Table, issuer};

const COGNITO: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example";

#[test]
fn cognito_access_tokens_pass_and_its_id_tokens_do_not() {
    let access = || {
        shaped(
            None,
            json!({
                "sub": "aaaa", "cognito:groups": ["staff"], "iss": COGNITO, "version": 2, "client_id": "web",
                "origin_jti": "o", "event_id": "e", "token_use": "access", "scope": "openid orders:read",
                "auth_time": NOW - 5, "jti": "j", "username": "alice",
            }),
        )
    };
    let id = || {
        shaped(
            None,
            json!({
                "sub": "aaaa", "cognito:groups": ["staff"], "iss": COGNITO, "cognito:username": "alice",
                "origin_jti": "o", "aud": "web", "event_id": "e", "token_use": "id", "auth_time": NOW - 5, "jti": "j",
            }),
        )
    };
    let lines =
        "preset: cognito\naudiences: any\nrequire_claims: { token_use: access, client_id: [web, batch] }";
    Table::of(&gate(COGNITO, lines))
        .allows("without an audience", &access())
        .allows("of the other client", &access().claim("client_id", "batch"))
        .refuses("of a stranger's client", &access().claim("client_id", "stranger"), RequiredClaimMismatch)
        .refuses("an ID token", &id(), ClaimMissing)
        .refuses("an ID token with a client_id", &id().claim("client_id", "web"), RequiredClaimMismatch)
        .refuses("with a type", &access().header("typ", "JWT"), TypeNotAccepted)
        .refuses("a logout token", &logout(None, COGNITO), NotAnAccessToken)
        .holds();
    Table::of(&gate(COGNITO, "preset: cognito"))
        .refuses("no preset waives the audience by itself", &access(), ClaimMissing)
        .allows("with a resource", &access().claim("aud", AUDIENCE))
        .holds();
}

// issuers.md: "A preset never waives the audience by itself except Cognito's, which then demands
// `client_claims` values."
#[test]
fn cognito_without_audiences_demands_the_clients() {
    let lines = issuer(COGNITO, "preset: cognito\naudiences: any");
    let loaded = Gate::try_load(
        &format!("issuers:\n{lines}"),
        "rules: [{ name: a, match: { path: /** }, require: {} }]",
        &[],
    );
    assert!(loaded.is_err(), "any client of the pool would pass, and nothing says that this is meant");
}
