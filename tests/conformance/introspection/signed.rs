//! Promise: a signed answer counts only if this issuer made it, just now, for us, and nothing else can stand for
//! one (RFC 9701 §5, §8.1).

use std::sync::LazyLock;

use gatepost::check::DenyReason;
use gatepost::check::introspection::{Answer, AnswerFault, read_signed};
use gatepost::jose::{Algorithm, KeySet, UnixTime};
use gatepost_test_support::{Signer, Token, token};
use serde_json::{Value, json};

use super::{active, answer, gate};
use crate::gate::{Gate, NOW, Table, good};

static GATE: LazyLock<Gate> = LazyLock::new(|| gate("signed: required"));

/// A signed answer as the issuer makes it.
fn signed() -> Token {
    good().header("typ", "token-introspection+jwt").only_claims(json!({
        "iss": Token::ISSUER,
        "aud": "gatepost",
        "iat": NOW,
        "token_introspection": active(),
    }))
}

fn read(text: &str) -> Result<Answer, AnswerFault> {
    let jwks = token::jwks(&Signer::ALGORITHMS.map(Signer::shared));
    let algorithms: Vec<_> =
        Signer::ALGORITHMS.iter().filter_map(|name| Algorithm::from_name(name)).collect();
    let keys = KeySet::read(jwks.to_string().as_bytes(), &algorithms).unwrap();
    read_signed(text.as_bytes(), GATE.issuer(), "gatepost", &keys, UnixTime::from_seconds(NOW))
}

#[track_caller]
fn assert_faults(cases: &[(&str, Token, AnswerFault)]) {
    for (name, token, fault) in cases {
        assert_eq!(read(&token.mint()), Err(fault.clone()), "{name}");
    }
}

// I7
#[test]
fn takes_the_answer_that_the_issuer_signed_for_us() {
    assert_eq!(read(&signed().mint()), Ok(answer(&active())));
    assert_eq!(read(&format!("{}\n", signed().mint())), Ok(answer(&active())));
    for typ in ["token-introspection+JWT", "application/token-introspection+jwt"] {
        assert_eq!(read(&signed().header("typ", typ).mint()), Ok(answer(&active())), "{typ}");
    }
    for algorithm in Signer::ALGORITHMS {
        let token = signed().signed_by(&Signer::shared(algorithm));
        assert_eq!(read(&token.mint()), Ok(answer(&active())), "{algorithm}");
    }
    let among = signed().claim("aud", json!(["x", "gatepost"]));
    assert_eq!(read(&among.mint()), Ok(answer(&active())));
    let inactive = signed().claim("token_introspection", json!({ "active": false }));
    assert_eq!(read(&inactive.mint()), Ok(Answer::Inactive));
}

// I7; RFC 8725 §3.11
#[test]
fn another_type_is_no_answer() {
    for typ in ["at+jwt", "JWT", "jwt", "logout+jwt", "token-introspection", "token-introspection+jws", ""] {
        assert_eq!(read(&signed().header("typ", typ).mint()), Err(AnswerFault::NotASignedAnswer), "{typ}");
    }
    let untyped = signed().without_header("typ");
    assert_eq!(read(&untyped.mint()), Err(AnswerFault::NotASignedAnswer));
    let access_token = good().claim("aud", "gatepost").claim("token_introspection", active());
    assert_eq!(read(&access_token.mint()), Err(AnswerFault::NotASignedAnswer), "an access token");
}

// I7
#[test]
fn only_a_key_of_the_issuer_makes_one() {
    let signature = AnswerFault::Signature;
    assert_faults(&[
        ("another key", signed().forged_by(&Signer::generate("RS256")), signature.clone()),
        ("an unknown kid", signed().signed_by(&Signer::generate("RS256")), signature.clone()),
        ("alg none", signed().alg("none").signature([]), AnswerFault::NotASignedAnswer),
        ("alg none with a signature", signed().alg("none"), signature.clone()),
        (
            "HS256 with the public key",
            signed().hs256(Signer::shared("RS256").public_pem()),
            signature.clone(),
        ),
        ("another algorithm than the key's", signed().alg("PS256"), signature.clone()),
        ("no signature", signed().signature([]), AnswerFault::NotASignedAnswer),
        ("half a signature", signed().signature([1; 128]), signature),
    ]);
}

