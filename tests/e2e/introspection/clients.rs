//! Promise: the issuer is told who we are in the way that is configured, with what the files hold now; and without
//! a usable file it is not asked and nothing passes.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use gatepost_test_support::{IntrospectionServer, Say, Signer};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use super::{SECRET, Scripted, Secrets, assert_outage, config, config_with, scripted, stand, until_token};

async fn with_client(client: &str) -> Scripted {
    let server = IntrospectionServer::start().await.unwrap();
    let config = config(server.issuer(), &format!("client: {{ id: 'gate post', {client} }}"));
    stand(server, config).await
}

/// Presents a good token, and gives the request that asked about it.
async fn asked(stand: &Scripted, token: &str) -> gatepost_test_support::Introspected {
    stand.issuer.calls_good(token);
    assert_eq!(stand.token(token).await.status, 200, "{}", stand.gatepost.process.log());
    assert_eq!(stand.issuer.calls_about(token), 1);
    stand.issuer.requests().pop().unwrap()
}

/// The pair of a Basic header, each part form-decoded.
fn basic(authorization: Option<&str>) -> (String, String) {
    let encoded = authorization.unwrap().strip_prefix("Basic ").unwrap();
    let pair = String::from_utf8(BASE64_STANDARD.decode(encoded).unwrap()).unwrap();
    let (id, secret) = pair.split_once(':').unwrap();
    let decode = |text: &str| {
        url::form_urlencoded::parse(format!("x={text}").as_bytes()).next().unwrap().1.into_owned()
    };
    (decode(id), decode(secret))
}

// I1: RFC 6749 §2.3.1
#[tokio::test]
async fn a_secret_in_the_header_is_escaped() {
    let secrets = Secrets::with(&format!("{SECRET}\n"));
    let client = format!("auth: client_secret_basic, secret_file: {}", secrets.path("secret"));
    let stand = with_client(&client).await;
    let request = asked(&stand, "a-._~+/b==").await;
    assert_eq!(basic(request.authorization.as_deref()), ("gate post".to_owned(), SECRET.to_owned()));
    let mut fields: Vec<_> = request.form.into_iter().collect();
    fields.sort();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(fields, [pair("token", "a-._~+/b=="), pair("token_type_hint", "access_token")]);
    let accept = request.accept.unwrap();
    assert!(accept.contains("application/json") && accept.contains("token-introspection+jwt"), "{accept}");
}

// I1
#[tokio::test]
async fn a_secret_in_the_body_is_a_field() {
    let secrets = Secrets::with(SECRET);
    let client = format!("auth: client_secret_post, secret_file: {}", secrets.path("secret"));
    let stand = with_client(&client).await;
    let request = asked(&stand, "token").await;
    assert_eq!((request.field("client_id"), request.field("client_secret")), ("gate post", SECRET));
    assert_eq!(request.authorization, None);
}

// I1: RFC 7523 §3
#[tokio::test]
async fn an_assertion_is_signed_for_this_issuer_and_used_once() {
    for (name, algorithm) in
        [("ES256", Algorithm::ES256), ("RS256", Algorithm::RS256), ("EdDSA", Algorithm::EdDSA)]
    {
        let signer = Signer::shared(name);
        let secrets = Secrets::with("");
        secrets.write("key.pem", &signer.private_pem());
        let client = format!(
            "auth: private_key_jwt, algorithm: {name}, key_id: k1, key_file: {}",
            secrets.path("key.pem")
        );
        let stand = with_client(&client).await;
        let key = match algorithm {
            Algorithm::ES256 => DecodingKey::from_ec_pem(signer.public_pem().as_bytes()),
            Algorithm::RS256 => DecodingKey::from_rsa_pem(signer.public_pem().as_bytes()),
            _ => DecodingKey::from_ed_pem(signer.public_pem().as_bytes()),
        };
        let key = key.unwrap();
        let mut seen = Vec::new();
        for token in ["one", "two"] {
            let request = asked(&stand, token).await;
            assert_eq!((request.field("client_id"), request.authorization.as_deref()), ("gate post", None));
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            assert_eq!(request.field("client_assertion_type"), kind);
            let assertion = request.field("client_assertion");
            assert_eq!(decode_header(assertion).unwrap().kid.as_deref(), Some("k1"));
            let mut validation = Validation::new(algorithm);
            validation.set_audience(&[stand.issuer.issuer()]);
            validation.set_issuer(&["gate post"]);
            validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
            let claims = decode::<Value>(assertion, &key, &validation).unwrap().claims;
            assert_eq!(
                (&claims["sub"], &claims["aud"]),
                (&"gate post".into(), &stand.issuer.issuer().into())
            );
            let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
            assert!((1..=300).contains(&life), "it lives for {life} s");
            seen.push(claims["jti"].as_str().unwrap().to_owned());
        }
        assert_ne!(seen[0], seen[1], "each is used once");
    }
}

