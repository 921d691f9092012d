//! Promise: other people's keys and signatures are read as they are meant: the JOSE cookbook (RFC 7520), RFC
//! 8037, RFC 7797 and the DPoP proofs printed in RFC 9449.
//!
//! The vectors lie beside the repository, in `../shared/vectors`. Where they do not, these tests are reported as
//! ignored.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gatepost::check::DenyReason::{AlgorithmNotAccepted, TokenMalformed};
use gatepost::jose::{Algorithm, JsonFault, Jws, KeyFault, KeySet, KeySetFault, Lookup, ParseFault};
use serde_json::{Value, json};

use crate::gate::{STRICT, outcome};

/// The vector at this path.
fn vector(path: &str) -> Value {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let text = fs::read_to_string(vectors.join(path)).expect("a vector");
    serde_json::from_str(&text).expect("a vector is JSON")
}

/// A key as it would be published: without what is private.
fn public(key: &Value) -> Value {
    let mut key = key.clone();
    let private = ["d", "p", "q", "dp", "dq", "qi"];
    key.as_object_mut().expect("a JWK").retain(|name, _| !private.contains(&name.as_str()));
    key
}

fn set(key: &Value) -> KeySet {
    let text = json!({ "keys": [key] }).to_string();
    KeySet::read(text.as_bytes(), &Algorithm::ALL).expect("a key to verify with")
}

fn member(key: &Value, name: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(key[name].as_str().expect("a member")).expect("base64url")
}

/// Whether the key verifies this token.
fn verifies(key: &Value, token: &str) -> bool {
    let jws = Jws::parse(token).expect("a JWS of claims");
    let algorithm = Algorithm::from_name(&jws.header.alg).expect("an algorithm that we know");
    match set(key).lookup(jws.header.kid.as_deref(), algorithm) {
        Lookup::Found(keys) => keys.iter().any(|key| key.verifies(&jws, algorithm)),
        Lookup::OtherAlgorithm | Lookup::Unknown => false,
    }
}

/// The three whole proofs among the examples; the others are access tokens and parts.
fn dpop_proofs() -> Vec<Value> {
    let vectors = vector("rfc/rfc9449_examples.json");
    let examples = vectors["examples"].as_array().expect("a list");
    let proofs: Vec<_> =
        examples.iter().filter(|example| example["header"]["jwk"].is_object()).cloned().collect();
    assert_eq!(proofs.len(), 3);
    proofs
}

#[test]
#[cfg_attr(not(vectors), ignore = "../shared/vectors is not there")]
fn the_dpop_proofs_of_rfc_9449_verify_with_the_keys_in_them() {
    let examples = dpop_proofs();
    for example in &examples {
        let token = example["jws"].as_str().unwrap();
        let jws = Jws::parse(token).unwrap();
        let claim = |name| jws.claims.string(name).unwrap();
        assert_eq!(claim("jti"), example["payload"]["jti"].as_str());
        assert_eq!(jws.header.media_type().as_deref(), Some("dpop+jwt"));
        assert!(verifies(&example["header"]["jwk"], token), "{token}");
        let other = examples.iter().find(|other| other["jws"] != example["jws"]).unwrap();
        let (input, _) = token.rsplit_once('.').unwrap();
        let (_, signature) = other["jws"].as_str().unwrap().rsplit_once('.').unwrap();
        assert!(!verifies(&example["header"]["jwk"], &format!("{input}.{signature}")), "{token}");
    }
}

#[test]
#[cfg_attr(not(vectors), ignore = "../shared/vectors is not there")]
fn a_dpop_proof_of_rfc_9449_is_no_access_token() {
    for example in dpop_proofs() {
        assert!(outcome(&STRICT.token(example["jws"].as_str().unwrap())).is_err());
    }
}

#[test]
#[cfg_attr(not(vectors), ignore = "../shared/vectors is not there")]
fn the_public_keys_of_the_cookbook_are_read() {
    for (path, algorithms) in [
        ("jwk/3_1.ec_public_key.json", vec![Algorithm::Es512]),
        ("jwk/3_3.rsa_public_key.json", Algorithm::ALL[..6].to_vec()),
    ] {
        let key = vector(&format!("jose-cookbook/{path}"));
        let set = set(&key);
        assert_eq!(set.keys()[0].kid(), Some("bilbo.baggins@hobbiton.example"));
        assert_eq!(set.keys()[0].algorithms().collect::<Vec<_>>(), algorithms, "{path}");
    }
}

