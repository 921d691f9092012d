//! Promise: a JWT that its issuer is asked about needs both: a signature that holds and an answer that agrees,
//! and the stricter of the two counts.

use std::sync::LazyLock;

use gatepost::check::DenyReason::{
    self, AudienceMismatch, ClaimMalformed, IssuerUnknown, NotAnAccessToken, ScopeInsufficient, TokenBound,
    TokenExpired, TokenInactive,
};
use gatepost::check::{Decision, OutageReason};
use gatepost_test_support::{Signer, Token, token};
use serde_json::{Value, json};

use super::{active, answer, introspection, with, without};
use crate::gate::{Gate, NOW, bearer, good, issuer, outcome};

fn asking(introspect: &str, lines: &str) -> Gate {
    let policy = format!(
        "rules: [{{ name: read, match: {{ path: '/**' }}, \
         require: {{ scopes: [orders:read], introspect: {introspect} }}, \
         forward: {{ x-scopes: token.scope, x-subject: token.sub }} }}]"
    );
    let keys = token::jwks(&[Signer::shared("RS256")]);
    Gate::load(&format!("issuers:\n{}", issuer(Token::ISSUER, lines)), &policy, &[&keys])
}

static ALWAYS: LazyLock<Gate> = LazyLock::new(|| asking("always", &introspection("")));

fn told(token: &Token, said: &Value) -> Result<(), DenyReason> {
    outcome(&ALWAYS.told(&bearer(&token.mint()), &answer(said)))
}

#[test]
fn a_jwt_needs_an_answer_where_the_rule_says_so() {
    for gate in [&*ALWAYS, &asking("cached", &introspection(""))] {
        let Decision::Unavailable(outage) = gate.token(&good().mint()) else { panic!("decided") };
        assert_eq!(outage.reason, OutageReason::IntrospectionUnreachable);
        assert_eq!(outcome(&gate.told(&bearer(&good().mint()), &answer(&active()))), Ok(()));
    }
}

#[test]
fn an_answer_does_not_mend_a_token() {
    for (token, reason) in [
        (good().signature([1]), DenyReason::SignatureInvalid),
        (good().forged_by(&Signer::generate("RS256")), DenyReason::SignatureInvalid),
        (good().claim("exp", NOW - 1000), TokenExpired),
        (good().claim("aud", "https://billing.example.com"), AudienceMismatch),
        (good().claim("scope", "orders:list"), ScopeInsufficient),
        (good().claim("cnf", json!({ "jkt": "x" })), TokenBound),
        (good().header("typ", "JWT"), DenyReason::TypeNotAccepted),
    ] {
        assert_eq!(told(&token, &active()), Err(reason));
    }
}

#[test]
fn an_answer_can_refuse_a_token_that_verifies() {
    for (name, said, reason) in [
        ("inactive", json!({ "active": false }), TokenInactive),
        ("another subject", with("sub", "bob"), ClaimMalformed),
        ("another issuer", with("iss", "https://idp.example.org"), IssuerUnknown),
        ("another audience", with("aud", "https://billing.example.com"), AudienceMismatch),
        ("expired", with("exp", NOW - 1000), TokenExpired),
        ("narrowed scopes", with("scope", "orders:list"), ScopeInsufficient),
        ("no scopes any more", with("scope", ""), ScopeInsufficient),
        ("bound", with("cnf", json!({ "jkt": "x" })), TokenBound),
        ("a refresh token", with("token_type", "refresh_token"), NotAnAccessToken),
    ] {
        assert_eq!(told(&good(), &said), Err(reason), "{name}");
    }
}

#[test]
fn the_scopes_are_those_that_both_name() {
    let scopes = |signed: &str, said: &Value| {
        let token = good().claim("scope", signed).mint();
        let Decision::Allow(grant) = ALWAYS.told(&bearer(&token), &answer(said)) else { panic!("refused") };
        let found = grant.set().iter().find(|(name, _)| name.as_str() == "x-scopes");
        found.unwrap().1.as_str().to_owned()
    };
    assert_eq!(scopes("orders:read a b", &with("scope", "orders:read b c")), "orders:read b");
    assert_eq!(scopes("orders:read", &with("scope", "orders:read orders:write")), "orders:read");
    assert_eq!(scopes("orders:read a", &without("scope")), "orders:read a", "not said is not taken away");
}

#[test]
fn what_the_answer_leaves_out_the_token_says() {
    let Decision::Allow(grant) = ALWAYS.told(&bearer(&good().mint()), &answer(&without("sub"))) else {
        panic!("refused")
    };
    assert!(grant.set().iter().any(|(name, value)| name.as_str() == "x-subject" && value == "alice"));
}

#[test]
fn a_rule_that_asks_an_issuer_that_cannot_be_asked_is_a_problem_of_the_configuration() {
    let policy =
        "rules: [{ name: read, match: { path: '/**' }, require: { introspect: always } }]".to_owned();
    let issuers = format!("issuers:\n{}", issuer(Token::ISSUER, ""));
    let problems = Gate::try_load(&issuers, &policy, &[]).err().unwrap();
    assert!(problems.contains("rules[0].require.introspect"), "{problems}");
}
