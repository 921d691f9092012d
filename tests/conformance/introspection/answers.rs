//! Promise: an active answer passes only if it describes an access token for this service, and what is not an
//! answer is an outage.

use gatepost::check::DenyReason::{
    self, AudienceMismatch, ClaimMalformed, ClaimMissing, IssuerUnknown, NotAnAccessToken, ScopeInsufficient,
    TokenBound, TokenExpired, TokenInactive, TokenNotYetValid,
};
use gatepost::check::introspection::{Answer, AnswerFault, read};
use gatepost::check::{Decision, OutageReason};
use serde_json::{Value, json};

use super::{active, answer, gate, introspection, with, without};
use crate::gate::{Gate, NOW, bearer, get, outcome};

/// All must come to what stands beside them.
#[track_caller]
fn assert_each(gate: &Gate, cases: &[(&str, Value, Result<(), DenyReason>)]) {
    let judge = |value: &Value| outcome(&gate.told(&bearer("opaque"), &answer(value)));
    let wrong: Vec<_> = cases
        .iter()
        .map(|(name, value, expected)| (name, expected, judge(value)))
        .filter(|(_, expected, found)| *expected != found)
        .collect();
    assert!(wrong.is_empty(), "name, expected, found: {wrong:#?}");
}

// I2
#[test]
fn what_is_no_object_with_a_boolean_active_is_no_answer() {
    let nested = format!("{{\"active\":true,\"x\":{}{}}}", "[".repeat(200), "]".repeat(200));
    for text in [
        "",
        " ",
        "null",
        "true",
        "1",
        "[]",
        "[true]",
        "\"active\"",
        "{}",
        "{",
        "active=true",
        "<html>active</html>",
        r#"{"active":"true"}"#,
        r#"{"active":"false"}"#,
        r#"{"active":1}"#,
        r#"{"active":0}"#,
        r#"{"active":null}"#,
        r#"{"active":[true]}"#,
        r#"{"active":{}}"#,
        r#"{"Active":true}"#,
        r#"{"ACTIVE":true}"#,
        r#"{"active ":true}"#,
        r#"{"active":True}"#,
        r#"{'active':true}"#,
        r#"{"active":true,}"#,
        r#"{"active":true}{"active":true}"#,
        r#"{"active":true} x"#,
        r#"{"active":true"#,
        r#"{"active":false,"active":true}"#,
        r#"{"active":true,"active":true}"#,
        r#"{"active":true,"sub":"a","sub":"b"}"#,
        r#"{"active":true,"cnf":{"jkt":"a","jkt":"b"}}"#,
        r#"{"token_introspection":{"active":true}}"#,
        r#"{"data":{"active":true}}"#,
        r#"{"error":"invalid_client"}"#,
        "\u{feff}{\"active\":true}",
        &nested,
    ] {
        assert_eq!(read(text.as_bytes()), Err(AnswerFault::NoActive), "{text}");
    }
    for bytes in [&b"\xff"[..], b"{\"active\":true,\"sub\":\"\xff\"}", b"\0", b"\xff\xfe{\0}\0"] {
        assert_eq!(read(bytes), Err(AnswerFault::NoActive), "{bytes:?}");
    }
}

// I3
#[test]
fn an_inactive_answer_refuses_whatever_else_it_says() {
    let gate = gate("");
    for value in [json!({ "active": false }), with("active", false)] {
        assert_eq!(read(value.to_string().as_bytes()), Ok(Answer::Inactive));
        assert_each(&gate, &[("inactive", value, Err(TokenInactive))]);
    }
    assert_eq!((TokenInactive.facts().status, TokenInactive.facts().error), (401, Some("invalid_token")));
}

// I2
#[test]
fn without_an_answer_there_is_an_outage() {
    let Decision::Unavailable(outage) = gate("").check(&bearer("opaque")) else { panic!("decided") };
    assert_eq!(outage.reason, OutageReason::IntrospectionUnreachable);
    assert!(outage.issuer.is_some() && outage.rule.as_deref() == Some("read orders"));
}

// I5
#[test]
fn the_claims_of_an_answer_are_judged_as_those_of_a_jwt() {
    let long_ago = NOW - 1000;
    assert_each(
        &gate(""),
        &[
            ("good", active(), Ok(())),
            ("iss missing", without("iss"), Ok(())),
            ("iss another", with("iss", "https://idp.example.org"), Err(IssuerUnknown)),
            ("iss with a slash", with("iss", "https://idp.example.com/"), Err(IssuerUnknown)),
            ("iss no text", with("iss", 1), Err(IssuerUnknown)),
            ("iss a list", with("iss", json!(["https://idp.example.com"])), Err(IssuerUnknown)),
            ("aud missing", without("aud"), Err(ClaimMissing)),
            ("aud another", with("aud", "https://billing.example.com"), Err(AudienceMismatch)),
            ("aud in a list", with("aud", json!(["x", "https://orders.example.com"])), Ok(())),
            ("aud our client id", with("aud", "gatepost"), Err(AudienceMismatch)),
            ("aud no text", with("aud", 1), Err(ClaimMalformed)),
            ("exp missing", without("exp"), Ok(())),
            ("exp passed", with("exp", long_ago), Err(TokenExpired)),
            ("exp now", with("exp", NOW), Err(TokenExpired)),
            ("exp a text", with("exp", "1900000000"), Err(ClaimMalformed)),
            ("nbf in the future", with("nbf", NOW + 300), Err(TokenNotYetValid)),
            ("nbf passed", with("nbf", long_ago), Ok(())),
            ("iat in the future", with("iat", NOW + 300), Err(TokenNotYetValid)),
            ("scope missing", without("scope"), Err(ScopeInsufficient)),
            ("scope another", with("scope", "orders:write"), Err(ScopeInsufficient)),
            ("scope among others", with("scope", "a orders:read"), Ok(())),
            ("scope a list", with("scope", json!(["orders:read"])), Err(ClaimMalformed)),
            ("sub missing", without("sub"), Ok(())),
            ("sub no text", with("sub", 1), Err(ClaimMalformed)),
            ("client missing", without("client_id"), Ok(())),
            ("cnf", with("cnf", json!({ "jkt": "x" })), Err(TokenBound)),
            ("cnf null", with("cnf", json!(null)), Err(TokenBound)),
            ("an ID token's claim", with("at_hash", "x"), Err(NotAnAccessToken)),
            ("a logout token's claim", with("events", json!({})), Err(NotAnAccessToken)),
        ],
    );
}

