//! Keycloak, measured with 26.7.4.

use gatepost::check::DenyReason::{
    AlgorithmNotAccepted, AudienceMismatch, ClaimMalformed, ClaimMissing, IssuerUnknown, NotAnAccessToken,
    RequiredClaimMismatch, TypeNotAccepted,
};
use gatepost_test_support::{Signer, Token};
use serde_json::{Value, json};

use super::{AUDIENCE, gate, logout, shaped};
use crate::gate::{Gate, Table, issuer};

pub(super) const KEYCLOAK: &str = "https://idp.example.com/realms/corp";

pub(super) fn keycloak(aud: Value, typ: &str) -> Token {
    shaped(
        Some("JWT"),
        json!({
            "iss": KEYCLOAK, "aud": aud, "sub": "4f5d", "typ": typ, "azp": "web", "sid": "s-1", "acr": "1",
            "jti": "onrtac:1", "scope": "openid orders:read profile", "allowed-origins": ["/*"],
            "realm_access": { "roles": ["offline_access"] },
            "resource_access": { "account": { "roles": ["manage-account"] } },
        }),
    )
}

#[test]
fn keycloak_access_tokens_pass_and_its_id_refresh_and_logout_tokens_do_not() {
    let ours = || keycloak(json!([AUDIENCE, "account"]), "Bearer");
    Table::of(&gate(KEYCLOAK, "preset: keycloak"))
        .allows("of a session", &ours())
        .allows("as RFC 9068", &ours().header("typ", "at+jwt"))
        .allows("of a service account", &ours().without("sid").claim("client_id", "web"))
        .allows("without the scope `basic`, so without sub", &ours().without("sub"))
        .refuses(
            "before an audience mapper is added",
            &keycloak(json!("account"), "Bearer"),
            AudienceMismatch,
        )
        .refuses("without any audience", &ours().without("aud"), ClaimMissing)
        .refuses("two clients", &ours().claim("client_id", "batch"), ClaimMalformed)
        .refuses("an ID token", &keycloak(json!(AUDIENCE), "ID"), RequiredClaimMismatch)
        .refuses(
            "an ID token with at_hash",
            &keycloak(json!(AUDIENCE), "ID").claim("at_hash", "x"),
            NotAnAccessToken,
        )
        .refuses(
            "a refresh token",
            &keycloak(json!(KEYCLOAK), "Refresh").hs256("s").alg("HS512"),
            AlgorithmNotAccepted,
        )
        .refuses(
            "a refresh token signed like others",
            &keycloak(json!(AUDIENCE), "Refresh"),
            RequiredClaimMismatch,
        )
        .refuses("an offline token", &keycloak(json!(AUDIENCE), "Offline"), RequiredClaimMismatch)
        .refuses("a logout token", &logout(Some("JWT"), KEYCLOAK), NotAnAccessToken)
        .refuses("a logout token by its type", &logout(Some("logout+jwt"), KEYCLOAK), TypeNotAccepted)
        .refuses("a token without payload typ", &ours().without("typ"), ClaimMissing)
        .refuses("another realm", &ours().claim("iss", "https://idp.example.com/realms/other"), IssuerUnknown)
        .holds();
}

// Measured: the key set holds an encryption key beside the signing key.
#[test]
fn keycloak_key_sets_are_read_past_their_encryption_key() {
    let mut encryption = Signer::generate("RS256").jwk();
    encryption["use"] = "enc".into();
    encryption["alg"] = "RSA-OAEP".into();
    let set = json!({ "keys": [encryption, Signer::shared("RS256").jwk()] });
    let gate = Gate::with_issuers(&issuer(KEYCLOAK, "preset: keycloak"), &[&set]);
    Table::of(&gate).allows("signed by the other", &keycloak(json!([AUDIENCE]), "Bearer")).holds();
}
