//! Promise: what the jsonwebtoken crate lets through, gatepost refuses. jsonwebtoken itself is asked about the
//! same token, so that these tests also say when it begins to refuse (crates.md C.1, measured with 11.1).

use gatepost::check::DenyReason::{
    self, AlgorithmNotAccepted, AudienceMismatch, ClaimMalformed, ClaimMissing, CredentialMalformed,
    IssuerUnknown, NotAnAccessToken, TokenExpired, TokenMalformed, TokenNotYetValid, TokenOpaque,
    TypeNotAccepted,
};
use gatepost_test_support::{Compact, Signer, Token, token};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::Jwk};
use serde_json::{Value, json};

use crate::gate::{STRICT, bearer, outcome};

/// How strictly jsonwebtoken is asked.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// With the issuer and the audience set.
    Plainly,
    /// And with exp, iss, aud and sub required, and nbf looked at.
    Strictly,
}

fn jsonwebtoken_accepts(token: &str, algorithm: Algorithm, asked: Asked) -> bool {
    let jwk: Jwk = serde_json::from_value(Signer::shared("RS256").jwk()).expect("a JWK");
    let key = DecodingKey::from_jwk(&jwk).expect("a key");
    let mut validation = Validation::new(algorithm);
    validation.leeway = 0;
    validation.set_issuer(&[Token::ISSUER]);
    validation.set_audience(&[Token::AUDIENCE]);
    if matches!(asked, Asked::Strictly) {
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    }
    decode::<Value>(token, &key, &validation).is_ok()
}

/// What both say of a token at one moment: what jsonwebtoken does asked plainly and strictly, and ours.
fn verdicts(make: &dyn Fn(i64) -> String) -> (bool, bool, Result<(), DenyReason>) {
    loop {
        let now = token::now();
        let text = make(now);
        let accepts = |asked| jsonwebtoken_accepts(&text, Algorithm::RS256, asked);
        let theirs = (accepts(Asked::Plainly), accepts(Asked::Strictly));
        let ours = outcome(&STRICT.check_at(&bearer(&text), now));
        // It reads the clock itself, so a second that ended in between would blur the comparison.
        if token::now() == now {
            return (theirs.0, theirs.1, ours);
        }
    }
}

