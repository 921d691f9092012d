//! Who a token must be for, from, of and about, and what it must allow: compared whole, and refused in this order.

use gatepost_test_support::{TestIssuer, Token};
use serde_json::json;

use super::{BEARER, Case, Refused, assert_answers, passes, refused};
use crate::stand::{Config, Stand, get, issuer};

const POLICY: &str = "
rules:
  - { name: all, match: { path: /all }, require: { scopes: [a, b] } }
  - { name: any, match: { path: /any }, require: { scopes: { any: [a, b] } } }
  - { name: both, match: { path: /both }, require: { scopes: { all: [a], any: [b, c] } } }
  - { name: audience, match: { path: /audience }, require: { audiences: ['https://admin.example.com', 'https://x.example'] } }
  - { name: issuer, match: { path: /issuer }, require: { issuers: [two] } }
  - { name: client, match: { path: /client }, require: { clients: [web, batch] } }
  - { name: subject, match: { path: /subject }, require: { subjects: [alice, 'svc|7'] } }
  - name: everything
    match: { path: /everything }
    require:
      issuers: [two]
      audiences: [https://admin.example.com]
      clients: [batch]
      subjects: [bob]
      scopes: [a]
      claims: { tenant: { equals: acme } }
      authentication: { acr: [mfa] }
      condition: token.level == 3
";

const AUDIENCE: Refused<'_> = (401, "audience_mismatch", Some(r#"Bearer error="invalid_token""#));
const ISSUER: Refused<'_> = (401, "issuer_mismatch", Some(r#"Bearer error="invalid_token""#));
const CLIENT: Refused<'_> = (403, "client_not_accepted", BEARER);
const SUBJECT: Refused<'_> = (403, "subject_not_accepted", BEARER);
/// A client without a name is none: what is wrong is the token, not who it was issued to.
const EMPTY: Refused<'_> = (401, "claim_malformed", Some(r#"Bearer error="invalid_token""#));
const ADMIN: &str = "https://admin.example.com";

/// With two issuers, of which `two` puts scopes into `scp`.
async fn two_issuers() -> Stand<(TestIssuer, TestIssuer)> {
    let (one, two) = (TestIssuer::start().await.unwrap(), TestIssuer::start().await.unwrap());
    let issuers = issuer("one", one.issuer(), "") + &issuer("two", two.issuer(), "scope_claims: [scp]");
    let config = Config::of(&format!("issuers:\n{issuers}")).policy(POLICY);
    Stand::ready((one, two), config).await
}

fn case<'a>(name: &str, path: &str, token: &Token, outcome: Option<Refused<'a>>) -> Case<'a> {
    let request = get(path).bearer(&token.mint());
    Case { name: format!("{path}: {name}"), request, refused: outcome }
}

#[tokio::test]
async fn scopes_are_enough_only_when_each_and_one_of_them_are_there() {
    let stand = two_issuers().await;
    let (one, two) = &stand.issuer;
    let lacks = |path: &str| -> Option<Refused<'_>> {
        let challenge = match path {
            "/both" => r#"Bearer error="insufficient_scope", scope="a b c""#,
            _ => r#"Bearer error="insufficient_scope", scope="a b""#,
        };
        Some((403, "scope_insufficient", Some(challenge)))
    };
    let mut cases = Vec::new();
    for (scopes, all, any, both) in [
        ("", false, false, false),
        ("a", false, true, false),
        ("b", false, true, false),
        ("a b", true, true, true),
        ("b a", true, true, true),
        ("x a y b z", true, true, true),
        ("a c", false, true, true),
        ("b c", false, true, false),
        ("A B", false, false, false),
        ("ab", false, false, false),
        ("a:b", false, false, false),
        ("aa bb", false, false, false),
    ] {
        let list: Vec<_> = scopes.split_whitespace().collect();
        let kinds = [
            ("scope", one.token().claim("scope", scopes)),
            ("scp as text", two.token().without("scope").claim("scp", scopes)),
            ("scp", two.token().without("scope").claim("scp", json!(list))),
        ];
        for (kind, token) in &kinds {
            for (path, enough) in [("/all", all), ("/any", any), ("/both", both)] {
                let outcome = if enough { None } else { lacks(path) };
                cases.push(case(&format!("{kind} {scopes:?}"), path, token, outcome));
            }
        }
    }
    let two = || two.token().without("scope");
    cases.extend([
        case("the other issuer's claim", "/any", &two().claim("scope", "a b"), lacks("/any")),
        case("a list in one entry", "/all", &two().claim("scp", json!(["a b"])), lacks("/all")),
        case("scp of issuer one", "/any", &one.token().without("scope").claim("scp", "a b"), lacks("/any")),
        refused("no token", get("/all"), super::MISSING),
    ]);
    assert_answers(&stand, cases).await;
}

