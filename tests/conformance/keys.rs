//! Promise: a key set costs what is wrong with it and no more: an unusable key is left out, the others serve,
//! and no weak, private, ambiguous or symmetric key ever verifies (standards.md J6, J10 to J12).

mod weak;

use gatepost::check::DenyReason::{AlgorithmNotAccepted, KeyUnknown, SignatureInvalid};
use gatepost::jose::{Algorithm, KeyFault, KeySet, KeySetFault};
use gatepost_test_support::{Signer, token};
use serde_json::{Value, json};

use crate::gate::{Gate, Table, good};

fn read(keys: &[Value]) -> Result<KeySet, KeySetFault> {
    KeySet::read(json!({ "keys": keys }).to_string().as_bytes(), &Algorithm::ALL)
}

/// A JWK with these members in place of its own; `null` takes one away.
fn with(signer: &Signer, edits: Value) -> Value {
    let mut jwk = signer.jwk();
    for (name, value) in edits.as_object().expect("edits are an object") {
        jwk[name] = value.clone();
    }
    jwk.as_object_mut().expect("a JWK is an object").retain(|_, value| !value.is_null());
    jwk
}

fn rsa(edits: Value) -> Value {
    with(&Signer::shared("RS256"), edits)
}

fn ec(edits: Value) -> Value {
    with(&Signer::shared("ES256"), edits)
}

