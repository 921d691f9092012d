//! Ory Hydra.

use gatepost::check::DenyReason::{AudienceMismatch, ClaimMissing, NotAnAccessToken};
use gatepost_test_support::Token;
use serde_json::{Value, json};

use super::{AUDIENCE, gate, logout, shaped};
use crate::gate::{Gate, NOW, Table};

const HYDRA: &str = "https://hydra.example.com";

fn hydra(aud: Value) -> Token {
    shaped(
        Some("JWT"),
        json!({
            "aud": aud, "client_id": "web", "ext": {}, "iss": HYDRA, "jti": "j", "nbf": NOW,
            "scp": ["orders:read"], "sub": "alice",
        }),
    )
}

#[test]
fn hydra_access_tokens_pass_and_its_id_and_logout_tokens_do_not() {
    let id = |aud: Value| {
        shaped(
            Some("JWT"),
            json!({
                "aud": aud, "iss": HYDRA, "jti": "j", "sub": "alice", "sid": "s", "rat": NOW, "auth_time": NOW,
            }),
        )
    };
    Table::of(&gate(HYDRA, "preset: hydra"))
        .allows("for us", &hydra(json!([AUDIENCE])))
        .refuses("for others", &hydra(json!(["https://billing.example.com"])), AudienceMismatch)
        .refuses("an ID token", &id(json!(["web"])), ClaimMissing)
        .refuses("an ID token for a client named like us", &id(json!([AUDIENCE])), ClaimMissing)
        .refuses("an ID token with at_hash", &id(json!([AUDIENCE])).claim("at_hash", "x"), NotAnAccessToken)
        .refuses("a logout token", &logout(Some("JWT"), HYDRA), NotAnAccessToken)
        .holds();
}

#[test]
fn hydra_tokens_for_nobody_are_refused() {
    let refused = Gate::token(&gate(HYDRA, "preset: hydra"), &hydra(json!([])).mint());
    assert!(crate::gate::outcome(&refused).is_err());
}

#[test]
fn hydra_tokens_for_nobody_pass_where_the_audience_is_waived() {
    let lines = "preset: hydra\naudiences: any\nrequire_claims: { client_id: web }";
    Table::of(&gate(HYDRA, lines)).allows("an empty list", &hydra(json!([]))).holds();
}