#[tokio::test]
async fn audiences_issuers_clients_and_subjects_are_compared_whole() {
    let stand = two_issuers().await;
    let (one, two) = &stand.issuer;
    let aud = |value: serde_json::Value| one.token().claim("aud", value);
    let client = |name: &str| one.token().claim("client_id", name);
    let subject = |name: &str| one.token().claim("sub", name);
    let cases = vec![
        case("the rule's", "/audience", &aud(json!(ADMIN)), None),
        case("the rule's and another", "/audience", &aud(json!([Token::AUDIENCE, ADMIN])), None),
        case("the rule's other", "/audience", &aud(json!(["https://x.example", Token::AUDIENCE])), None),
        case("the issuer's", "/audience", &aud(json!(Token::AUDIENCE)), Some(AUDIENCE)),
        case("the rule's, not the issuer's", "/audience", &aud(json!("https://x.example")), Some(AUDIENCE)),
        case(
            "with a slash",
            "/audience",
            &aud(json!([Token::AUDIENCE, "https://admin.example.com/"])),
            Some(AUDIENCE),
        ),
        case("the named one", "/issuer", &two.token(), None),
        case("another", "/issuer", &one.token(), Some(ISSUER)),
        case("the first", "/client", &client("web"), None),
        case("the second", "/client", &client("batch"), None),
        case("in capitals", "/client", &client("WEB"), Some(CLIENT)),
        case("longer", "/client", &client("web2"), Some(CLIENT)),
        case("shorter", "/client", &client("we"), Some(CLIENT)),
        case("with a blank", "/client", &client("web "), Some(CLIENT)),
        case("both at once", "/client", &client("web,batch"), Some(CLIENT)),
        case("empty", "/client", &client(""), Some(EMPTY)),
        case("in azp", "/client", &client("other").claim("azp", "web"), Some(CLIENT)),
        case("the first", "/subject", &subject("alice"), None),
        case("the second", "/subject", &subject("svc|7"), None),
        case("in capitals", "/subject", &subject("Alice"), Some(SUBJECT)),
        case("composed otherwise", "/subject", &subject("alic\u{435}"), Some(SUBJECT)),
        case("with a blank", "/subject", &subject(" alice"), Some(SUBJECT)),
        case("a pattern", "/subject", &subject("svc|*"), Some(SUBJECT)),
        case("in act", "/subject", &subject("eve").claim("act", json!({ "sub": "alice" })), Some(SUBJECT)),
    ];
    assert_answers(&stand, cases).await;
}

#[tokio::test]
async fn what_makes_it_the_wrong_token_is_said_before_what_another_one_could_have() {
    let stand = two_issuers().await;
    let (one, two) = &stand.issuer;
    let lacks = Some(r#"Bearer error="insufficient_scope", scope="a""#);
    let step_up = r#"Bearer error="insufficient_user_authentication", error_description="A different authentication level is required", acr_values="mfa""#;
    let mut token = two.token().without("scope");
    let mut cases = vec![case("everything is wrong", "/everything", &one.token(), Some(ISSUER))];
    for (refusal, claim, value) in [
        (AUDIENCE, "aud", json!(ADMIN)),
        (CLIENT, "client_id", json!("batch")),
        (SUBJECT, "sub", json!("bob")),
        ((403, "scope_insufficient", lacks), "scp", json!(["a"])),
        (super::UNMET, "tenant", json!("acme")),
        ((401, "authentication_insufficient", Some(step_up)), "acr", json!("mfa")),
        (super::FAILED, "level", json!(2)),
        (super::FALSE, "level", json!(3)),
    ] {
        cases.push(case(&format!("before {claim}"), "/everything", &token, Some(refusal)));
        token = token.claim(claim, value);
    }
    cases.push(passes("all is right", get("/everything").bearer(&token.mint())));
    assert_answers(&stand, cases).await;
}