// I1: RFC 8705 §2
#[tokio::test]
async fn a_certificate_is_shown_where_the_issuer_asks_for_one() {
    let server = IntrospectionServer::start_with_mutual_tls().await.unwrap();
    let secrets = Secrets::with("");
    let (certificate, key) = server.client_certificate();
    secrets.write("tls.crt", certificate);
    secrets.write("tls.key", key);
    secrets.write("ca.crt", server.authority());
    let jwks = gatepost_test_support::token::jwks(&[Signer::shared("RS256")]);
    secrets.write("jwks.json", &jwks.to_string());
    let lines = format!(
        "endpoint: {}/introspect\nclient: {{ id: gatepost, auth: tls_client_auth, certificate_file: {}, key_file: {} }}",
        server.issuer(),
        secrets.path("tls.crt"),
        secrets.path("tls.key"),
    );
    let of_issuer = format!("ca_file: {}\njwks_file: {}", secrets.path("ca.crt"), secrets.path("jwks.json"));
    let config = config_with(server.issuer(), &of_issuer, &lines);
    let stand = stand(server, config).await;
    let request = asked(&stand, "token").await;
    assert!(request.certified);
    assert_eq!((request.field("client_id"), request.authorization.as_deref()), ("gatepost", None));

    let stranger = IntrospectionServer::start_with_mutual_tls().await.unwrap();
    let (certificate, key) = stranger.client_certificate();
    secrets.write("tls.crt", certificate);
    secrets.write("tls.key", key);
    stand.issuer.calls_good("other");
    assert_outage(&stand.token("other").await, "a certificate of a stranger");
    assert_eq!(stand.issuer.calls(), 1, "it was read again, and the server does not take it");
}

#[tokio::test]
async fn a_rotated_secret_is_used_at_the_next_call() {
    let (stand, secrets) = scripted("").await;
    let used = |request: gatepost_test_support::Introspected| basic(request.authorization.as_deref()).1;
    assert_eq!(used(asked(&stand, "one").await), SECRET);
    secrets.write("secret", "the next one");
    assert_eq!(used(asked(&stand, "two").await), "the next one");
}

// CVE-2026-54762
#[tokio::test]
async fn without_a_usable_secret_nothing_passes_until_there_is_one() {
    let (stand, secrets) = scripted("limits: { failures: 1000 }").await;
    let path = secrets.path("secret");
    stand.issuer.says_of_others(Say::Json(stand.issuer.active()));
    fs::remove_file(&path).unwrap();
    assert_outage(&stand.token("a").await, "no file");
    fs::create_dir(&path).unwrap();
    assert_outage(&stand.token("a").await, "a directory");
    fs::remove_dir(&path).unwrap();
    for (name, bytes) in
        [("empty", &b""[..]), ("blank", b"\n\n"), ("no text", b"\xff\xfe"), ("large", &[b'x'; 1 << 20])]
    {
        fs::write(&path, bytes).unwrap();
        assert_outage(&stand.token("a").await, name);
    }
    assert_eq!(stand.gatepost.checks("credentials_unreadable").await, 6);
    assert_eq!((stand.issuer.calls(), stand.upstream.requests()), (0, 0));
    assert!(super::status(&stand).await["last_error"].as_str().unwrap().contains(&path));
    secrets.write("secret", SECRET);
    until_token(&stand, "a", 200).await;
    assert_eq!(stand.issuer.calls(), 1);
}
