//! Promise: with its preset, each well-known authorization server's access tokens pass as they really look,
//! and its other tokens do not (issuers.md; RFC 8725 §3.11, §3.12).

mod auth0;
mod cognito;
mod entra;
mod hydra;
mod keycloak;
mod okta;

use gatepost::check::DenyReason::{
    ClaimMissing, NotAnAccessToken, RequiredClaimMismatch, ScopeInsufficient, TokenOpaque, TypeNotAccepted,
};
use gatepost::config::Preset;
use gatepost_test_support::{Signer, Token, token};
use serde_json::{Value, json};

use self::keycloak::{KEYCLOAK, keycloak};
use crate::gate::{Gate, NOW, Table, good, issuer};

const AUDIENCE: &str = Token::AUDIENCE;

/// A gate for this issuer with these lines.
fn gate(identifier: &str, lines: &str) -> Gate {
    Gate::with_issuers(&issuer(identifier, lines), &[&token::jwks([&Signer::shared("RS256")])])
}

/// A token with this `typ` and these claims, besides `iat` and `exp`.
fn shaped(typ: Option<&str>, mut claims: Value) -> Token {
    claims["iat"] = NOW.into();
    claims["exp"] = (NOW + 300).into();
    let token = good().only_claims(claims);
    match typ {
        Some(typ) => token.header("typ", typ),
        None => token.without_header("typ"),
    }
}

/// Back-Channel Logout 1.0 §2.4, as the server would send it.
fn logout(typ: Option<&str>, iss: &str) -> Token {
    shaped(
        typ,
        json!({
            "iss": iss, "aud": AUDIENCE, "jti": "1", "sub": "alice", "sid": "s",
            "azp": "web", "client_id": "web", "cid": "web", "tid": "t", "ver": "2.0", "token_use": "access",
            "typ": "Bearer", "scope": "orders:read", "scp": ["orders:read"],
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        }),
    )
}

#[test]
fn every_preset_is_tested_here() {
    let names = Preset::all().map(|preset| preset.name);
    assert_eq!(names, ["rfc9068", "keycloak", "auth0", "okta", "entra", "cognito", "hydra"]);
}

#[test]
fn rfc9068_is_what_one_gets_without_a_preset() {
    let named = Gate::with_issuer("preset: rfc9068");
    Table::of(&named)
        .allows("at+jwt", &good())
        .refuses("JWT", &good().header("typ", "JWT"), TypeNotAccepted)
        .refuses("a logout token", &logout(Some("logout+jwt"), Token::ISSUER), TypeNotAccepted)
        .refuses("a logout token called at+jwt", &logout(Some("at+jwt"), Token::ISSUER), NotAnAccessToken)
        .holds();
}

#[test]
fn opaque_tokens_of_google_and_github_are_refused_as_such() {
    Table::of(&gate(Token::ISSUER, ""))
        .refuses_text("Google", "ya29.a0AfH6SMBexample-Example_token", TokenOpaque)
        .refuses_text("GitHub", "gho_16C7e42F292c6912E7710c838347Ae178B4a", TokenOpaque)
        .holds();
}

#[test]
fn what_is_written_beside_a_preset_wins() {
    let lines = "preset: keycloak\ntoken_types: [at+jwt]\nscope_claims: [roles]\nclient_claims: [cid]\nmandatory_claims: [cid]\nrequire_claims: { typ: access, tenant: acme }";
    let token = || {
        good()
            .claim("iss", KEYCLOAK)
            .claim("typ", "access")
            .claim("cid", "web")
            .claim("tenant", "acme")
            .claim("roles", json!(["orders:read"]))
    };
    Table::of(&gate(KEYCLOAK, lines))
        .allows("all of it", &token())
        .refuses("the type", &token().header("typ", "JWT"), TypeNotAccepted)
        .refuses("the claim", &token().claim("tenant", "other"), RequiredClaimMismatch)
        .refuses("the preset's value of it", &token().claim("typ", "Bearer"), RequiredClaimMismatch)
        .refuses("the client", &token().without("cid"), ClaimMissing)
        .refuses("the scopes", &token().without("roles"), ScopeInsufficient)
        .holds();
}

#[test]
fn claims_required_beside_a_preset_are_required_too() {
    let gate = gate(KEYCLOAK, "preset: keycloak\nrequire_claims: { tenant: acme }");
    let token = || keycloak(json!(AUDIENCE), "Bearer").claim("tenant", "acme");
    Table::of(&gate)
        .allows("both", &token())
        .refuses("the preset's alone", &token().without("tenant"), ClaimMissing)
        .refuses("the other alone", &token().claim("typ", "ID"), RequiredClaimMismatch)
        .holds();
}

#[test]
fn required_values_are_compared_exactly() {
    let gate = Gate::with_issuer("require_claims: { text: [a, b], number: 1, flag: true }");
    let token = || good().claim("text", "a").claim("number", 1).claim("flag", true);
    let mut table = Table::of(&gate).allows("all", &token()).allows("the other", &token().claim("text", "b"));
    for (name, value) in [
        ("text", json!("A")),
        ("text", json!("a ")),
        ("text", json!(["a"])),
        ("text", json!("a b")),
        ("number", json!("1")),
        ("number", json!(2)),
        ("flag", json!("true")),
        ("flag", json!(false)),
        ("flag", json!(null)),
    ] {
        table = table.refuses(&format!("{name} {value}"), &token().claim(name, value), RequiredClaimMismatch);
    }
    table.holds();
}
