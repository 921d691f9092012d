//! Promise: exactly one bearer token is found, in the Authorization header and nowhere else, and the challenge
//! says what RFC 6750 says (standards.md A.4).

use gatepost::check::DenyReason::{self, CredentialMalformed, CredentialMissing, CredentialRepeated};
use gatepost::check::challenge::challenge;
use gatepost::check::{CheckInput, Decision};
use serde_json::json;

use crate::gate::{STRICT, get, good, outcome};

fn orders(headers: &[(&'static str, String)]) -> CheckInput {
    get("/orders/7", headers.to_vec())
}

/// Asks with each of these values of Authorization.
#[track_caller]
fn assert_each(values: &[String], expected: Result<(), DenyReason>) {
    for value in values {
        let found = outcome(&STRICT.check(&orders(&[("authorization", value.clone())])));
        assert_eq!(found, expected, "{:?}…", value.chars().take(40).collect::<String>());
    }
}

// B1
#[test]
fn takes_the_scheme_in_any_case_and_several_blanks() {
    let token = good().mint();
    let values =
        ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer   "].map(|start| format!("{start}{token}"));
    assert_each(&values, Ok(()));
    for name in ["authorization", "Authorization", "AUTHORIZATION"] {
        let input = orders(&[(name, format!("Bearer {token}"))]);
        assert_eq!(outcome(&STRICT.check(&input)), Ok(()), "{name}");
    }
}

// B1, B4
#[test]
fn another_scheme_is_no_credential() {
    let token = good().mint();
    let other =
        ["Basic ", "DPoP ", "Token ", "Bearer", "Bearer:", "Bearer\t", "Bear er ", "JWT ", "\"Bearer\" ", ""];
    assert_each(&other.map(|start| format!("{start}{token}")), Err(CredentialMissing));
    assert_each(&[String::new(), "Basic Og==".into(), format!(" Bearer {token}")], Err(CredentialMissing));
}

// B1
#[test]
fn what_is_no_token_is_malformed() {
    let token = good().mint();
    let values = [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer =".to_owned(),
        format!("Bearer \"{token}\""),
        format!("Bearer {token} {token}"),
        format!("Bearer {token} "),
        format!("Bearer {token};x"),
        format!("Bearer \t{token}"),
        format!("Bearer {token}\u{e9}"),
        format!("Bearer Bearer {token}"),
        format!("Bearer token={token}"),
        "Bearer %41".to_owned(),
        "Bearer <token>".to_owned(),
    ];
    assert_each(&values, Err(CredentialMalformed));
}

// B1, B3; CVE-2021-32777, CVE-2026-26308
#[test]
fn two_credentials_are_one_too_many() {
    let token = good().mint();
    let bearer = || format!("Bearer {token}");
    assert_each(
        &[
            format!("Bearer {token}, Bearer {token}"),
            format!("Bearer {token},Bearer {token}"),
            format!("Bearer {token},"),
            format!(",Bearer {token}"),
            format!("Basic Og==, Bearer {token}"),
            format!("Bearer {token}, Basic Og=="),
        ],
        Err(CredentialRepeated),
    );
    for (first, second) in [
        (bearer(), bearer()),
        (bearer(), "Basic Og==".to_owned()),
        ("Basic Og==".to_owned(), bearer()),
        (bearer(), String::new()),
        (String::new(), bearer()),
        (bearer(), "Bearer x".to_owned()),
    ] {
        let input = orders(&[("authorization", first), ("Authorization", second)]);
        assert_eq!(outcome(&STRICT.check(&input)), Err(CredentialRepeated));
    }
}

// B2
#[test]
fn a_token_in_the_query_is_not_read_and_not_tolerated_beside_the_header() {
    let token = good().mint();
    for name in ["access_token", "access%5Ftoken", "%61ccess_token"] {
        let target = format!("/orders/7?{name}={token}");
        assert_eq!(outcome(&STRICT.check(&get(&target, []))), Err(CredentialMissing), "{name}");
        let both = get(&target, [("authorization", format!("Bearer {token}"))]);
        assert_eq!(outcome(&STRICT.check(&both)), Err(CredentialRepeated), "{name}");
    }
    let empty = get("/orders/7?access_token", [("authorization", format!("Bearer {token}"))]);
    assert_eq!(outcome(&STRICT.check(&empty)), Err(CredentialRepeated));
    for fine in ["/orders/7?token=x", "/orders/7?access_tokens=x", "/orders/7?q=access_token"] {
        let input = get(fine, [("authorization", format!("Bearer {token}"))]);
        assert_eq!(outcome(&STRICT.check(&input)), Ok(()), "{fine}");
    }
}

// B2
#[test]
fn a_token_anywhere_else_is_not_found() {
    let token = good().mint();
    for name in [
        "proxy-authorization",
        "x-authorization",
        "x-forwarded-authorization",
        "authorization_",
        "x-access-token",
    ] {
        let input = orders(&[(name, format!("Bearer {token}"))]);
        assert_eq!(outcome(&STRICT.check(&input)), Err(CredentialMissing), "{name}");
    }
    let cookie = orders(&[("cookie", format!("access_token={token}; Authorization=Bearer {token}"))]);
    assert_eq!(outcome(&STRICT.check(&cookie)), Err(CredentialMissing));
}

/// The status and the challenge of a refusal.
fn answer(input: &CheckInput) -> (u16, Option<String>) {
    match STRICT.check(input) {
        Decision::Deny(denial) => (denial.reason.facts().status, challenge(&denial)),
        other => panic!("not refused: {other:?}"),
    }
}

// B4
#[test]
fn without_a_credential_the_challenge_has_no_error() {
    assert_eq!(answer(&orders(&[])), (401, Some("Bearer".to_owned())));
    let basic = orders(&[("authorization", "Basic Og==".to_owned())]);
    assert_eq!(answer(&basic), (401, Some("Bearer".to_owned())));
}

// B5
#[test]
fn each_error_has_the_status_and_the_code_of_rfc_6750() {
    let with = |value: String| orders(&[("authorization", value)]);
    let bearer = |token: String| with(format!("Bearer {token}"));
    for (input, status, expected) in [
        (with("Bearer a b".to_owned()), 400, r#"Bearer error="invalid_request""#),
        (with("Bearer a, Bearer b".to_owned()), 400, r#"Bearer error="invalid_request""#),
        (bearer("x".to_owned()), 401, r#"Bearer error="invalid_token""#),
        (bearer(good().signature([1]).mint()), 401, r#"Bearer error="invalid_token""#),
        (
            bearer(good().claim("exp", 1).mint()),
            401,
            r#"Bearer error="invalid_token", error_description="The access token expired""#,
        ),
        (
            bearer(good().claim("scope", "x").mint()),
            403,
            r#"Bearer error="insufficient_scope", scope="orders:read""#,
        ),
    ] {
        assert_eq!(answer(&input), (status, Some(expected.to_owned())));
    }
    let post = CheckInput { method: "POST".into(), ..bearer(good().mint()) };
    let expected = r#"Bearer error="insufficient_scope", scope="orders:write tier:gold tier:silver""#;
    assert_eq!(answer(&post), (403, Some(expected.to_owned())));
}

// B5
#[test]
fn no_challenge_repeats_what_the_client_sent() {
    for marked in [
        good().claim("scope", "MARK").mint(),
        good().claim("iss", "MARK").mint(),
        good().header("kid", "MARK").mint(),
        good().header("alg", "MARK").mint(),
        good().claim("aud", json!(["MARK"])).mint(),
        "MARK".to_owned(),
    ] {
        let (_, challenge) = answer(&orders(&[("authorization", format!("Bearer {marked}"))]));
        assert!(!challenge.unwrap().contains("MARK"));
    }
}

#[test]
fn a_public_rule_looks_at_no_credential() {
    for value in ["Bearer x, Bearer y", "Bearer", "Basic Og=="] {
        let input = get("/healthz", [("authorization", value.to_owned())]);
        assert_eq!(outcome(&STRICT.check(&input)), Ok(()), "{value}");
    }
}