/// Name, token of this second, whether jsonwebtoken accepts it plainly and strictly, why we refuse it.
type Case = (&'static str, Box<dyn Fn(i64) -> String>, bool, bool, DenyReason);

fn case(
    name: &'static str,
    edit: impl Fn(Token, i64) -> Token + 'static,
    (plainly, strictly): (bool, bool),
    ours: DenyReason,
) -> Case {
    (name, Box::new(move |now| edit(Token::good().at(now), now).mint()), plainly, strictly, ours)
}

fn text(name: &'static str, edit: impl Fn(Compact) -> String + 'static, ours: DenyReason) -> Case {
    (name, Box::new(move |now| edit(Token::good().at(now).compact())), false, false, ours)
}

#[track_caller]
fn assert_all(cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for (name, make, plainly, strictly, ours) in cases {
        let found = verdicts(&*make);
        let expected = (plainly, strictly, Err(ours));
        if found != expected {
            wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Accepted by it however it is asked.
const BOTH: (bool, bool) = (true, true);
/// Accepted by it unless the claim is required.
const PLAINLY: (bool, bool) = (true, false);
/// Refused by both.
const NEITHER: (bool, bool) = (false, false);

#[test]
fn a_good_token_is_good_to_both() {
    assert_eq!(verdicts(&|now| Token::good().at(now).mint()), (true, true, Ok(())));
}

#[test]
fn it_does_not_look_at_what_kind_of_token_it_is() {
    assert_all(vec![
        case("typ logout+jwt", |token, _| token.header("typ", "logout+jwt"), BOTH, TypeNotAccepted),
        case("typ dpop+jwt", |token, _| token.header("typ", "dpop+jwt"), BOTH, TypeNotAccepted),
        case("typ secevent+jwt", |token, _| token.header("typ", "secevent+jwt"), BOTH, TypeNotAccepted),
        case("typ anything", |token, _| token.header("typ", "anything"), BOTH, TypeNotAccepted),
        case("no typ", |token, _| token.without_header("typ"), BOTH, TypeNotAccepted),
        case("events", |token, _| token.claim("events", json!({})), BOTH, NotAnAccessToken),
    ]);
}

#[test]
fn it_does_not_look_at_header_members_that_change_the_meaning() {
    assert_all(vec![
        case("crit unknown", |token, _| token.header("crit", json!(["x"])), BOTH, TokenMalformed),
        case("crit empty", |token, _| token.header("crit", json!([])), BOTH, TokenMalformed),
        case(
            "crit b64 and b64 false",
            |token, _| token.header("crit", json!(["b64"])).header("b64", false),
            BOTH,
            TokenMalformed,
        ),
        case("cty", |token, _| token.header("cty", "JWT"), BOTH, TokenMalformed),
        case("enc", |token, _| token.header("enc", "A256GCM"), BOTH, TokenMalformed),
        case("zip", |token, _| token.header("zip", "DEF"), BOTH, TokenMalformed),
    ]);
}

// CVE-2026-25537 and its siblings
#[test]
fn it_takes_a_claim_of_the_wrong_type_for_one_that_is_not_there() {
    assert_all(vec![
        case("iss a number", |token, _| token.claim("iss", 1), PLAINLY, IssuerUnknown),
        case("iss missing", |token, _| token.without("iss"), PLAINLY, IssuerUnknown),
        case(
            "iss a list with it",
            |token, _| token.claim("iss", json!([Token::ISSUER])),
            BOTH,
            IssuerUnknown,
        ),
        case("aud a number", |token, _| token.claim("aud", 1), PLAINLY, ClaimMalformed),
        case("aud an object", |token, _| token.claim("aud", json!({})), PLAINLY, ClaimMalformed),
        case("aud missing", |token, _| token.without("aud"), PLAINLY, ClaimMissing),
        case(
            "aud with a number",
            |token, _| token.claim("aud", json!([Token::AUDIENCE, 1])),
            PLAINLY,
            ClaimMalformed,
        ),
        case("sub a number", |token, _| token.claim("sub", 1), PLAINLY, ClaimMalformed),
        case("sub missing", |token, _| token.without("sub"), PLAINLY, ClaimMissing),
    ]);
}

#[test]
fn it_reads_dates_generously() {
    assert_all(vec![
        case("exp is now", |token, now| token.claim("exp", now), BOTH, TokenExpired),
        case(
            "exp beyond all time",
            |token, _| token.claim("exp", 1_000_000_000_000_000_000_i64),
            BOTH,
            ClaimMalformed,
        ),
        case("iat in the future", |token, now| token.claim("iat", now + 86_400), BOTH, TokenNotYetValid),
        case("nbf in the future", |token, now| token.claim("nbf", now + 86_400), PLAINLY, TokenNotYetValid),
        case("nbf a string", |token, _| token.claim("nbf", "later"), PLAINLY, ClaimMalformed),
    ]);
}

#[test]
fn it_never_looks_at_some_claims_of_rfc_9068() {
    assert_all(vec![
        case("no iat", |token, _| token.without("iat"), BOTH, ClaimMissing),
        case("no jti", |token, _| token.without("jti"), BOTH, ClaimMissing),
        case("no client_id", |token, _| token.without("client_id"), BOTH, ClaimMissing),
        case(
            "a bound token",
            |token, _| token.claim("cnf", json!({ "jkt": "x" })),
            BOTH,
            DenyReason::TokenBound,
        ),
    ]);
}

#[test]
fn it_takes_the_last_of_two_members() {
    let twice = |name: &'static str, value: &'static str| {
        move |token: Token, _| {
            let text = token.payload_text();
            token
                .raw_payload(format!(r#"{},"{name}":{value},"{name}":{value}}}"#, text.trim_end_matches('}')))
        }
    };
    assert_all(vec![
        case("cnf twice", twice("cnf", "null"), BOTH, TokenMalformed),
        case("an unknown claim twice", twice("x", "1"), BOTH, TokenMalformed),
        case(
            "scope twice",
            |token, _| {
                let text = token.payload_text();
                token.raw_payload(text.replacen('{', r#"{"scope":"x","#, 1))
            },
            BOTH,
            TokenMalformed,
        ),
        case(
            "an unknown header member twice",
            |token, _| {
                let text = token.header_text();
                token.raw_header(text.replacen('{', r#"{"x":1,"x":2,"#, 1))
            },
            BOTH,
            TokenMalformed,
        ),
    ]);
}

#[test]
fn both_refuse_the_rest() {
    let first = |member: &'static str| {
        move |token: Token, _| {
            let text = token.payload_text();
            token.raw_payload(text.replacen('{', &format!("{{{member},"), 1))
        }
    };
    assert_all(vec![
        case("exp twice", first(r#""exp":1"#), NEITHER, TokenMalformed),
        case("alg none", |token, _| token.alg("none"), NEITHER, AlgorithmNotAccepted),
        case("alg in lower case", |token, _| token.alg("rs256"), NEITHER, AlgorithmNotAccepted),
        case("exp a string", |token, _| token.claim("exp", "1900000000"), NEITHER, ClaimMalformed),
        case("exp null", |token, _| token.claim("exp", json!(null)), NEITHER, ClaimMalformed),
        case("exp negative", |token, _| token.claim("exp", -1), NEITHER, ClaimMalformed),
        case("aud empty", |token, _| token.claim("aud", json!([])), NEITHER, ClaimMalformed),
        case("another audience", |token, _| token.claim("aud", "x"), NEITHER, AudienceMismatch),
        case(
            "a header in a list",
            |token, _| {
                let text = token.header_text();
                token.raw_header(format!("[{text}]"))
            },
            NEITHER,
            TokenMalformed,
        ),
        text("padding", |token| format!("{}==", token.join()), TokenMalformed),
        text("a newline after", |token| format!("{}\n", token.join()), CredentialMalformed),
        text("a dot after", |token| format!("{}.", token.join()), TokenOpaque),
        text(
            "loose trailing bits",
            |token| token.with_loose_bits().expect("RSA signatures have some"),
            TokenMalformed,
        ),
    ]);
}

#[test]
fn it_does_not_know_es512_and_the_new_name_of_ed25519() {
    for name in ["ES512", "Ed25519"] {
        assert!(name.parse::<Algorithm>().is_err(), "{name}: jsonwebtoken has learned it");
    }
}

// C.1: the JWK side
#[test]
fn it_reads_keys_without_asking_what_they_are_for() {
    let edited = |name: &str, value: Value| {
        let mut jwk = Signer::shared("RS256").jwk();
        jwk[name] = value;
        jwk
    };
    for (name, jwk) in [
        ("for encryption", edited("use", json!("enc"))),
        ("to sign only", edited("key_ops", json!(["sign"]))),
        ("for another algorithm", edited("alg", json!("ES256"))),
        ("with exponent 1", edited("e", json!("AQ"))),
    ] {
        let theirs: Jwk = serde_json::from_value(jwk.clone()).unwrap();
        assert!(DecodingKey::from_jwk(&theirs).is_ok(), "{name}: jsonwebtoken has learned to refuse it");
        let set = json!({ "keys": [jwk] }).to_string();
        assert!(
            gatepost::jose::KeySet::read(set.as_bytes(), &gatepost::jose::Algorithm::ALL).is_err(),
            "{name}"
        );
    }
    let mut odd = Signer::generate("ES256").jwk();
    odd["kid"] = json!(7);
    let set = json!({ "keys": [odd, Signer::shared("RS256").jwk()] }).to_string();
    assert!(
        serde_json::from_str::<jsonwebtoken::jwk::JwkSet>(&set).is_err(),
        "one bad kid fails its whole set"
    );
    assert!(gatepost::jose::KeySet::read(set.as_bytes(), &gatepost::jose::Algorithm::ALL).is_ok());
}
