//! Promise: whatever the endpoint answers that RFC 7662 does not allow is an outage: it lets nothing pass, and it
//! tells no client that its token is bad.

use gatepost_test_support::{IntrospectionServer, Say};
use serde_json::json;

use super::{assert_outage, scripted};

/// Answers, each with the reason that the checks metric shows.
fn answers(server: &IntrospectionServer) -> Vec<(&'static str, Say, &'static str)> {
    let (malformed, unreachable) = ("introspection_malformed", "introspection_unreachable");
    let mut oversized = server.active().to_string().into_bytes();
    oversized.extend(vec![b' '; 1 << 20]);
    let redirect = |status| Say::status_with(status, &[("location", &format!("{}/x", server.issuer()))]);
    vec![
        ("empty", Say::body(""), malformed),
        ("HTML", Say::body("<html>down for maintenance</html>"), malformed),
        ("half", Say::body(r#"{"active":true,"#), malformed),
        ("no active", Say::Json(json!({ "sub": "alice", "scope": "orders:read" })), malformed),
        ("active a text", Say::Json(server.active_with(&[("active", json!("true"))])), malformed),
        ("active a number", Say::Json(server.active_with(&[("active", json!(1))])), malformed),
        ("active null", Say::Json(server.active_with(&[("active", json!(null))])), malformed),
        ("a list", Say::Json(json!([server.active()])), malformed),
        ("active twice", Say::body(r#"{"active":false,"active":true}"#), malformed),
        ("bytes", Say::body(b"\xff\xfe\x00".as_slice()), malformed),
        ("called signed", Say::Signed(server.active().to_string()), malformed),
        ("an access token called signed", Say::Signed(server.token().mint()), malformed),
        ("oversized", Say::body(oversized), unreachable),
        ("201", Say::status(201), unreachable),
        ("204", Say::status(204), unreachable),
        ("206", Say::status(206), unreachable),
        ("301", redirect(301), unreachable),
        ("302", redirect(302), unreachable),
        ("307", redirect(307), unreachable),
        ("308", redirect(308), unreachable),
        ("400", Say::status(400), unreachable),
        ("404", Say::status(404), unreachable),
        ("429", Say::status(429), unreachable),
        ("500", Say::status(500), unreachable),
        ("502", Say::status(502), unreachable),
        ("503", Say::status(503), unreachable),
    ]
}

// I1, I2
#[tokio::test]
async fn what_is_no_answer_lets_nothing_pass_and_is_asked_again() {
    let (stand, _secrets) = scripted("limits: { failures: 1000 }").await;
    let cases = answers(&stand.issuer);
    for (index, (name, say, reason)) in cases.into_iter().enumerate() {
        let token = format!("token-{index}");
        stand.issuer.says(&token, say);
        let before = stand.gatepost.checks(reason).await;
        assert_outage(&stand.token(&token).await, name);
        assert_eq!(stand.gatepost.checks(reason).await, before + 1, "{name}: {reason}");
        assert_eq!(stand.issuer.calls_about(&token), 1, "{name}: no redirect is followed, no call repeated");
        stand.issuer.calls_good(&token);
        assert_eq!(stand.token(&token).await.status, 200, "{name} was not kept");
    }
    let failures = r#"gatepost_introspection_calls_total{issuer="test",result="failure"}"#;
    assert_eq!(stand.gatepost.metric(failures).await, 26);
}

// I2
#[tokio::test]
async fn a_slow_and_a_hanging_endpoint_are_outages_in_time() {
    let (stand, _secrets) = scripted("timeout: 200ms\nlimits: { failures: 1000 }").await;
    stand.issuer.says("hangs", Say::Hang);
    assert_outage(&stand.token("hangs").await, "hanging");
    assert_eq!(stand.gatepost.checks("introspection_unreachable").await, 1);
    assert_eq!((stand.upstream.requests(), stand.issuer.calls()), (0, 1));
}

// I2
#[tokio::test]
async fn a_check_whose_time_is_up_is_an_outage_while_the_call_goes_on() {
    let server = IntrospectionServer::start().await.unwrap();
    let secrets = super::Secrets::with(super::SECRET);
    let config = crate::stand::Config::of(&format!(
        "issuers:\n{}check: {{ deadline: 300ms }}",
        crate::stand::issuer(
            "test",
            server.issuer(),
            &format!("introspection: {{ timeout: 15s, {} }}", secrets.basic())
        )
    ));
    let stand = super::stand(server, config).await;
    stand.issuer.says("slow", Say::Hang);
    assert_outage(&stand.token("slow").await, "slow");
    assert_eq!(stand.gatepost.checks("deadline_exceeded").await, 1);
    stand.issuer.calls_good("slow");
    super::until_token(&stand, "slow", 200).await;
    assert_eq!(stand.issuer.calls(), 1, "the answer to the first check's call was kept for the others");
}

// I2
#[tokio::test]
async fn a_refusal_of_our_own_credentials_is_our_trouble_and_is_told_apart() {
    let (mut stand, _secrets) = scripted("").await;
    for (token, status) in [("a", 401), ("b", 403)] {
        stand.issuer.says(token, Say::status_with(status, &[("www-authenticate", "Basic")]));
        assert_outage(&stand.token(token).await, "our credentials are refused");
        stand.issuer.calls_good(token);
        assert_eq!(stand.token(token).await.status, 200, "nothing was kept");
    }
    assert_eq!(stand.gatepost.checks("introspection_rejected").await, 2);
    let rejected = r#"gatepost_introspection_calls_total{issuer="test",result="rejected"}"#;
    assert_eq!(stand.gatepost.metric(rejected).await, 2);
    let told =
        |line: &str| line.contains("refused our own client credentials (401)") && line.contains("WARN");
    stand.gatepost.process.line("the log line", told).await.unwrap();
}

// I7
#[tokio::test]
async fn signed_answers_that_do_not_hold_are_outages() {
    let (stand, _secrets) = scripted("signed: required\nlimits: { failures: 1000 }").await;
    let now = gatepost_test_support::token::now();
    let signed = || {
        stand.issuer.token().header("typ", "token-introspection+jwt").only_claims(json!({
            "iss": stand.issuer.issuer(),
            "aud": "gatepost",
            "iat": now,
            "token_introspection": stand.issuer.active(),
        }))
    };
    stand.issuer.says("good", Say::Signed(signed().mint()));
    assert_eq!(stand.token("good").await.status, 200);
    let other = gatepost_test_support::Signer::generate("RS256");
    for (name, token) in [
        ("typ at+jwt", signed().header("typ", "at+jwt")),
        ("no typ", signed().without_header("typ")),
        ("another key", signed().forged_by(&other)),
        ("an unknown key", signed().signed_by(&other)),
        ("alg none", signed().alg("none").signature([])),
        ("another audience", signed().claim("aud", "billing")),
        ("another issuer", signed().claim("iss", "https://elsewhere.example")),
        ("old", signed().claim("iat", now - 3600)),
        ("an access token", stand.issuer.token()),
    ] {
        let asked = name.replace(' ', "-");
        stand.issuer.says(&asked, Say::Signed(token.mint()));
        assert_outage(&stand.token(&asked).await, name);
    }
    stand.issuer.calls_good("plain");
    assert_outage(&stand.token("plain").await, "an answer that is not signed");
    assert_eq!(stand.upstream.requests(), 1);
}
