//! The header: algorithms, critical extensions, foreign keys, key ids (J5 to J10).

use gatepost::check::DenyReason::{
    AlgorithmNotAccepted, KeyUnknown, SignatureInvalid, TokenMalformed, TypeNotAccepted,
};
use gatepost_test_support::{Signer, token};
use serde_json::{Value, json};

use crate::gate::{Gate, STRICT, Table, good, issuer};

// J5
#[test]
fn takes_every_asymmetric_algorithm_and_both_names_of_ed25519() {
    let mut table = Table::of(&STRICT);
    for name in Signer::ALGORITHMS {
        table = table.allows(name, &good().signed_by(&Signer::shared(name)));
    }
    table.holds();
}

// J5
#[test]
fn refuses_an_unsigned_token_however_it_is_spelled() {
    let mut table = Table::of(&STRICT);
    for none in ["none", "None", "NONE", "nOnE", "noNE", "none ", " none", "\u{0}none", ""] {
        let token = good().alg(none);
        table = table
            .refuses(&format!("{none:?}, unsigned"), &token.clone().signature([]), TokenMalformed)
            .refuses(&format!("{none:?}, with the good signature"), &token.clone(), AlgorithmNotAccepted)
            .refuses(&format!("{none:?}, with any signature"), &token.signature([1]), AlgorithmNotAccepted);
    }
    table.holds();
}

// J5
#[test]
fn refuses_a_mac_made_with_what_is_public() {
    let signer = Signer::shared("RS256");
    let jwk = signer.jwk();
    let modulus = jwk["n"].as_str().unwrap();
    let mut table = Table::of(&STRICT);
    for (name, secret) in [
        ("the PEM", signer.public_pem()),
        ("the PEM without its last newline", signer.public_pem().trim_end().to_owned()),
        ("the JWK", jwk.to_string()),
        ("the modulus", modulus.to_owned()),
        ("nothing", String::new()),
        ("the key id", "RS256".to_owned()),
    ] {
        table = table.refuses(name, &good().hs256(secret.clone()), AlgorithmNotAccepted);
        for algorithm in ["HS384", "HS512", "hs256"] {
            let token = good().hs256(secret.clone()).alg(algorithm);
            table = table.refuses(&format!("{name}, {algorithm}"), &token, AlgorithmNotAccepted);
        }
        let token = good().hs256(secret).alg("RS256");
        table = table.refuses(&format!("{name}, called RS256"), &token, SignatureInvalid);
    }
    table.holds();
}

// J5
#[test]
fn compares_the_algorithm_exactly() {
    let mut table = Table::of(&STRICT);
    for name in ["rs256", "Rs256", "RS256 ", " RS256", "RS-256", "SHA256withRSA", "RS1", "ES256K", "ED25519"]
    {
        table = table.refuses(name, &good().alg(name), AlgorithmNotAccepted);
    }
    for value in [json!(null), json!(256), json!(["RS256"]), json!({ "alg": "RS256" }), json!(true)] {
        table = table.refuses(&value.to_string(), &good().header("alg", value), TokenMalformed);
    }
    table.refuses("missing", &good().without_header("alg"), TokenMalformed).holds();
}

// J5
#[test]
fn takes_only_the_algorithms_of_the_issuer() {
    let gate = Gate::with_issuer("algorithms: [ES256, EdDSA]");
    let mut table = Table::of(&gate);
    for name in Signer::ALGORITHMS {
        let token = good().signed_by(&Signer::shared(name));
        table = match name {
            "ES256" | "EdDSA" | "Ed25519" => table.allows(name, &token),
            _ => table.refuses(name, &token, AlgorithmNotAccepted),
        };
    }
    table.holds();
}

// J5
#[test]
fn no_configuration_can_accept_a_symmetric_or_absent_algorithm() {
    for name in ["none", "HS256", "HS384", "HS512", "NONE", "hs256"] {
        let lines = issuer("https://a", &format!("algorithms: [RS256, {name}]"));
        let loaded = Gate::try_load(&format!("issuers:\n{lines}"), "rules: []", &[]);
        assert!(loaded.is_err_and(|text| text.contains("algorithms[1]")), "{name}");
    }
}

// J6
#[test]
fn a_key_verifies_with_its_own_algorithm_only() {
    let signer = Signer::shared("RS256");
    let mut table = Table::of(&STRICT);
    for name in ["RS384", "RS512", "PS256", "PS384", "PS512"] {
        let token = good().signed_by(&signer.clone().with_alg(name));
        table = table.refuses(&format!("{name} by a key for RS256"), &token, AlgorithmNotAccepted);
    }
    table
        .refuses("PSS called RS256", &good().forged_by(&signer.with_alg("PS256")), SignatureInvalid)
        .refuses("ES256 with the kid of RS256", &mixed("ES256", "RS256"), AlgorithmNotAccepted)
        .refuses("RS256 with the kid of ES256", &mixed("RS256", "ES256"), AlgorithmNotAccepted)
        .refuses("ES256 with the kid of ES384", &mixed("ES256", "ES384"), AlgorithmNotAccepted)
        .refuses("RS256 with the kid of RS512", &mixed("RS256", "RS512"), AlgorithmNotAccepted)
        .holds();
}

fn mixed(signer: &str, kid: &str) -> gatepost_test_support::Token {
    good().signed_by(&Signer::shared(signer)).header("kid", kid)
}

