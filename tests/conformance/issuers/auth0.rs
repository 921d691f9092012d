//! Auth0: its default profile and its RFC 9068 profile.

use gatepost::check::DenyReason::{
    ClaimMalformed, ClaimMissing, IssuerUnknown, NotAnAccessToken, ScopeInsufficient, TypeNotAccepted,
};
use serde_json::json;

use super::{AUDIENCE, gate, logout, shaped};
use crate::gate::{Table, good};

const AUTH0: &str = "https://corp.eu.auth0.com/";

#[test]
fn auth0_access_tokens_pass_and_its_id_and_logout_tokens_do_not() {
    let user = || {
        shaped(
            Some("JWT"),
            json!({
                "iss": AUTH0, "sub": "auth0|1", "aud": [AUDIENCE, "https://corp.eu.auth0.com/userinfo"],
                "azp": "my-client", "scope": "openid profile orders:read", "permissions": ["orders:list"],
            }),
        )
    };
    let id = |aud: &str| {
        shaped(
            Some("JWT"),
            json!({
                "iss": AUTH0, "sub": "auth0|1", "aud": aud, "nonce": "n", "sid": "s", "nickname": "alice",
            }),
        )
    };
    Table::of(&gate(AUTH0, "preset: auth0"))
        .allows("of a user", &user())
        .allows("of a machine", &user().claim("sub", "my-client@clients").claim("gty", "client-credentials"))
        .allows(
            "whose permissions are its scopes",
            &user().claim("scope", "openid").claim("permissions", json!(["orders:read"])),
        )
        .refuses(
            "permissions that are no list",
            &user().claim("permissions", json!({ "orders:read": 1 })),
            ClaimMalformed,
        )
        .refuses("neither has it", &user().claim("scope", "openid"), ScopeInsufficient)
        .refuses("an ID token", &id("my-client"), ClaimMissing)
        .refuses("an ID token for a client named like us", &id(AUDIENCE), ClaimMissing)
        .refuses("a logout token", &logout(Some("logout+jwt"), AUTH0), TypeNotAccepted)
        .refuses("a logout token called JWT", &logout(Some("JWT"), AUTH0), NotAnAccessToken)
        .refuses("without the slash", &user().claim("iss", "https://corp.eu.auth0.com"), IssuerUnknown)
        .holds();
    let without_slash = gate("https://corp.eu.auth0.com", "preset: auth0");
    assert!(without_slash.warnings.iter().any(|problem| problem.what.contains("slash")));
}

#[test]
fn auth0_with_its_rfc_9068_profile_needs_no_preset() {
    let profile = good().claim("iss", AUTH0).claim("permissions", json!(["x"]));
    Table::of(&gate(AUTH0, "")).allows("RFC 9068", &profile).holds();
}
