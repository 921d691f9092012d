//! Promise: no token, nor any part of one that would help to use it, is ever written: not to the logs at their
//! most talkative, not to the audit log, not to the metrics, not to the status page. What every test's sidecar has
//! emitted is looked through when it is dropped ([`Emitted`](crate::stand::Emitted)); here are the worst requests.

use gatepost_test_support::{Compact, Request, Signer, TestIssuer, Token, secrets, wait};
use serde_json::json;

use crate::stand::{Config, Stand, get, orders};

/// Tokens that take every way through gatepost.
fn tokens(issuer: &TestIssuer) -> Vec<Token> {
    let good = || issuer.token();
    let mut tokens = vec![
        good(),
        good().claim("exp", 1),
        good().claim("aud", "https://billing.example.com"),
        good().claim("scope", "other"),
        good().claim("iss", "https://elsewhere.example"),
        good().claim("cnf", json!({ "jkt": "x" })),
        good().claim("sub", "a\nb"),
        good().without("jti"),
        good().without("exp"),
        good().header("typ", "JWT"),
        good().header("crit", json!(["x"])),
        good().header("kid", "invented"),
        good().alg("none"),
        good().hs256("secret"),
        good().forged_by(&Signer::generate("RS256")),
        good().raw_payload("not json at all, but secret"),
        good().raw_payload(r#"{"iss":1,"iss":2,"secret":"value"}"#),
        good().claim("long", "x".repeat(20_000)),
        good().claim("deep", (0..50).fold(json!(1), |inner, _| json!([inner]))),
    ];
    tokens.extend(Signer::ALGORITHMS.map(|name| good().signed_by(&Signer::shared(name))));
    tokens
}

/// Every place in a request where a token could be.
fn requests(token: &str) -> Vec<Request> {
    vec![
        orders().bearer(token),
        orders().bearer(token).bearer(token),
        orders().bearer(&format!("{token} {token}")),
        orders().bearer(&format!("{token}.x.y")),
        orders().header("Authorization", token),
        orders().header("Authorization", format!("DPoP {token}")),
        orders().header("Authorization", format!("Basic {token}")),
        orders().bearer(token).header("DPoP", token),
        orders().header("Cookie", format!("access_token={token}")),
        get(&format!("/orders/7?access_token={token}")),
        get(&format!("/orders/7?access_token={token}")).bearer(token),
        get(&format!("/orders/{token}?x={token}")).bearer(token),
        get(&format!("/{token}")).bearer(token),
        get(&format!("//{token}")).bearer(token),
        Request::get("/orders/7").host(&format!("{}.example", &token[..20])).bearer(token),
        get("/healthz").bearer(token),
    ]
}

/// What must be found nowhere: the whole, its signature, and its claims as they were sent.
fn parts(token: &str) -> Vec<String> {
    let Compact { payload, signature, .. } = Compact::of(token);
    [token.to_owned(), signature, payload].into_iter().filter(|part| part.len() >= 16).collect()
}

#[tokio::test]
async fn nothing_of_a_token_is_ever_written() {
    let issuer = TestIssuer::start().await.unwrap();
    issuer.publish(&Signer::ALGORITHMS.map(Signer::shared).each_ref());
    let audit = "audit: { requests: all, per_second: 10000, identities: plain, to: { file: { path: $DIRECTORY/audit.jsonl } } }";
    let config = Config::trusting(issuer.issuer()).and(audit).log("trace");
    let stand = Stand::ready(issuer, config).await;
    let tokens: Vec<_> = tokens(&stand.issuer).iter().map(Token::mint).collect();
    let mut sent = 0;
    for request in tokens.iter().flat_map(|token| requests(token)) {
        // Some of these are too long for Envoy, or no requests.
        let _ = stand.envoy.send(request).await;
        sent += 1;
    }
    assert!(stand.gatepost.checks("token_expired").await > 0, "checks were made");
    let nothing_waits = async || (stand.gatepost.status().await["audit"]["waiting"] == 0).then_some(());
    wait::until("the audit log", nothing_waits).await.unwrap();
    let audit = std::fs::read_to_string(stand.gatepost.socket().with_file_name("audit.jsonl")).unwrap();
    assert!(audit.lines().count() > 300, "checks were recorded");
    let written = [
        ("the log", stand.gatepost.process.log()),
        ("the metrics", stand.gatepost.page("/metrics").await.text()),
        ("the status page", stand.gatepost.page("/statusz").await.text()),
        ("the audit log", audit),
    ];
    assert!(written[0].1.contains("TRACE"), "the log is as talkative as it can be");
    let mut found = Vec::new();
    for secret in tokens.iter().flat_map(|token| parts(token)) {
        for (place, text) in &written {
            if let Some(at) = text.find(&secret) {
                let line = text[..at].lines().count();
                let context: String =
                    text[..at].chars().rev().take(120).collect::<Vec<_>>().into_iter().rev().collect();
                found.push(format!("{place}, line {line}: …{context}[SECRET]"));
            }
        }
    }
    found.truncate(20);
    assert!(found.is_empty(), "after {sent} requests:\n{}", found.join("\n"));
}

// The same, where headers come joined.
#[tokio::test]
async fn a_token_is_in_no_log_of_an_ordinary_day() {
    let stand = Stand::start().await;
    for token in tokens(&stand.issuer).iter().map(Token::mint) {
        stand.token(&token).await;
        for secret in parts(&token) {
            assert!(!stand.gatepost.process.log().contains(&secret));
        }
    }
}

// Were nothing ever found, no sidecar that is dropped could fail its test.
#[tokio::test]
async fn a_secret_that_a_sidecar_emits_is_found() {
    let stand = Stand::start().await;
    let token = stand.issuer.token().mint();
    assert_eq!(stand.token(&token).await.status, 200);
    let places = |stand: &Stand| -> Vec<String> {
        let all = stand.gatepost.emitted.all().into_iter();
        all.filter(|(_, text)| !secrets::found_in(text).is_empty()).map(|(place, _)| place).collect()
    };
    let all = stand.gatepost.emitted.all();
    for (place, text) in
        [("the log", "gatepost serves"), ("/metrics", "gatepost_checks"), ("/statusz", "\"audit\"")]
    {
        assert!(all.iter().any(|(its, emitted)| its == place && emitted.contains(text)), "{place}");
    }
    assert_eq!(places(&stand), [""; 0]);
    let planted = stand.gatepost.socket().with_file_name("planted");
    std::fs::write(&planted, format!("{{\"path\":\"/orders/{token}\"}}")).unwrap();
    assert_eq!(places(&stand), [planted.display().to_string()]);
    std::fs::remove_file(&planted).unwrap();
}
