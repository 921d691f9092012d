//! The signature: exact length and form, in range, over these very bytes, by a key of this issuer (J11, J15).

use gatepost::check::DenyReason::{KeyUnknown, SignatureInvalid, TokenMalformed};
use gatepost_test_support::{Compact, Signer, Token, token};
use serde_json::json;

use crate::gate::{Gate, STRICT, Table, good, issuer};

/// One algorithm of each kind of signature.
const KINDS: [&str; 6] = ["RS256", "PS256", "ES256", "ES384", "ES512", "Ed25519"];

// J11
#[test]
fn refuses_a_signature_that_is_not_exactly_as_long_as_it_must_be() {
    let mut table = Table::of(&STRICT);
    for name in KINDS {
        let token = good().signed_by(&Signer::shared(name)).compact();
        let bytes = token.signature_bytes();
        for (what, bytes) in [
            ("one byte less", bytes[..bytes.len() - 1].to_vec()),
            ("one byte less in front", bytes[1..].to_vec()),
            ("one byte more", [&bytes[..], &[0]].concat()),
            ("a zero in front", [&[0], &bytes[..]].concat()),
            ("half", bytes[..bytes.len() / 2].to_vec()),
            ("twice", bytes.repeat(2)),
            ("one byte", vec![0]),
            ("far more", bytes.repeat(16)),
        ] {
            let text = token.with_signature(bytes).join();
            table = table.refuses_text(&format!("{name}: {what}"), &text, SignatureInvalid);
        }
        let none = good().signed_by(&Signer::shared(name)).signature([]);
        table = table.refuses(&format!("{name}: none"), &none, TokenMalformed);
    }
    table.holds();
}

// J11; CVE-2022-21449
#[test]
fn refuses_a_signature_of_nothing() {
    let mut table = Table::of(&STRICT);
    for name in KINDS {
        let signed = good().signed_by(&Signer::shared(name)).compact();
        let length = signed.signature_bytes().len();
        for byte in [0x00, 0x01, 0xff] {
            let text = signed.with_signature(vec![byte; length]).join();
            table = table.refuses_text(&format!("{name}: all {byte}"), &text, SignatureInvalid);
        }
        let mut one = vec![0; length];
        one[length - 1] = 1;
        table =
            table.refuses_text(&format!("{name}: one"), &signed.with_signature(one).join(), SignatureInvalid);
    }
    table.holds();
}

// J11
#[test]
fn refuses_r_and_s_out_of_range() {
    // The order n of P-256 (SEC 2 §2.4.2).
    let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let token = good().signed_by(&Signer::shared("ES256")).compact();
    let bytes = token.signature_bytes();
    let (r, s) = bytes.split_at(32);
    let zero = [0; 32];
    let mut table = Table::of(&STRICT);
    for (name, r, s) in [
        ("r is 0", &zero[..], s),
        ("s is 0", r, &zero[..]),
        ("r is n", &order, s),
        ("s is n", r, &order),
        ("both are n", &order, &order),
        ("r and s are exchanged", s, r),
        ("s is past n", r, &[0xff; 32]),
    ] {
        let text = token.with_signature([r, s].concat()).join();
        table = table.refuses_text(name, &text, SignatureInvalid);
    }
    table.holds();
}

// J11
#[test]
fn refuses_ecdsa_signatures_in_der() {
    let mut table = Table::of(&STRICT);
    for name in ["ES256", "ES384", "ES512"] {
        let token = good().signed_in_der_by(&Signer::shared(name));
        table = table.refuses(name, &token, SignatureInvalid);
    }
    table.holds();
}

