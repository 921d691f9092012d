//! The outer form: parts, alphabet, encoding, JSON, sizes (J1 to J4, J17).

use gatepost::check::DenyReason::{
    CredentialMalformed, CredentialRepeated, IssuerUnknown, SignatureInvalid, TokenEncrypted, TokenMalformed,
    TokenOpaque, TokenTooLarge,
};
use gatepost_test_support::Compact;
use serde_json::{Value, json};

use crate::gate::{Gate, STRICT, Table, good, outcome};

// J1
#[test]
fn refuses_a_token_with_a_character_that_no_token_has() {
    let token = good().mint();
    let middle = token.len() / 2;
    let mut table = Table::of(&STRICT);
    for character in [" ", "=", "{", "\"", "?", "\n", "\r\n", "\t", "\0", "%2E", "é", ":", "#", "\\"] {
        let inside = format!("{}{character}{}", &token[..middle], &token[middle..]);
        table = table.refuses_text(&format!("{character:?} inside"), &inside, CredentialMalformed);
    }
    for character in ["=", "{", "\"", "\n", "\t", "\0", "é"] {
        let before = format!("{character}{token}");
        table = table.refuses_text(&format!("{character:?} before"), &before, CredentialMalformed);
    }
    for character in ["+", "/", "~", "-", "_", "="] {
        let after = format!("{token}{character}");
        table = table.refuses_text(&format!("{character:?} after"), &after, TokenMalformed);
    }
    // One character more is a signature of 257 bytes, which is well-formed and not the key's.
    table = table.refuses_text("a character after", &format!("{token}A"), SignatureInvalid);
    for character in ["\n", "\r\n", "\0", " x", "\t"] {
        let after = format!("{token}{character}");
        table = table.refuses_text(&format!("{character:?} after"), &after, CredentialMalformed);
    }
    table.holds();
}

// J1, J3
#[test]
fn refuses_any_number_of_parts_but_three() {
    let Compact { header, payload, signature } = good().compact();
    Table::of(&STRICT)
        .refuses_text("one part", &header, TokenOpaque)
        .refuses_text("two parts", &format!("{header}.{payload}"), TokenOpaque)
        .refuses_text("four parts", &format!("{header}.{payload}.{signature}.{signature}"), TokenOpaque)
        .refuses_text("a dot after", &format!("{header}.{payload}.{signature}."), TokenOpaque)
        .refuses_text("a dot before", &format!(".{header}.{payload}.{signature}"), TokenOpaque)
        .refuses_text("six parts", &format!("{header}.{payload}.{signature}.a.b.c"), TokenOpaque)
        .refuses_text("no header", &format!(".{payload}.{signature}"), TokenMalformed)
        .refuses_text("no payload", &format!("{header}..{signature}"), TokenMalformed)
        .refuses_text("no signature", &format!("{header}.{payload}."), TokenMalformed)
        .refuses_text("dots only", "..", TokenMalformed)
        .refuses_text("no dots", "opaque-token", TokenOpaque)
        .holds();
}

// J2
#[test]
fn refuses_every_base64_but_the_canonical_one() {
    let token = good().compact();
    let cut = |bytes: usize| format!("{}.{}.A", token.header, token.payload) + &"A".repeat(bytes);
    Table::of(&STRICT)
        .refuses_text("padding at the end", &format!("{}==", token.join()), TokenMalformed)
        .refuses_text("padding in every part", &token.padded(), {
            // A `=` inside is no token68; where only the last part has one, the token itself is malformed.
            let rest = token.padded();
            if rest.trim_end_matches('=').contains('=') { CredentialMalformed } else { TokenMalformed }
        })
        .refuses_text("loose trailing bits", &token.with_loose_bits().unwrap(), TokenMalformed)
        .refuses_text("an impossible length", &cut(4), TokenMalformed)
        .refuses_text("+ and /", &standard_base64(), TokenMalformed)
        .holds();
}

/// A token in whose signature the two alphabets differ.
fn standard_base64() -> String {
    let tokens = std::iter::repeat_with(|| good().compact());
    let differing = tokens.map(|token| (token.join(), token.in_standard_base64()));
    differing.into_iter().find(|(url, standard)| url != standard).map(|(_, standard)| standard).unwrap()
}

