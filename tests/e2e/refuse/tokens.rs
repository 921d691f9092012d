//! Forged tokens, malformed ones, and those that are not for here or now.

use gatepost_test_support::{Compact, Signer, TestIssuer, Token};
use serde_json::json;

use crate::stand::{Stand, orders};
use crate::table::{EXPIRED, INVALID_REQUEST, INVALID_TOKEN, NOT_READ, Refusal, assert_refused, refused};

fn bad(name: &str, token: &Token) -> Refusal {
    text(name, &token.mint())
}

fn text(name: &str, token: &str) -> Refusal {
    refused(name, orders().bearer(token), 401, INVALID_TOKEN)
}

#[tokio::test]
async fn refuses_forged_tokens() {
    let stand = Stand::start().await;
    let good = || stand.issuer.token();
    let attacker = Signer::generate("RS256");
    let pem = Signer::shared("RS256").public_pem();
    let jwk = Signer::shared("RS256").jwk().to_string();
    let mut cases = vec![
        bad("alg none, unsigned", &good().alg("none").signature([])),
        bad("alg None, unsigned", &good().alg("None").signature([])),
        bad("alg NONE, with a signature", &good().alg("NONE")),
        bad("no alg", &good().without_header("alg")),
        bad("HS256 with the public PEM", &good().hs256(&pem)),
        bad("HS256 with the public JWK", &good().hs256(&jwk)),
        bad("HS256 with nothing", &good().hs256("")),
        bad("a MAC called RS256", &good().hs256(&pem).alg("RS256")),
        bad("RS256 in lower case", &good().alg("rs256")),
        bad("ES256 with an RSA key's kid", &good().alg("ES256")),
        bad("PS256 by a key for RS256", &good().signed_by(&Signer::shared("RS256").with_alg("PS256"))),
        bad("an attacker's key, its kid", &good().signed_by(&attacker)),
        bad("an attacker's key, our kid", &good().forged_by(&attacker)),
        bad("an attacker's key, no kid", &good().without_header("kid").forged_by(&attacker)),
        bad("an attacker's key in jwk", &good().signed_by(&attacker).header("jwk", attacker.jwk())),
        bad("an attacker's key in jwk, our kid", &good().forged_by(&attacker).header("jwk", attacker.jwk())),
        bad("an attacker's jku", &good().signed_by(&attacker).header("jku", "https://evil.example/jwks")),
        bad("an attacker's x5u", &good().signed_by(&attacker).header("x5u", "https://evil.example/x5u")),
        bad("an attacker's x5c", &good().signed_by(&attacker).header("x5c", json!(["MIIB"]))),
        bad("a kid that is a path", &good().header("kid", "../../../dev/null")),
        bad("a kid that is SQL", &good().header("kid", "x' OR '1'='1")),
        bad("a kid that is a header", &good().header("kid", "x\r\nx-subject: admin")),
        bad("a kid that is a number", &good().header("kid", 1)),
        bad("a very long kid", &good().header("kid", "k".repeat(4000))),
        bad("no signature", &good().signature([])),
        bad("a signature of zeros", &good().signature([0; 256])),
    ];
    for name in ["RS256", "PS256", "ES256", "ES384", "ES512", "Ed25519"] {
        let token = good().signed_by(&Signer::shared(name)).compact();
        let bytes = token.signature_bytes();
        let with = |what: &str, bytes: Vec<u8>| {
            text(&format!("{name}: {what}"), &token.with_signature(bytes).join())
        };
        cases.push(with("a signature of zeros", vec![0; bytes.len()]));
        cases.push(with("a truncated signature", bytes[..bytes.len() - 1].to_vec()));
        cases.push(with("a longer signature", [&bytes[..], &[0]].concat()));
        let admin = good().signed_by(&Signer::shared(name)).claim("sub", "admin").compact();
        let spliced = Compact { payload: admin.payload, ..token.clone() };
        cases.push(text(&format!("{name}: other claims"), &spliced.join()));
    }
    for name in ["ES256", "ES384", "ES512"] {
        cases.push(bad(&format!("{name} in DER"), &good().signed_in_der_by(&Signer::shared(name))));
    }
    assert_refused(&stand, cases).await;
}

