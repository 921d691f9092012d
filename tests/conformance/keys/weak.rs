//! Keys that must not be trusted: weak, malformed, or published with their private half (J11).

use gatepost::jose::KeyFault;
use gatepost_test_support::Signer;
use serde_json::json;

use super::{assert_skipped, ec, rsa, url64, with};

// J11: RFC 7518 §3.3
#[test]
fn a_weak_rsa_key_is_left_out() {
    let modulus = |bytes: usize| url64(&[&[0xc1], &vec![0x55; bytes - 2][..], &[0x0b]].concat());
    assert_skipped(vec![
        ("of 512 bits", rsa(json!({ "n": modulus(64) })), KeyFault::WeakRsa),
        ("of 1024 bits", rsa(json!({ "n": modulus(128) })), KeyFault::WeakRsa),
        ("of 2040 bits", rsa(json!({ "n": modulus(255) })), KeyFault::WeakRsa),
        ("of 1024 bits and zeros", rsa(json!({ "n": padded(128) })), KeyFault::WeakRsa),
        ("of 16384 bits", rsa(json!({ "n": modulus(2048) })), KeyFault::WeakRsa),
        ("of no bits", rsa(json!({ "n": "" })), KeyFault::WeakRsa),
        ("with exponent 0", rsa(json!({ "e": "AA" })), KeyFault::WeakRsa),
        ("with exponent 1", rsa(json!({ "e": "AQ" })), KeyFault::WeakRsa),
        ("with exponent 1 and zeros", rsa(json!({ "e": "AAAAAQ" })), KeyFault::WeakRsa),
        ("with exponent 2", rsa(json!({ "e": "Ag" })), KeyFault::WeakRsa),
        ("with exponent 65536", rsa(json!({ "e": "AQAA" })), KeyFault::WeakRsa),
        ("without exponent", rsa(json!({ "e": "" })), KeyFault::WeakRsa),
    ]);
}

#[test]
fn an_rsa_key_with_an_even_modulus_is_left_out() {
    assert_skipped(vec![("an even modulus", rsa(json!({ "n": even() })), KeyFault::Invalid)]);
}

fn padded(bytes: usize) -> String {
    url64(&[vec![0; 256 - bytes], vec![0xc1; bytes]].concat())
}

fn even() -> String {
    url64(&[&[0xc1], &[0x55; 254][..], &[0x0a]].concat())
}

// J11; CVE-2017-15361
#[test]
fn an_rsa_key_of_the_infineon_generator_is_left_out() {
    // 65537^128 has 2049 bits and is a power of 65537 modulo every prime, as such a modulus is.
    let mut modulus = vec![1_u8];
    for _ in 0..128 {
        let shifted = [&modulus[..], &[0, 0]].concat();
        modulus = add(&shifted, &modulus);
    }
    assert_eq!(modulus.len(), 257);
    assert_skipped(vec![("65537^128", rsa(json!({ "n": url64(&modulus) })), KeyFault::Roca)]);
}

/// The sum of two big-endian numbers, of which the first is longer.
fn add(long: &[u8], short: &[u8]) -> Vec<u8> {
    let mut sum = Vec::new();
    let mut carry = 0_u16;
    let padding = std::iter::repeat(&0);
    for (a, b) in long.iter().rev().zip(short.iter().rev().chain(padding)) {
        carry += u16::from(*a) + u16::from(*b);
        sum.push(carry.to_le_bytes()[0]);
        carry >>= 8;
    }
    sum.extend((carry > 0).then_some(1));
    sum.reverse();
    sum
}

// J11
#[test]
fn a_point_that_is_not_on_its_curve_is_left_out() {
    let mut cases = Vec::new();
    for name in ["ES256", "ES384", "ES512"] {
        let signer = Signer::shared(name);
        let jwk = signer.jwk();
        let member = |name: &str| -> Vec<u8> {
            use base64::Engine as _;
            base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap()
        };
        let (x, y) = (member("x"), member("y"));
        let mut off = y.clone();
        *off.last_mut().unwrap() ^= 1;
        for (what, edits) in [
            ("off the curve", json!({ "y": url64(&off) })),
            ("x and y exchanged", json!({ "x": url64(&y), "y": url64(&x) })),
            ("at zero", json!({ "x": url64(&vec![0; x.len()]), "y": url64(&vec![0; x.len()]) })),
            ("past the field", json!({ "x": url64(&vec![0xff; x.len()]) })),
            ("a byte less", json!({ "x": url64(&x[1..]) })),
            ("a byte more", json!({ "x": url64(&[&[0], &x[..]].concat()) })),
            ("no bytes", json!({ "x": "" })),
            ("compressed", json!({ "x": url64(&[&[2], &x[..]].concat()), "y": "" })),
        ] {
            cases.push((what, with(&signer, edits), KeyFault::Invalid));
        }
    }
    let ed = Signer::shared("Ed25519");
    cases.push(("Ed25519 of 31 bytes", with(&ed, json!({ "x": url64(&[1; 31]) })), KeyFault::Invalid));
    cases.push(("Ed25519 of 33 bytes", with(&ed, json!({ "x": url64(&[1; 33]) })), KeyFault::Invalid));
    assert_skipped(cases);
}

// CVE-2026-31837
#[test]
fn a_key_whose_private_half_is_published_is_left_out() {
    let mut cases = Vec::new();
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
        cases.push((name, rsa(json!({ name: "AQAB" })), KeyFault::PrivatePublished));
    }
    cases.push(("d of a curve", ec(json!({ "d": "AQAB" })), KeyFault::PrivatePublished));
    cases.push((
        "d of Ed25519",
        with(&Signer::shared("Ed25519"), json!({ "d": "AA" })),
        KeyFault::PrivatePublished,
    ));
    cases.push(("priv", rsa(json!({ "priv": "AA" })), KeyFault::PrivatePublished));
    cases.push(("d that is no text", rsa(json!({ "d": 1 })), KeyFault::PrivatePublished));
    assert_skipped(cases);
}