/// Reads each key beside a good one, which must serve on.
#[track_caller]
fn assert_skipped(cases: Vec<(&str, Value, KeyFault)>) {
    let mut wrong = Vec::new();
    for (name, key, fault) in cases {
        let set =
            read(&[key, with(&Signer::shared("ES384"), json!({ "kid": "good" }))]).expect("one is good");
        let found: Vec<_> = set.skipped().iter().map(|skipped| (skipped.position, skipped.fault)).collect();
        let serves: Vec<_> = set.keys().iter().filter_map(|key| key.kid()).collect();
        if found != [(0, fault)] || serves != ["good"] {
            wrong.push(format!("{name}: expected {fault:?}, found {found:?}, serving {serves:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn url64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

// J11, J12
#[test]
fn a_key_for_something_else_is_left_out() {
    assert_skipped(vec![
        ("for encryption", rsa(json!({ "use": "enc" })), KeyFault::NotForSignatures),
        (
            "Keycloak's for encryption",
            rsa(json!({ "use": "enc", "alg": "RSA-OAEP" })),
            KeyFault::NotForSignatures,
        ),
        ("for another use", rsa(json!({ "use": "SIG" })), KeyFault::NotForSignatures),
        ("use is a list", rsa(json!({ "use": ["sig"] })), KeyFault::Member("use")),
        ("to sign only", rsa(json!({ "key_ops": ["sign"] })), KeyFault::NotForSignatures),
        ("to encrypt", rsa(json!({ "key_ops": ["encrypt", "wrapKey"] })), KeyFault::NotForSignatures),
        ("to do nothing", rsa(json!({ "key_ops": [] })), KeyFault::NotForSignatures),
        ("key_ops is a string", rsa(json!({ "key_ops": "verify" })), KeyFault::Member("key_ops")),
        (
            "to encrypt by its algorithm",
            rsa(json!({ "use": null, "alg": "RSA-OAEP-256" })),
            KeyFault::Algorithm,
        ),
    ]);
    for fine in [
        json!({ "key_ops": ["verify"] }),
        json!({ "use": null }),
        json!({ "use": null, "key_ops": ["sign", "verify"] }),
    ] {
        assert!(read(&[rsa(fine.clone())]).is_ok(), "{fine}");
    }
}

// J12; CVE-2016-10555
#[test]
fn a_symmetric_key_is_never_taken_from_a_set() {
    let secret = json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "RS256", "alg": "HS256" });
    assert_skipped(vec![
        ("for HS256", secret.clone(), KeyFault::Unsupported),
        ("called RS256", json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "RS256" }), KeyFault::Unsupported),
        ("without alg", json!({ "kty": "oct", "k": "c2VjcmV0" }), KeyFault::Unsupported),
    ]);
    let mut set = token::jwks([&Signer::shared("ES256")]);
    set["keys"].as_array_mut().unwrap().push(secret.clone());
    let gate = Gate::with_keys("", &set);
    Table::of(&gate)
        .refuses("a MAC by it", &good().hs256("secret"), AlgorithmNotAccepted)
        .refuses("a MAC by it, called ES256", &good().hs256("secret").alg("ES256"), KeyUnknown)
        .allows("the other key", &good().signed_by(&Signer::shared("ES256")))
        .holds();
    assert!(matches!(read(&[secret]), Err(KeySetFault::NoUsableKey(_))));
}

// J12: RFC 7517 §5
#[test]
fn a_key_that_cannot_be_read_is_left_out() {
    assert_skipped(vec![
        ("of tomorrow", json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" }), KeyFault::Unsupported),
        ("no kty", rsa(json!({ "kty": null })), KeyFault::Member("kty")),
        ("kty in another case", rsa(json!({ "kty": "rsa" })), KeyFault::Unsupported),
        ("kty is a number", rsa(json!({ "kty": 1 })), KeyFault::Member("kty")),
        ("kid is a number", rsa(json!({ "kid": 7 })), KeyFault::Member("kid")),
        ("an empty object", json!({}), KeyFault::Member("kty")),
        ("a string", json!("key"), KeyFault::Json(gatepost::jose::JsonFault::NotAnObject)),
        ("null", json!(null), KeyFault::Json(gatepost::jose::JsonFault::NotAnObject)),
        ("X25519", json!({ "kty": "OKP", "crv": "X25519", "x": "AA" }), KeyFault::Unsupported),
        ("Ed448", json!({ "kty": "OKP", "crv": "Ed448", "x": "AA" }), KeyFault::Unsupported),
        ("secp256k1", ec(json!({ "crv": "secp256k1", "alg": "ES256K" })), KeyFault::Unsupported),
        ("no crv", ec(json!({ "crv": null })), KeyFault::Member("crv")),
        ("no modulus", rsa(json!({ "n": null })), KeyFault::Member("n")),
        ("no exponent", rsa(json!({ "e": null })), KeyFault::Member("e")),
        ("an exponent in standard base64", rsa(json!({ "e": "AQAB=" })), KeyFault::Member("e")),
        ("a modulus in a list", rsa(json!({ "n": ["x"] })), KeyFault::Member("n")),
        ("no y", ec(json!({ "y": null })), KeyFault::Member("y")),
    ]);
    let twice = r#"{"keys":[{"kty":"RSA","kty":"oct"}]}"#;
    let fault = KeySet::read(twice.as_bytes(), &Algorithm::ALL).unwrap_err();
    assert!(fault.to_string().contains("member name twice"), "{fault}");
}

// J6, J11
#[test]
fn the_algorithm_of_a_key_must_fit_it() {
    assert_skipped(vec![
        ("RSA for ES256", rsa(json!({ "alg": "ES256" })), KeyFault::Algorithm),
        ("P-256 for ES384", ec(json!({ "alg": "ES384" })), KeyFault::Algorithm),
        ("P-256 for RS256", ec(json!({ "alg": "RS256" })), KeyFault::Algorithm),
        ("RSA for HS256", rsa(json!({ "alg": "HS256" })), KeyFault::Algorithm),
        ("RSA for none", rsa(json!({ "alg": "none" })), KeyFault::Algorithm),
        ("RSA for rs256", rsa(json!({ "alg": "rs256" })), KeyFault::Algorithm),
        ("alg is a list", rsa(json!({ "alg": ["RS256"] })), KeyFault::Member("alg")),
        (
            "Ed25519 for ES256",
            with(&Signer::shared("Ed25519"), json!({ "alg": "ES256" })),
            KeyFault::Algorithm,
        ),
    ]);
    let only_es =
        KeySet::read(token::jwks([&Signer::shared("RS256")]).to_string().as_bytes(), &[Algorithm::Es256]);
    assert!(matches!(only_es, Err(KeySetFault::NoUsableKey(_))), "an algorithm that the issuer may not use");
}

// J10
#[test]
fn two_keys_of_one_kid_and_algorithm_are_both_left_out() {
    let (a, b) = (Signer::generate("ES256").kid("twin"), Signer::generate("ES256").kid("twin"));
    let other = Signer::generate("ES256").kid("other");
    let gate = Gate::with_keys("", &token::jwks([&a, &b, &other]));
    Table::of(&gate)
        .refuses("the first", &good().signed_by(&a), KeyUnknown)
        .refuses("the second", &good().signed_by(&b), KeyUnknown)
        .refuses("the first, without a kid", &good().signed_by(&a.clone().without_kid()), SignatureInvalid)
        .allows("the other", &good().signed_by(&other))
        .holds();
}

// J10: the same key again leaves no doubt which was meant.
#[test]
fn one_key_listed_twice_is_one_key() {
    let key = Signer::generate("RS256").kid("twice");
    let gate = Gate::with_keys("", &token::jwks([&key, &key, &key.clone().without_alg()]));
    Table::of(&gate).allows("by it", &good().signed_by(&key)).holds();
    let twice = read(&[key.jwk(), key.jwk()]).unwrap();
    assert_eq!((twice.keys().len(), twice.skipped().len()), (1, 0));
}

// J10: RFC 7517 §4.5
#[test]
fn one_kid_for_keys_of_different_types_is_two_keys() {
    let keys = ["RS256", "ES256", "Ed25519"].map(|name| Signer::generate(name).kid("same"));
    let gate = Gate::with_keys("", &token::jwks(&keys));
    let mut table = Table::of(&gate);
    for key in &keys {
        table = table.allows(key.algorithm(), &good().signed_by(key));
    }
    table
        .refuses(
            "of a type that has none",
            &good().signed_by(&Signer::shared("ES384").kid("same")),
            AlgorithmNotAccepted,
        )
        .holds();
}

// J10
#[test]
fn a_set_that_names_no_key_may_hold_the_one_that_is_meant() {
    let key = Signer::generate("ES256").without_kid();
    let other = Signer::generate("ES256").without_kid();
    Table::of(&Gate::with_keys("", &token::jwks([&key])))
        .allows("without", &good().signed_by(&key))
        .allows("with any", &good().signed_by(&key).header("kid", "x"))
        .refuses("by another key", &good().signed_by(&other).header("kid", "x"), SignatureInvalid)
        .holds();
    let named = Signer::generate("ES256").kid("named");
    Table::of(&Gate::with_keys("", &token::jwks([&key, &named])))
        .allows("by its kid", &good().signed_by(&named))
        .refuses("by a kid of none", &good().signed_by(&key).header("kid", "x"), KeyUnknown)
        .holds();
}

// J12
#[test]
fn what_is_no_key_set_is_no_key_set() {
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "<!doctype html><title>Sign in</title>",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"keys":"x"}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[]"#,
        r#"{"keys":[]} x"#,
        r#"{"error":"server_error"}"#,
    ] {
        let fault = KeySet::read(text.as_bytes(), &Algorithm::ALL).unwrap_err();
        assert_eq!(fault, KeySetFault::NotAKeySet, "{text}");
    }
    assert_eq!(read(&[]).unwrap_err(), KeySetFault::NoUsableKey(vec![]));
}