// J6
#[test]
fn a_key_that_names_no_algorithm_verifies_those_of_its_type_only() {
    let keys = ["RS256", "ES256", "ES384", "Ed25519"].map(|name| Signer::shared(name).without_alg());
    let gate = Gate::with_keys("", &token::jwks(&keys));
    let mut table = Table::of(&gate);
    for name in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        table = table.allows(name, &good().signed_by(&Signer::shared("RS256").with_alg(name)));
    }
    table
        .allows("EdDSA", &good().signed_by(&Signer::shared("Ed25519").with_alg("EdDSA")))
        .allows("ES384", &good().signed_by(&Signer::shared("ES384")))
        .refuses(
            "ES384 on P-256",
            &good().signed_by(&Signer::shared("ES256")).alg("ES384"),
            AlgorithmNotAccepted,
        )
        .refuses(
            "ES256 on P-384",
            &good().signed_by(&Signer::shared("ES384")).alg("ES256"),
            AlgorithmNotAccepted,
        )
        .refuses(
            "ES512 on P-256",
            &good().signed_by(&Signer::shared("ES256")).alg("ES512"),
            AlgorithmNotAccepted,
        )
        .refuses(
            "RS256 on Ed25519",
            &good().signed_by(&Signer::shared("Ed25519")).alg("RS256"),
            AlgorithmNotAccepted,
        )
        .holds();
}

// J7; CVE-2025-59420
#[test]
fn refuses_every_critical_extension() {
    let mut table = Table::of(&STRICT);
    for crit in [
        json!(["unknown"]),
        json!(["b64"]),
        json!(["exp"]),
        json!(["alg"]),
        json!(["typ", "typ"]),
        json!([]),
        json!([""]),
        json!([1]),
        json!("unknown"),
        json!(null),
        json!({}),
        json!(["http://example.invalid/UNDEFINED"]),
    ] {
        let token = good().header("crit", crit.clone());
        let present = token.clone().header("unknown", true).header("http://example.invalid/UNDEFINED", true);
        table = table.refuses(&crit.to_string(), &token, TokenMalformed);
        table = table.refuses(&format!("{crit}, present"), &present, TokenMalformed);
    }
    table.holds();
}

// J8
#[test]
fn refuses_an_unencoded_payload() {
    let raw = good().header("b64", false).compact();
    let claims = good().payload_text();
    Table::of(&STRICT)
        .refuses("b64 false", &good().header("b64", false), TokenMalformed)
        .refuses("b64 true", &good().header("b64", true), TokenMalformed)
        .refuses(
            "b64 false and crit",
            &good().header("b64", false).header("crit", json!(["b64"])),
            TokenMalformed,
        )
        .refuses_text(
            "claims in the clear",
            &format!("{}.{claims}.{}", raw.header, raw.signature),
            gatepost::check::DenyReason::CredentialRepeated,
        )
        .holds();
}

// J3, J8
#[test]
fn refuses_header_members_of_other_formats() {
    Table::of(&STRICT)
        .refuses("enc", &good().header("enc", "A256GCM"), TokenMalformed)
        .refuses("zip", &good().header("zip", "DEF"), TokenMalformed)
        .refuses("a token in a token", &good().header("cty", "JWT"), TokenMalformed)
        .holds();
}

// J9
#[test]
fn a_token_never_brings_its_own_key() {
    let attacker = Signer::generate("RS256");
    let embedded = |name: &str| -> Value {
        match name {
            "jwk" => attacker.jwk(),
            "x5c" => json!(["MIIB"]),
            _ => json!("https://evil.example/keys"),
        }
    };
    let mut table = Table::of(&STRICT);
    for name in ["jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"] {
        let forged = good().signed_by(&attacker).header(name, embedded(name));
        table = table
            .refuses(&format!("{name}, its own kid"), &forged, KeyUnknown)
            .refuses(&format!("{name}, our kid"), &forged.clone().header("kid", "RS256"), SignatureInvalid)
            .refuses(&format!("{name}, no kid"), &forged.without_header("kid"), SignatureInvalid)
            .allows(&format!("{name} is not looked at"), &good().header(name, embedded(name)));
    }
    table.holds();
}

// J10
#[test]
fn a_key_id_is_only_ever_compared() {
    let mut table = Table::of(&STRICT);
    for kid in [
        "",
        "rs256",
        "RS256 ",
        "RS25",
        "RS2566",
        "../../../etc/passwd",
        "/dev/null",
        "x' UNION SELECT 'key'; --",
        "RS256\u{0}",
        "\r\nx-subject: admin",
        "$(id)",
        "RS256,ES256",
        "*",
    ] {
        table = table.refuses(&format!("{kid:?}"), &good().header("kid", kid), KeyUnknown);
    }
    for kid in [json!(null), json!(7), json!(["RS256"]), json!({}), json!("k".repeat(513))] {
        table = table.refuses(&kid.to_string(), &good().header("kid", kid), TokenMalformed);
    }
    table
        .refuses("a kid of 512 bytes", &good().header("kid", "k".repeat(512)), KeyUnknown)
        .refuses(
            "of another key",
            &good().header("kid", "RS256").forged_by(&Signer::generate("RS256")),
            SignatureInvalid,
        )
        .allows("none at all", &good().without_header("kid"))
        .holds();
}

// J7, T1
#[test]
fn an_unknown_header_member_changes_nothing() {
    Table::of(&STRICT)
        .allows("unknown", &good().header("x-custom", json!({ "a": [1] })))
        .refuses("typ of another kind", &good().header("typ", "custom"), TypeNotAccepted)
        .holds();
}