#[tokio::test]
async fn refuses_malformed_tokens() {
    let stand = Stand::start().await;
    let good = || stand.issuer.token();
    let token = good().compact();
    let Compact { header, payload, signature } = token.clone();
    let (claims, members) = (good().payload_text(), good().header_text());
    let first = |object: &str, member: &str| object.replacen('{', &format!("{{{member},"), 1);
    let nested = (0..40).fold(json!(1), |inner, _| json!([inner]));
    let malformed = |name: &str, token: &str| refused(name, orders().bearer(token), 400, INVALID_REQUEST);
    assert_refused(
        &stand,
        vec![
            text("no dots", "not-a-jwt"),
            text("one dot", &format!("{header}.{payload}")),
            text("three dots", &format!("{}.x", token.join())),
            text("four dots, not encrypted", &format!("{}.x.y", token.join())),
            text("encrypted", &token.encrypted()),
            text("empty parts", ".."),
            text("an empty header", &format!(".{payload}.{signature}")),
            text("an empty payload", &format!("{header}..{signature}")),
            text("parts in another order", &format!("{payload}.{header}.{signature}")),
            text("a dot after", &format!("{}.", token.join())),
            text("padding", &format!("{}==", token.join())),
            text("loose trailing bits", &token.with_loose_bits().unwrap()),
            text("a character after", &format!("{}A", token.join())),
            malformed("padding in every part", &format!("{header}=.{payload}=.{signature}==")),
            malformed("flattened JSON", &token.flattened()),
            malformed("general JSON", &token.general()),
            malformed("a blank inside", &format!("{header}. {payload}.{signature}")),
            malformed("a percent sign", &format!("{header}%2E{payload}.{signature}")),
            malformed("quotes", &format!("\"{}\"", token.join())),
            bad("a header that is a list", &good().raw_header(format!("[{members}]"))),
            bad("claims that are a list", &good().raw_payload(format!("[{claims}]"))),
            bad("claims that are text", &good().raw_payload("alice")),
            bad("claims and more", &good().raw_payload(format!("{claims}{{}}"))),
            bad("claims that are not UTF-8", &good().raw_payload([claims.as_bytes(), b"\xff"].concat())),
            bad("a byte order mark", &good().raw_payload(format!("\u{feff}{claims}"))),
            bad("alg twice", &good().raw_header(first(&members, r#""alg":"none""#))),
            bad("typ twice", &good().raw_header(first(&members, r#""typ":"JWT""#))),
            bad("sub twice", &good().raw_payload(first(&claims, r#""sub":"admin""#))),
            bad("scope twice", &good().raw_payload(first(&claims, r#""scope":"admin""#))),
            bad("scope twice, once escaped", &good().raw_payload(first(&claims, r#""\u0073cope":"admin""#))),
            bad("cnf twice", &good().raw_payload(first(&claims, r#""cnf":{},"cnf":{}"#))),
            bad("crit", &good().header("crit", json!(["exp"]))),
            bad("crit empty", &good().header("crit", json!([]))),
            bad("crit and its extension", &good().header("crit", json!(["x"])).header("x", 1)),
            bad("b64 false", &good().header("b64", false).header("crit", json!(["b64"]))),
            bad("zip", &good().header("zip", "DEF")),
            bad("cty", &good().header("cty", "JWT")),
            bad("deep claims", &good().claim("deep", nested)),
            bad("too many claims", &good().claim("many", json!(vec![1; 4000]))),
            bad("over 16 KiB", &good().claim("long", "x".repeat(17_000))),
            text("17,000 dots", &".".repeat(17_000)),
        ],
    )
    .await;
}

#[tokio::test]
async fn refuses_tokens_that_are_not_for_here_or_now() {
    let stand = Stand::start().await;
    let good = || stand.issuer.token();
    let now = gatepost_test_support::token::now();
    let expired = |name: &str, token: Token| refused(name, orders().bearer(&token.mint()), 401, EXPIRED);
    let mut cases = vec![
        expired("expired a second ago", good().claim("exp", now - 1)),
        expired("expired in 1970", good().claim("exp", 0)),
        expired("expired a moment ago", good().claim("exp", now as f64 - 0.5)),
        bad("without exp", &good().without("exp")),
        bad("exp as text", &good().claim("exp", (now + 300).to_string())),
        bad("exp null", &good().claim("exp", json!(null))),
        bad("exp negative", &good().claim("exp", -1)),
        bad("exp beyond all time", &good().claim("exp", 1e18)),
        bad("not before tomorrow", &good().claim("nbf", now + 86_400)),
        bad("issued tomorrow", &good().claim("iat", now + 86_400)),
        bad("issued as text", &good().claim("iat", "now")),
        bad("another issuer", &good().claim("iss", Token::ISSUER)),
        bad("the issuer with a slash", &good().claim("iss", format!("{}/", stand.issuer.issuer()))),
        bad("the issuer in a list", &good().claim("iss", json!([stand.issuer.issuer()]))),
        bad("the issuer in capitals", &good().claim("iss", stand.issuer.issuer().to_uppercase())),
        bad("no issuer", &good().without("iss")),
        bad("another audience", &good().claim("aud", "https://billing.example.com")),
        bad("an audience with a slash", &good().claim("aud", format!("{}/", Token::AUDIENCE))),
        bad("ours and a number", &good().claim("aud", json!([Token::AUDIENCE, 1]))),
        bad("an audience in a list of lists", &good().claim("aud", json!([[Token::AUDIENCE]]))),
        bad("no audience", &good().without("aud")),
        bad("an empty list of audiences", &good().claim("aud", json!([]))),
        bad("a bound token (DPoP)", &good().claim("cnf", json!({ "jkt": "x" }))),
        bad("a bound token (mTLS)", &good().claim("cnf", json!({ "x5t#S256": "x" }))),
        bad("a token bound to nothing", &good().claim("cnf", json!(null))),
        bad("events", &good().claim("events", json!({}))),
        bad("at_hash", &good().claim("at_hash", "x")),
        bad("scope as a list", &good().claim("scope", json!(["orders:read"]))),
        bad("subject as a number", &good().claim("sub", 1)),
        refused("no scope", orders().bearer(&good().without("scope").mint()), 403, NOT_READ),
        refused(
            "another scope",
            orders().bearer(&good().claim("scope", "orders:write").mint()),
            403,
            NOT_READ,
        ),
        refused("half a scope", orders().bearer(&good().claim("scope", "orders:rea").mint()), 403, NOT_READ),
        refused(
            "a subject of two headers",
            orders().bearer(&good().claim("sub", "a\r\nx-admin: 1").mint()),
            403,
            None,
        ),
    ];
    for typ in
        ["JWT", "logout+jwt", "secevent+jwt", "dpop+jwt", "token-introspection+jwt", "statuslist+jwt", ""]
    {
        cases.push(bad(&format!("typ {typ:?}"), &good().header("typ", typ)));
    }
    cases.push(bad("no typ", &good().without_header("typ")));
    for claim in ["sub", "client_id", "iat", "jti"] {
        cases.push(bad(&format!("without {claim}"), &good().without(claim)));
    }
    assert_refused(&stand, cases).await;
}

#[tokio::test]
async fn refuses_tokens_of_an_issuer_whose_keys_another_issuer_has() {
    let other = TestIssuer::start().await.unwrap();
    other.publish(&[&Signer::shared("ES256").kid("RS256")]);
    let stand = Stand::start().await;
    let forged = stand.issuer.token().signed_by(&Signer::shared("ES256").kid("RS256"));
    assert_refused(
        &stand,
        vec![
            bad(
                "the other issuer is not trusted",
                &other.token().signed_by(&Signer::shared("ES256").kid("RS256")),
            ),
            bad("its key under our kid", &forged),
        ],
    )
    .await;
    assert_eq!(
        (other.jwks_requests(), other.metadata_requests()),
        (0, 0),
        "no token makes us ask a stranger"
    );
}