// I5
#[test]
fn only_the_type_of_an_access_token_passes() {
    let typed = |kind: &str| with("token_type", kind);
    let used = |usage: &str| with("token_use", usage);
    let mut bound = typed("DPoP");
    bound["cnf"] = json!({ "jkt": "x" });
    let mut used_only = used("refresh_token");
    used_only.as_object_mut().unwrap().remove("token_type");
    let cases = [
        ("Bearer", typed("Bearer"), Ok(())),
        ("bearer", typed("bearer"), Ok(())),
        ("BEARER", typed("BEARER"), Ok(())),
        ("access_token", typed("access_token"), Ok(())),
        ("refresh_token", typed("refresh_token"), Err(NotAnAccessToken)),
        ("Refresh", typed("Refresh"), Err(NotAnAccessToken)),
        ("id_token", typed("id_token"), Err(NotAnAccessToken)),
        ("mac", typed("mac"), Err(NotAnAccessToken)),
        ("N_A", typed("N_A"), Err(NotAnAccessToken)),
        ("empty", typed(""), Err(NotAnAccessToken)),
        ("null", with("token_type", json!(null)), Err(NotAnAccessToken)),
        ("a number", with("token_type", 1), Err(NotAnAccessToken)),
        ("DPoP without cnf", typed("DPoP"), Err(NotAnAccessToken)),
        ("DPoP with cnf", bound, Err(TokenBound)),
        ("token_use access_token", used("access_token"), Ok(())),
        ("token_use access", used("access"), Ok(())),
        ("token_use refresh_token", used("refresh_token"), Err(NotAnAccessToken)),
        ("token_use id", used("id"), Err(NotAnAccessToken)),
        ("token_use refresh_token alone", used_only, Err(NotAnAccessToken)),
    ];
    assert_each(&gate(""), &cases);
    assert_each(&gate("token_type: optional"), &cases);
    assert_each(&gate(""), &[("missing", without("token_type"), Err(NotAnAccessToken))]);
    assert_each(&gate("token_type: required"), &[("missing", without("token_type"), Err(NotAnAccessToken))]);
    assert_each(&gate("token_type: optional"), &[("missing", without("token_type"), Ok(()))]);
}

// I5
#[test]
fn what_the_configuration_asks_of_tokens_it_asks_of_answers() {
    let lines = format!("{}\nrequire_claims: {{ tenant: [blue] }}", introspection(""));
    assert_each(
        &Gate::with_issuer(&lines),
        &[
            ("required value", with("tenant", "blue"), Ok(())),
            ("another value", with("tenant", "red"), Err(DenyReason::RequiredClaimMismatch)),
            ("no value", active(), Err(ClaimMissing)),
        ],
    );
    let waived = Gate::with_issuer(&format!("{lines}\naudiences: any"));
    let for_whom = |audience: Option<&str>| {
        let mut answer = with("tenant", "blue");
        answer["aud"] = audience.map_or_else(|| json!([]), Value::from);
        answer
    };
    assert_each(&waived, &[("nobody", for_whom(None), Ok(())), ("another", for_whom(Some("x")), Ok(()))]);
}

// I5; GHSA-w9mr-28mw-j8hg, CVE-2023-27493
#[test]
fn what_the_service_is_told_comes_from_the_answer() {
    let gate = gate("");
    let Decision::Allow(grant) = gate.told(&bearer("opaque"), &answer(&with("sub", "bob"))) else {
        panic!("refused")
    };
    let told: Vec<_> = grant.set().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(told, [("x-client", "web"), ("x-scopes", "orders:read"), ("x-subject", "bob")]);
    for sub in ["a\r\nx-admin: 1", "a\n", "a\u{0}", " a"] {
        assert_each(&gate, &[(sub, with("sub", sub), Err(DenyReason::ForwardRefused))]);
    }
}

// GHSA-qvp4-rpmr-xwrr
#[test]
fn the_same_answer_is_judged_by_the_rule_of_each_request() {
    let gate = gate("");
    let answer = answer(&active());
    let input = |method: &str| {
        let input = get("/orders/7", [("authorization", "Bearer opaque".to_owned())]);
        gatepost::check::CheckInput { method: method.into(), ..input }
    };
    assert_eq!(outcome(&gate.told(&input("GET"), &answer)), Ok(()));
    assert_eq!(outcome(&gate.told(&input("POST"), &answer)), Err(ScopeInsufficient));
    assert_eq!(outcome(&gate.told(&input("DELETE"), &answer)), Err(DenyReason::NoRule));
}