// I7
#[test]
fn it_is_from_the_issuer_for_us_and_of_now() {
    let claim = AnswerFault::Claim;
    assert_faults(&[
        ("iss another", signed().claim("iss", "https://idp.example.org"), claim("iss")),
        ("iss missing", signed().without("iss"), claim("iss")),
        ("iss no text", signed().claim("iss", json!([Token::ISSUER])), claim("iss")),
        ("aud another client", signed().claim("aud", "billing"), claim("aud")),
        ("aud the service", signed().claim("aud", Token::AUDIENCE), claim("aud")),
        ("aud missing", signed().without("aud"), claim("aud")),
        ("aud empty", signed().claim("aud", json!([])), claim("aud")),
        ("aud no text", signed().claim("aud", 1), claim("aud")),
        ("iat missing", signed().without("iat"), claim("iat")),
        ("iat old", signed().claim("iat", NOW - 3600), claim("iat")),
        ("iat in the future", signed().claim("iat", NOW + 3600), claim("iat")),
        ("iat no number", signed().claim("iat", "now"), claim("iat")),
        ("exp passed", signed().claim("exp", NOW - 1), claim("exp")),
        ("exp no number", signed().claim("exp", "never"), claim("exp")),
    ]);
}

// I7
#[test]
fn what_it_says_stands_under_token_introspection() {
    let none = AnswerFault::NoActive;
    let top = active().as_object().unwrap().iter().fold(signed(), |token, (name, value)| match &**name {
        "iss" | "aud" | "iat" => token,
        _ => token.claim(name, value.clone()),
    });
    assert_faults(&[
        ("missing", signed().without("token_introspection"), none.clone()),
        ("claims at the top", top.without("token_introspection"), none.clone()),
        ("a text", signed().claim("token_introspection", active().to_string()), none.clone()),
        ("a list", signed().claim("token_introspection", json!([active()])), none.clone()),
        ("null", signed().claim("token_introspection", json!(null)), none.clone()),
        ("empty", signed().claim("token_introspection", json!({})), none.clone()),
        ("active a text", signed().claim("token_introspection", json!({ "active": "true" })), none),
    ]);
}

// I7
#[test]
fn what_is_no_jwt_is_no_signed_answer() {
    let mint = signed().mint();
    let compact = signed().compact();
    let texts: [&str; 9] = [
        "",
        "{}",
        &active().to_string(),
        "a.b.c",
        &mint[..mint.len() / 2],
        &format!("{mint}.x"),
        &compact.flattened(),
        &compact.padded(),
        &compact.encrypted(),
    ];
    for text in texts {
        assert_eq!(read(text), Err(AnswerFault::NotASignedAnswer), "{text}");
    }
}

// I7: RFC 9701 §8.1
#[test]
fn an_answer_is_no_access_token_whatever_else_is_in_it() {
    let posing = |typ: Value| {
        good()
            .header("typ", typ)
            .claim("token_introspection", active())
            .claim("aud", json!([Token::AUDIENCE, "gatepost"]))
    };
    let answer = "token-introspection+jwt";
    Table::of(&GATE)
        .refuses("an answer", &signed(), DenyReason::TypeNotAccepted)
        .refuses("an answer with all claims", &posing(json!(answer)), DenyReason::TypeNotAccepted)
        .refuses(
            "an answer that calls itself a token",
            &posing(json!("at+jwt")),
            DenyReason::NotAnAccessToken,
        )
        .holds();
}