#[test]
#[cfg_attr(not(vectors), ignore = "../shared/vectors is not there")]
fn the_private_and_symmetric_keys_of_the_cookbook_are_not() {
    for (path, fault) in [
        ("jwk/3_2.ec_private_key.json", KeyFault::PrivatePublished),
        ("jwk/3_4.rsa_private_key.json", KeyFault::PrivatePublished),
        ("jwk/3_5.symmetric_key_mac_computation.json", KeyFault::Unsupported),
        ("jwk/3_6.symmetric_key_encryption.json", KeyFault::NotForSignatures),
    ] {
        let key = vector(&format!("jose-cookbook/{path}"));
        let text = json!({ "keys": [key] }).to_string();
        let found = KeySet::read(text.as_bytes(), &Algorithm::ALL).unwrap_err();
        let KeySetFault::NoUsableKey(skipped) = found else { panic!("{path}: {found}") };
        assert_eq!(skipped[0].fault, fault, "{path}");
    }
}

#[test]
#[cfg_attr(not(vectors), ignore = "../shared/vectors is not there")]
fn the_signatures_of_the_cookbook_verify_and_changed_ones_do_not() {
    for (path, algorithm) in [
        ("jws/4_1.rsa_v15_signature.json", Algorithm::Rs256),
        ("jws/4_2.rsa-pss_signature.json", Algorithm::Ps384),
        ("jws/4_3.ecdsa_signature.json", Algorithm::Es512),
        ("curve25519/jws.json", Algorithm::Ed25519),
    ] {
        let vector = vector(&format!("jose-cookbook/{path}"));
        let (signed, signature) = vector["output"]["compact"].as_str().unwrap().rsplit_once('.').unwrap();
        let mut signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        let keys = set(&public(&vector["input"]["key"]));
        assert!(keys.keys()[0].verifies_bytes(signed.as_bytes(), &signature, algorithm), "{path}");
        let others = Algorithm::ALL.iter().filter(|other| **other != algorithm);
        for other in others {
            assert!(
                !keys.keys()[0].verifies_bytes(signed.as_bytes(), &signature, *other),
                "{path} as {other}"
            );
        }
        signature[10] ^= 1;
        assert!(!keys.keys()[0].verifies_bytes(signed.as_bytes(), &signature, algorithm), "{path}");
    }
}

#[test]
#[cfg_attr(not(vectors), ignore = "../shared/vectors is not there")]
fn the_prose_that_the_cookbook_signs_is_no_token() {
    for path in [
        "jws/4_1.rsa_v15_signature.json",
        "jws/4_2.rsa-pss_signature.json",
        "jws/4_3.ecdsa_signature.json",
        "jws/4_4.hmac-sha2_integrity_protection.json",
        "curve25519/jws.json",
    ] {
        let vector = vector(&format!("jose-cookbook/{path}"));
        let token = vector["output"]["compact"].as_str().unwrap();
        assert_eq!(Jws::parse(token).unwrap_err(), ParseFault::Payload(JsonFault::Syntax), "{path}");
        assert_eq!(outcome(&STRICT.token(token)), Err(TokenMalformed), "{path}");
    }
}

#[test]
#[cfg_attr(not(vectors), ignore = "../shared/vectors is not there")]
fn a_mac_of_the_cookbook_is_refused_even_over_claims() {
    let vector = vector("jose-cookbook/jws/4_4.hmac-sha2_integrity_protection.json");
    let secret = member(&vector["input"]["key"], "k");
    let good = crate::gate::good().hs256(secret).mint();
    assert_eq!(outcome(&STRICT.token(&good)), Err(AlgorithmNotAccepted));
}

#[test]
#[cfg_attr(not(vectors), ignore = "../shared/vectors is not there")]
fn detached_unencoded_and_json_serialized_examples_are_refused() {
    for path in [
        "jws/4_4.hmac-sha2_integrity_protection.json",
        "jws/4_5.signature_with_detached_content.json",
        "jws/4_6.protecting_specific_header_fields.json",
        "jws/4_7.protecting_content_only.json",
        "jws/4_8.multiple_signatures.json",
        "rfc7797/4.2.hmac-sha2_b64_false.json",
        "rfc7797/hmac-sha2_b64_false.json",
    ] {
        let vector = vector(&format!("jose-cookbook/{path}"));
        let outputs = vector["output"].as_object().unwrap();
        assert!(!outputs.is_empty(), "{path}");
        for (form, value) in outputs {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert!(Jws::parse(&text).is_err(), "{path}: {form}");
            assert!(outcome(&STRICT.token(&text)).is_err(), "{path}: {form}");
        }
    }
}
