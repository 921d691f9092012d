//! Promise: an opaque token is shown to the one issuer that it belongs to and to no other, and a JWT to none.

use gatepost::check::DenyReason::{self, TokenOpaque};
use gatepost::check::{CheckInput, Decision};
use gatepost_test_support::{Signer, Token, token};
use serde_json::json;

use super::{gate, introspection};
use crate::gate::{Gate, STRICT, bearer, get, good, outcome};

/// Several issuers: a name, and the lines of `introspection`, where there is one.
fn gate_of(issuers: &[(&str, Option<&str>)], policy: &str) -> Gate {
    let entry = |(name, lines): &(&str, Option<&str>)| {
        let introspection = lines.map(introspection).unwrap_or_default();
        format!(
            "  - name: {name}\n    issuer: https://{name}.example.com\n    audiences: [{}]\n    {introspection}\n",
            Token::AUDIENCE
        )
    };
    let issuers: String = issuers.iter().map(entry).collect();
    Gate::load(&format!("issuers:\n{issuers}"), policy, &[])
}

const ANY: &str = "rules: [{ name: any, match: { path: '/**' }, require: {} }]";

fn at(host: &str, token: &str) -> CheckInput {
    CheckInput { host: host.into(), ..bearer(token) }
}

#[track_caller]
fn assert_asked(gate: &Gate, cases: &[(&str, &str, Result<&str, DenyReason>)]) {
    for (host, token, expected) in cases {
        assert_eq!(gate.asked(&at(host, token)), expected.map(Some), "{token} at {host}");
    }
}

// I9
#[test]
fn the_only_issuer_that_introspects_is_asked() {
    let gate = gate_of(&[("silent", None), ("one", Some(""))], ANY);
    assert_asked(&gate, &[("x.example", "opaque", Ok("one")), ("x.example", "a.b", Ok("one"))]);
}

// I9
#[test]
fn without_an_issuer_that_introspects_an_opaque_token_is_refused() {
    let gate = gate_of(&[("silent", None)], ANY);
    assert_asked(&gate, &[("x.example", "opaque", Err(TokenOpaque))]);
    assert_eq!(outcome(&STRICT.token("opaque")), Err(TokenOpaque));
}

// I9
#[test]
fn where_two_could_be_meant_none_is_asked() {
    let gate = gate_of(&[("one", Some("")), ("two", Some(""))], ANY);
    assert_asked(&gate, &[("x.example", "opaque", Err(TokenOpaque))]);
    let both = "tokens: { prefixes: [a_] }";
    let gate = gate_of(&[("one", Some(both)), ("two", Some(both))], ANY);
    assert_asked(&gate, &[("x.example", "a_1", Err(TokenOpaque)), ("x.example", "b_1", Err(TokenOpaque))]);
}

// I9
#[test]
fn a_rule_says_who_is_asked() {
    let policy = "
rules:
  - { name: one, match: { path: '/one' }, require: { issuers: [one] } }
  - { name: two, match: { path: '/two' }, require: { issuers: [two] } }
  - { name: silent, match: { path: '/silent' }, require: { issuers: [silent] } }
  - { name: both, match: { path: '/both' }, require: { issuers: [one, two] } }
";
    let gate = gate_of(&[("one", Some("")), ("two", Some("")), ("silent", None)], policy);
    for (target, expected) in [
        ("/one", Ok(Some("one"))),
        ("/two", Ok(Some("two"))),
        ("/silent", Err(TokenOpaque)),
        ("/both", Err(TokenOpaque)),
    ] {
        let input = get(target, [("authorization", "Bearer opaque".to_owned())]);
        assert_eq!(gate.asked(&input), expected, "{target}");
    }
}