// RFC 8032 §5.1.7: S below the order L, or a signature would have a second form.
#[test]
fn refuses_an_ed25519_signature_with_s_past_the_order() {
    let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let token = good().signed_by(&Signer::shared("Ed25519")).compact();
    let mut bytes = token.signature_bytes();
    let mut carry = 0;
    for (byte, add) in bytes[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    Table::of(&STRICT).refuses_text("S + L", &token.with_signature(bytes).join(), SignatureInvalid).holds();
}

// J11
#[test]
fn refuses_a_signature_over_anything_else() {
    let mut table = Table::of(&STRICT);
    for name in KINDS {
        let signer = Signer::shared(name);
        let token = good().signed_by(&signer).compact();
        let admin = good().signed_by(&signer).claim("sub", "admin").compact();
        let retyped = good().signed_by(&signer).header("x", 1).compact();
        table = table
            .refuses_text(
                &format!("{name}: other claims"),
                &Compact { payload: admin.payload, ..token.clone() }.join(),
                SignatureInvalid,
            )
            .refuses_text(
                &format!("{name}: another header"),
                &Compact { header: retyped.header, ..token.clone() }.join(),
                SignatureInvalid,
            )
            .refuses_text(
                &format!("{name}: of the claims alone"),
                &token.with_signature(signer.sign(token.payload.as_bytes())).join(),
                SignatureInvalid,
            )
            .refuses_text(
                &format!("{name}: by another key"),
                &token.with_signature(Signer::generate(name).sign(b"x")).join(),
                SignatureInvalid,
            );
    }
    table.holds();
}

// J15: RFC 8725 §3.8
#[test]
fn the_key_must_be_one_of_the_issuer_that_the_token_names() {
    let (ours, theirs) = (Signer::generate("ES256").kid("shared"), Signer::generate("ES256").kid("shared"));
    let only_theirs = Signer::generate("ES256").kid("only theirs");
    let gate = Gate::with_issuers(
        &format!("{}{}", issuer(Token::ISSUER, ""), issuer("https://other.example", "")),
        &[&token::jwks([&ours]), &token::jwks([&theirs, &only_theirs])],
    );
    let other = || good().claim("iss", "https://other.example");
    Table::of(&gate)
        .allows("ours", &good().signed_by(&ours))
        .allows("theirs", &other().signed_by(&theirs))
        .allows("theirs too", &other().signed_by(&only_theirs))
        .refuses("our token by their key of the same kid", &good().signed_by(&theirs), SignatureInvalid)
        .refuses("their token by our key of the same kid", &other().signed_by(&ours), SignatureInvalid)
        .refuses("our token by a key that only they have", &good().signed_by(&only_theirs), KeyUnknown)
        .refuses("without a kid", &good().signed_by(&theirs.clone().without_kid()), SignatureInvalid)
        .holds();
}

#[test]
fn a_token_without_a_kid_is_tried_with_the_few_keys_of_its_algorithm() {
    let keys: Vec<_> = (0..12).map(|n| Signer::generate("ES256").kid(&format!("key {n}"))).collect();
    let gate = Gate::with_keys("", &token::jwks(&keys));
    let by = |n: usize| good().signed_by(&keys[n].clone().without_kid());
    Table::of(&gate)
        .allows("the first", &by(0))
        .allows("the tenth", &by(9))
        .refuses("the eleventh", &by(10), SignatureInvalid)
        .allows("the eleventh by its kid", &good().signed_by(&keys[10]))
        .refuses(
            "of an algorithm without keys",
            &good().signed_by(&Signer::shared("RS256").without_kid()),
            KeyUnknown,
        )
        .holds();
}

// J6, J9
#[test]
fn refuses_a_token_for_a_key_of_another_kind() {
    Table::of(&STRICT)
        .refuses(
            "an Ed25519 signature called ES256",
            &good().signed_by(&Signer::shared("ES256")).forged_by(&Signer::shared("Ed25519")),
            SignatureInvalid,
        )
        .refuses(
            "an ES256 signature called Ed25519",
            &good().signed_by(&Signer::shared("Ed25519")).forged_by(&Signer::shared("ES256")),
            SignatureInvalid,
        )
        .refuses(
            "an RSA signature called ES256",
            &good().signed_by(&Signer::shared("ES256")).forged_by(&Signer::shared("RS256")),
            SignatureInvalid,
        )
        .refuses("claims in a signature's place", &good().signature(json!({}).to_string()), SignatureInvalid)
        .holds();
}

fn hex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(digits).collect()
}
