//! Promise: by default exactly the access tokens of RFC 9068 are taken (standards.md A.2).

use gatepost::check::DenyReason::{
    ClaimMalformed, ClaimMissing, NotAnAccessToken, ScopeInsufficient, TokenBound, TokenEncrypted,
    TypeNotAccepted,
};
use gatepost::check::{CheckInput, Decision, DenyReason};
use serde_json::{Value, json};

use crate::gate::{Gate, STRICT, Table, bearer, get, good, outcome};

/// Types that name another kind of token.
const FOREIGN_TYPES: [&str; 16] = [
    "logout+jwt",
    "secevent+jwt",
    "dpop+jwt",
    "token-introspection+jwt",
    "statuslist+jwt",
    "client-authentication+jwt",
    "oauth-authz-req+jwt",
    "id_token+jwt",
    "rt+jwt",
    "JOSE",
    "JWE",
    "kb+jwt",
    "dc+sd-jwt",
    "entity-statement+jwt",
    "application/logout+jwt",
    "refresh",
];

// T1
#[test]
fn takes_the_type_of_access_tokens_in_any_case_and_no_other() {
    let mut table = Table::of(&STRICT);
    for typ in ["at+jwt", "at+JWT", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
        table = table.allows(typ, &good().header("typ", typ));
    }
    for typ in FOREIGN_TYPES.into_iter().chain([
        "JWT",
        "jwt",
        "application/jwt",
        "at",
        "at+jwt ",
        " at+jwt",
        "at+jwt;v=1",
        "at-jwt",
        "application/application/at+jwt",
        "text/at+jwt",
        "application/at+jwt/x",
        "",
        "none",
    ]) {
        table = table.refuses(&format!("{typ:?}"), &good().header("typ", typ), TypeNotAccepted);
    }
    table.refuses("none at all", &good().without_header("typ"), TypeNotAccepted).holds();
}

// T1: RFC 8725 §3.11, §3.12
#[test]
fn no_leniency_takes_the_type_of_another_kind_of_token() {
    let gate = Gate::with_issuer("token_types: [at+jwt, JWT, none]");
    let mut table = Table::of(&gate)
        .allows("JWT", &good().header("typ", "JWT"))
        .allows("application/jwt", &good().header("typ", "application/jwt"))
        .allows("no type", &good().without_header("typ"));
    for typ in FOREIGN_TYPES {
        table = table.refuses(typ, &good().header("typ", typ), TypeNotAccepted);
    }
    table.holds();
    for typ in FOREIGN_TYPES {
        let lines = crate::gate::issuer("https://a", &format!("token_types: [{typ:?}]"));
        assert!(Gate::try_load(&format!("issuers:\n{lines}"), "rules: []", &[]).is_err(), "{typ}");
    }
}