// J12, J17
#[test]
fn a_set_of_very_many_keys_is_read_up_to_a_bound() {
    let key = Signer::shared("ES256");
    let many: Vec<_> = (0..150).map(|n| key.clone().kid(&format!("key {n}")).jwk()).collect();
    let set = read(&many).unwrap();
    assert_eq!(set.keys().len(), 100);
    assert_eq!(set.skipped().last().unwrap().fault, KeyFault::TooMany);
}

// J9, J12
#[test]
fn what_else_a_key_says_changes_nothing() {
    for extra in [
        json!({ "x5c": ["MIIB"], "x5t": "x", "x5u": "https://evil.example" }),
        json!({ "exp": 1, "nbf": 2 }),
        json!({ "issuer": "https://evil.example" }),
        json!({ "ext": true, "unknown": { "a": 1 } }),
        json!({ "alg": null }),
        json!({ "kid": null }),
    ] {
        assert!(read(&[rsa(extra.clone())]).is_ok(), "{extra}");
    }
    let jwk = Signer::shared("RS256").jwk();
    let with_sign_byte = {
        use base64::Engine as _;
        let n = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
        url64(&[&[0], &n[..]].concat())
    };
    let gate = Gate::with_keys("", &json!({ "keys": [rsa(json!({ "n": with_sign_byte }))] }));
    Table::of(&gate).allows("a modulus with a sign byte", &good()).holds();
}