// I9
#[test]
fn a_prefix_tells_whose_token_it_is() {
    let gate = gate_of(
        &[
            ("one", Some("tokens: { prefixes: [one_, uno_] }")),
            ("two", Some("tokens: { prefixes: [two_] }")),
            ("rest", Some("")),
        ],
        ANY,
    );
    let host = "x.example";
    assert_asked(
        &gate,
        &[
            (host, "one_1", Ok("one")),
            (host, "uno_1", Ok("one")),
            (host, "two_1", Ok("two")),
            (host, "other", Ok("rest")),
            (host, "One_1", Ok("rest")),
            (host, "xone_1", Ok("rest")),
        ],
    );
    let gate = gate_of(&[("one", Some("tokens: { prefixes: [one_] }"))], ANY);
    assert_asked(&gate, &[(host, "one_1", Ok("one")), (host, "other", Err(TokenOpaque))]);
}

// I9
#[test]
fn a_host_tells_whose_token_it_is_and_with_a_prefix_both_must_fit() {
    let gate = gate_of(
        &[
            ("one", Some("tokens: { hosts: [one.example.com] }")),
            ("two", Some("tokens: { hosts: ['*.two.example.com'], prefixes: [two_] }")),
        ],
        ANY,
    );
    assert_asked(
        &gate,
        &[
            ("one.example.com", "opaque", Ok("one")),
            ("ONE.example.com:443", "two_1", Ok("one")),
            ("a.two.example.com", "two_1", Ok("two")),
            ("a.two.example.com", "other", Err(TokenOpaque)),
            ("three.example.com", "two_1", Err(TokenOpaque)),
        ],
    );
}

// I9; CVE-2026-33496
#[test]
fn a_token_that_is_one_issuers_by_its_prefix_is_shown_to_no_other_that_a_rule_names() {
    let policy = "rules: [{ name: two, match: { path: '/**' }, require: { issuers: [two] } }]";
    let gate = gate_of(&[("one", Some("tokens: { prefixes: [one_] }")), ("two", Some(""))], policy);
    assert_asked(&gate, &[("x.example", "opaque", Ok("two")), ("x.example", "one_secret", Err(TokenOpaque))]);
}

// I9
#[test]
fn a_jwt_that_is_refused_is_shown_to_nobody() {
    let gate = gate("");
    let good = || good();
    let mut texts: Vec<_> = [
        good().claim("exp", 1),
        good().claim("iss", "https://elsewhere.example"),
        good().header("typ", "JWT"),
        good().header("kid", "other"),
        good().alg("none"),
        good().hs256("secret"),
        good().signature([1]),
        good().header("crit", json!(["x"])),
        good().raw_payload("no json"),
        good().forged_by(&Signer::generate("RS256")),
    ]
    .iter()
    .map(Token::mint)
    .collect();
    texts.push(good().compact().encrypted());
    // Some servers read these as the token without its last dots.
    texts.extend([".", "..", "...", ".x"].map(|more| format!("{}{more}", good().mint())));
    for text in texts {
        match gate.check(&bearer(&text)) {
            Decision::Deny(_) => {}
            other => panic!("{text}: {other:?}"),
        }
        assert!(!matches!(gate.asked(&bearer(&text)), Ok(Some(_))), "{text}");
    }
    assert_eq!(outcome(&gate.token(&good().mint())), Ok(()), "nor is a good one, where no rule says so");
}

#[test]
fn an_issuer_that_a_rule_does_not_name_is_not_taken_for_a_jwt_either() {
    let policy = "rules: [{ name: two, match: { path: '/**' }, require: { issuers: [two] } }]";
    let keys = token::jwks(&[Signer::shared("RS256")]);
    let entry = |name: &str, identifier: &str| {
        format!("  - name: {name}\n    issuer: {identifier}\n    audiences: [{}]\n", Token::AUDIENCE)
    };
    let issuers = entry("one", Token::ISSUER) + &entry("two", "https://two.example.com");
    let gate = Gate::load(&format!("issuers:\n{issuers}"), policy, &[&keys, &keys]);
    assert_eq!(outcome(&gate.token(&good().mint())), Err(DenyReason::IssuerMismatch));
    let two = good().claim("iss", "https://two.example.com");
    assert_eq!(outcome(&gate.token(&two.mint())), Ok(()));
}
