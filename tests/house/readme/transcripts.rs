//! What the real binary prints for README's own samples.

use std::fs;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gatepost::config::{GATEPOST_FILE, POLICY_FILE};
use serde_json::{Value, json};

use crate::samples::{gatepost, here, of_readme};

const CHECK: [&str; 3] = ["check", "--config", "."];

/// README's samples as they are, and then with three mistakes.
pub(super) fn check() -> String {
    let directory = of_readme();
    let good = session(directory.path(), &CHECK);
    for (file, from, to) in [
        (GATEPOST_FILE, "audiences:", "audience:"),
        (GATEPOST_FILE, "ES256]", "HS256]"),
        (POLICY_FILE, "/orders/**", "/orders*"),
    ] {
        let path = directory.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "README's {file} has no {from}");
        fs::write(&path, text.replace(from, to)).unwrap();
    }
    console(&format!("{good}$ edit gatepost.yaml policy.yaml\n{}", session(directory.path(), &CHECK)))
}

pub(super) fn explain() -> String {
    let directory = of_readme();
    let (token, jwks) = readers_token();
    fs::write(directory.path().join("token"), token).unwrap();
    fs::write(directory.path().join("jwks.json"), jwks).unwrap();
    let request = ["--method", "POST", "--url", "https://orders.example.com/orders/7/refund"];
    // 2026-11-23T12:00:00Z is `iat`.
    let facts = ["--token-file", "token", "--jwks", "jwks.json", "--at", "2026-11-23T12:01:00Z"];
    let arguments = [&["explain", "--config", "."], &request[..], &facts[..]].concat();
    console(&session(directory.path(), &arguments))
}

/// An access token that may only read, and the JWKS that verifies it.
pub(super) fn readers_token() -> (String, String) {
    token_and_keys(&json!({
        "iss": "https://login.corp.example",
        "aud": "https://orders.example.com",
        "sub": "u-4711",
        "client_id": "web",
        "jti": "7f1c",
        "scope": "orders:read",
        "iat": 1_795_435_200,
        "exp": 1_795_435_500,
    }))
}

/// A key, because what is said of it holds at any time.
pub(super) fn revoke() -> String {
    let directory = of_readme();
    let path = directory.path().join(GATEPOST_FILE);
    let feeds =
        "\nrevocation: { feeds: [{ name: hub, redis: { url: 'rediss://redis.corp.example:6379/0' } }] }\n";
    fs::write(&path, fs::read_to_string(&path).unwrap() + feeds).unwrap();
    let shown = session(directory.path(), &["revoke", "--config", ".", "--key", "2026-11"]);
    assert!(shown.contains("NOT PUBLISHED"), "{shown}");
    console(&shown)
}

/// What a sidecar with one trouble is shown as; the tests of the command keep it.
pub(super) fn status() -> String {
    let shown = fs::read_to_string(here("tests/it/status/one_trouble.txt")).unwrap();
    console(&format!("$ gatepost status --config .\n{shown}$ echo $?\n1\n"))
}

/// A command, its output and, where it is not zero, its exit status.
pub(super) fn session(directory: &Path, arguments: &[&str]) -> String {
    let output = gatepost(directory, arguments);
    let texts = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    let status = match output.status.code().unwrap() {
        0 => String::new(),
        code => format!("$ echo $?\n{code}\n"),
    };
    format!("$ gatepost {}\n{}{status}", arguments.join(" "), texts.concat())
}

pub(super) fn console(text: &str) -> String {
    format!("```console\n{text}```\n")
}

/// An access token with these claims, and the JWKS that verifies it.
fn token_and_keys(claims: &Value) -> (String, String) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": "2026-11" });
    let signed =
        format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    // An uncompressed point: 0x04, x, y (SEC 1 §2.3.3).
    let (x, y) = pair.public_key().as_ref().split_first().unwrap().1.split_at(32);
    let key = json!({ "kty": "EC", "crv": "P-256", "kid": "2026-11", "use": "sig", "x": encode(x), "y": encode(y) });
    (format!("{signed}.{}", encode(signature.as_ref())), json!({ "keys": [key] }).to_string())
}