// T1, T2
#[test]
fn with_a_type_that_says_nothing_the_claims_of_other_tokens_refuse_it() {
    let gate = Gate::with_issuer("token_types: [at+jwt, JWT, none]");
    let mut table = Table::of(&gate);
    for (name, value) in [
        ("at_hash", json!("x")),
        ("c_hash", json!("x")),
        ("s_hash", json!("x")),
        ("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} })),
        ("token_introspection", json!({ "active": true })),
        ("htu", json!("https://orders.example.com/orders")),
    ] {
        let token = good().header("typ", "JWT").claim(name, value);
        table = table.refuses(name, &token, NotAnAccessToken);
    }
    table.holds();
}

// T2
#[test]
fn asks_for_every_claim_that_rfc_9068_makes_mandatory() {
    let mut table = Table::of(&STRICT);
    for name in ["exp", "aud", "sub", "client_id", "iat", "jti"] {
        table = table.refuses(&format!("without {name}"), &good().without(name), ClaimMissing);
    }
    for name in ["sub", "client_id", "jti"] {
        for value in [json!(null), json!(1), json!(""), json!(["alice"]), json!({}), json!(true)] {
            let token = good().claim(name, value.clone());
            table = table.refuses(&format!("{name} {value}"), &token, ClaimMalformed);
        }
    }
    table.holds();
    let any = get("/any", [("authorization", format!("Bearer {}", good().without("scope").mint()))]);
    assert_eq!(outcome(&STRICT.check(&any)), Ok(()), "a scope is optional");
}

// T3
#[test]
fn takes_rs256() {
    Table::of(&STRICT).allows("RS256", &good()).holds();
}

// T4
#[test]
fn whatever_is_wrong_with_a_token_is_an_invalid_token() {
    for (token, reason) in [
        (good().alg("none").mint(), DenyReason::AlgorithmNotAccepted),
        (good().signature([1]).mint(), DenyReason::SignatureInvalid),
        (good().claim("exp", 1).mint(), DenyReason::TokenExpired),
        (good().claim("aud", "x").mint(), DenyReason::AudienceMismatch),
        (good().without("jti").mint(), DenyReason::ClaimMissing),
        ("opaque".to_owned(), DenyReason::TokenOpaque),
        (good().compact().encrypted(), DenyReason::TokenEncrypted),
        (good().claim("cnf", json!({ "jkt": "x" })).mint(), DenyReason::TokenBound),
    ] {
        let Decision::Deny(denial) = STRICT.token(&token) else { panic!("{reason:?} was not refused") };
        let facts = denial.reason.facts();
        assert_eq!((denial.reason, facts.status, facts.error), (reason, 401, Some("invalid_token")));
    }
}

// T5
#[test]
fn the_scope_is_one_string_of_scope_tokens() {
    let mut table = Table::of(&STRICT)
        .allows("alone", &good().claim("scope", "orders:read"))
        .allows("among others", &good().claim("scope", "a orders:read b"))
        .refuses("none", &good().without("scope"), ScopeInsufficient)
        .refuses("another", &good().claim("scope", "orders:write"), ScopeInsufficient)
        .refuses("in another case", &good().claim("scope", "Orders:Read"), ScopeInsufficient)
        .refuses("as a part", &good().claim("scope", "orders:reader xorders:read"), ScopeInsufficient)
        .refuses("empty", &good().claim("scope", ""), ScopeInsufficient)
        .refuses("in scp", &good().without("scope").claim("scp", "orders:read"), ScopeInsufficient);
    for scope in [
        json!(["orders:read"]),
        json!([]),
        json!(null),
        json!(1),
        json!({}),
        json!("orders:read\tother"),
        json!("orders:read\nother"),
        json!("orders:read \"quoted\""),
        json!("orders:read back\\slash"),
        json!("orders:read é"),
        json!("orders:read\u{a0}x"),
    ] {
        table = table.refuses(&scope.to_string(), &good().claim("scope", scope.clone()), ClaimMalformed);
    }
    table.holds();
}

// T5
#[test]
fn all_scopes_and_any_of_them_are_asked_for() {
    let post =
        |scope: &str| CheckInput { method: "POST".into(), ..bearer(&good().claim("scope", scope).mint()) };
    for (scope, expected) in [
        ("orders:write tier:gold", Ok(())),
        ("tier:silver x orders:write", Ok(())),
        ("orders:write", Err(ScopeInsufficient)),
        ("tier:gold", Err(ScopeInsufficient)),
        ("orders:write tier:bronze", Err(ScopeInsufficient)),
        ("orders:read", Err(ScopeInsufficient)),
    ] {
        assert_eq!(outcome(&STRICT.check(&post(scope))), expected, "{scope}");
    }
}

// T6
#[test]
fn a_client_that_acts_for_itself_is_a_subject_like_any_other() {
    Table::of(&STRICT)
        .allows("sub is the client", &good().claim("sub", "web").claim("client_id", "web"))
        .holds();
}

// T7
#[test]
fn refuses_an_encrypted_token() {
    Table::of(&STRICT).refuses_text("a JWE", &good().compact().encrypted(), TokenEncrypted).holds();
}

// M7, D15
#[test]
fn refuses_a_bound_token_whatever_it_is_bound_to() {
    let mut table = Table::of(&STRICT);
    for cnf in [
        json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
        json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        json!({ "jwk": {} }),
        json!({ "kid": "x" }),
        json!({ "unknown": 1 }),
        json!({}),
        json!(null),
        json!("x"),
        json!([]),
    ] {
        table = table.refuses(&cnf.to_string(), &good().claim("cnf", cnf.clone()), TokenBound);
    }
    table.holds();
}

#[test]
fn what_the_service_is_told_comes_from_the_token() {
    let token = good().claim("sub", "José").claim("scope", "orders:read  x");
    let Decision::Allow(grant) = STRICT.token(&token.mint()) else { panic!("refused") };
    let told: Vec<_> = grant.set().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(told, [("x-client", "web"), ("x-scopes", "orders:read x"), ("x-subject", "José")]);
}

// CVE-2023-27493
#[test]
fn a_claim_that_could_be_two_headers_is_not_forwarded() {
    let mut table = Table::of(&STRICT);
    let subjects: [Value; 8] = [
        json!("a\r\nx-admin: 1"),
        json!("a\n"),
        json!("a\u{0}"),
        json!("a\u{7f}"),
        json!("a\u{85}"),
        json!(" a"),
        json!("a "),
        json!("x".repeat(4097)),
    ];
    for subject in subjects {
        let name = subject.to_string().chars().take(20).collect::<String>();
        table = table.refuses(&name, &good().claim("sub", subject), DenyReason::ForwardRefused);
    }
    table.holds();
}