// J3
#[test]
fn refuses_what_is_encrypted_or_serialized_as_json() {
    let token = good().compact();
    Table::of(&STRICT)
        .refuses_text("a JWE", &token.encrypted(), TokenEncrypted)
        .refuses_text("five parts of a JWS", &format!("{}.a.b", token.join()), TokenOpaque)
        .refuses_text("flattened JSON", &token.flattened(), CredentialRepeated)
        .refuses_text("general JSON", &token.general(), CredentialRepeated)
        .refuses_text("JSON without a comma", r#"{"payload":"x"}"#, CredentialMalformed)
        .holds();
}

// J3
#[test]
fn refuses_parts_in_another_order() {
    let Compact { header, payload, signature } = good().compact();
    Table::of(&STRICT)
        .refuses_text("payload first", &format!("{payload}.{header}.{signature}"), TokenMalformed)
        .refuses_text("header twice", &format!("{header}.{header}.{signature}"), IssuerUnknown)
        .refuses_text("payload twice", &format!("{payload}.{payload}.{signature}"), TokenMalformed)
        .refuses_text("signature first", &format!("{signature}.{payload}.{header}"), TokenMalformed)
        .holds();
}

// J4
#[test]
fn refuses_a_header_or_claims_that_are_not_one_json_object() {
    let (header, claims) = (good().header_text(), good().payload_text());
    let mut table = Table::of(&STRICT);
    for (name, bytes) in not_one_object(&header) {
        table = table.refuses(&format!("header: {name}"), &good().raw_header(bytes), TokenMalformed);
    }
    for (name, bytes) in not_one_object(&claims) {
        table = table.refuses(&format!("claims: {name}"), &good().raw_payload(bytes), TokenMalformed);
    }
    table.holds();
}

fn not_one_object(object: &str) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("an array", format!("[{object}]").into_bytes()),
        ("a string", json!(object).to_string().into_bytes()),
        ("a number", b"1".to_vec()),
        ("null", b"null".to_vec()),
        ("two objects", format!("{object}{object}").into_bytes()),
        ("an object and more", format!("{object} x").into_bytes()),
        ("half an object", object.as_bytes()[..object.len() - 1].to_vec()),
        ("a byte order mark", format!("\u{feff}{object}").into_bytes()),
        ("UTF-16", object.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("not UTF-8", [object.as_bytes(), b"\xff"].concat()),
        ("not UTF-8 in a string", [&b"{\"x\":\"\xff\","[..], &object.as_bytes()[1..]].concat()),
        ("a comment", format!("/**/{object}").into_bytes()),
        ("single quotes", object.replace('"', "'").into_bytes()),
        ("a comma too many", object.replace('}', ",}").into_bytes()),
        ("a lone surrogate", object.replacen('{', r#"{"x":"\ud800","#, 1).into_bytes()),
        ("a number out of range", object.replacen('{', r#"{"x":1e999,"#, 1).into_bytes()),
        ("NaN", object.replacen('{', r#"{"x":NaN,"#, 1).into_bytes()),
    ]
}

// J4
#[test]
fn refuses_a_member_that_stands_twice() {
    let mut table = Table::of(&STRICT);
    for (name, value) in
        [("alg", "\"RS256\""), ("alg", "\"none\""), ("typ", "\"at+jwt\""), ("kid", "\"x\""), ("x", "1")]
    {
        for twice in twice(&good().header_text(), name, value) {
            table = table.refuses(&twice.clone(), &good().raw_header(twice), TokenMalformed);
        }
    }
    for (name, value) in [
        ("iss", "\"https://evil.example\""),
        ("exp", "99999999999"),
        ("aud", "\"https://other.example\""),
        ("sub", "\"admin\""),
        ("scope", "\"admin\""),
        ("cnf", "{}"),
        ("x", "1"),
    ] {
        for twice in twice(&good().payload_text(), name, value) {
            table = table.refuses(&twice.clone(), &good().raw_payload(twice), TokenMalformed);
        }
    }
    let nested = good().payload_text().replacen('{', r#"{"act":{"sub":"a","sub":"b"},"#, 1);
    table = table.refuses("nested", &good().raw_payload(nested), TokenMalformed);
    table.holds();
}

/// The object with the member at its start and at its end, and once more with the name escaped.
fn twice(object: &str, name: &str, value: &str) -> Vec<String> {
    let escaped: String = name.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let has = serde_json::from_str::<Value>(object).unwrap().get(name).is_some();
    let first = if has { object.to_owned() } else { object.replacen('{', &format!(r#"{{"{name}":1,"#), 1) };
    let body = first.trim_end_matches('}');
    vec![
        first.replacen('{', &format!(r#"{{"{name}":{value},"#), 1),
        format!(r#"{body},"{name}":{value}}}"#),
        format!(r#"{body},"{escaped}":{value}}}"#),
    ]
}

// J17
#[test]
fn bounds_the_size_the_depth_and_the_number_of_claims() {
    let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    Table::of(&STRICT)
        .allows("many small claims", &good().claim("roles", json!(vec!["r"; 500])))
        .allows("some depth", &good().claim("deep", nested(10)))
        .refuses("too deep", &good().claim("deep", nested(17)), TokenMalformed)
        .refuses("far too deep", &good().claim("deep", nested(100)), TokenMalformed)
        .refuses("too deep a header", &good().header("deep", nested(17)), TokenMalformed)
        .refuses("too many values", &good().claim("many", json!(vec![1; 2500])), TokenMalformed)
        .refuses("over 16 KiB", &good().claim("long", "x".repeat(16 * 1024)), TokenTooLarge)
        .refuses_text("over 16 KiB of nothing", &"a.".repeat(10_000), TokenTooLarge)
        .refuses_text("over 16 KiB of dots", &".".repeat(16_385), TokenTooLarge)
        .refuses_text("16 KiB of dots", &".".repeat(16_384), TokenOpaque)
        .holds();
}

// J17
#[test]
fn the_size_is_the_operators_to_set() {
    let small = Gate::load(
        &format!("check: {{ max_token_bytes: 1024 }}\nissuers:\n{}", crate::gate::issuer("https://a", "")),
        "rules: [{ name: all, match: { path: /** }, require: {} }]",
        &[&gatepost_test_support::token::jwks([&gatepost_test_support::Signer::shared("RS256")])],
    );
    let token = good().claim("iss", "https://a");
    assert_eq!(outcome(&small.token(&token.mint())), Ok(()));
    let longer = token.claim("long", "x".repeat(1024)).mint();
    assert_eq!(outcome(&small.token(&longer)), Err(TokenTooLarge));
}
