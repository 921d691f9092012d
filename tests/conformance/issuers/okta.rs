//! Okta custom authorization servers.

use gatepost::check::DenyReason::{
    ClaimMalformed, ClaimMissing, NotAnAccessToken, ScopeInsufficient, TypeNotAccepted,
};
use serde_json::json;

use super::{AUDIENCE, gate, logout, shaped};
use crate::gate::{NOW, Table};

const OKTA: &str = "https://corp.okta.com/oauth2/default";

#[test]
fn okta_access_tokens_pass_and_its_id_and_logout_tokens_do_not() {
    let user = || {
        shaped(
            None,
            json!({
                "ver": 1, "jti": "AT.1", "iss": OKTA, "aud": AUDIENCE, "cid": "0oa1", "uid": "00u1",
                "scp": ["openid", "orders:read"], "sub": "alice@example.com",
            }),
        )
    };
    let id = |aud: &str| {
        shaped(
            None,
            json!({
                "ver": 1, "jti": "ID.1", "iss": OKTA, "aud": aud, "sub": "00u1", "amr": ["pwd"], "idp": "00o1",
                "nonce": "n", "auth_time": NOW - 5, "name": "alice",
            }),
        )
    };
    Table::of(&gate(OKTA, "preset: okta"))
        .allows("of a user", &user())
        .allows("of a machine", &user().without("uid").claim("sub", "0oa1"))
        .refuses("with a type", &user().header("typ", "JWT"), TypeNotAccepted)
        .refuses(
            "scopes that are not strings",
            &user().claim("scp", json!(["orders:read", 1])),
            ClaimMalformed,
        )
        .refuses(
            "scope in place of scp",
            &user().without("scp").claim("scope", "orders:read"),
            ScopeInsufficient,
        )
        .refuses("an ID token", &id("0oa1"), ClaimMissing)
        .refuses("an ID token for a client named like us", &id(AUDIENCE), ClaimMissing)
        .refuses("an ID token with at_hash", &id(AUDIENCE).claim("at_hash", "x"), NotAnAccessToken)
        .refuses("a logout token", &logout(None, OKTA), NotAnAccessToken)
        .holds();
}
