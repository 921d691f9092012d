//! Promise: `when_unreachable: { stale: D }` lets an older answer serve for so long and never beyond the token's
//! end, never where a rule says `deny`, and never an answer that was not active.

use std::time::Duration;

use gatepost_test_support::{AuthorizationServer, Fault, Mint};
use tokio::time::Instant;

use super::real::opaque;
use super::{ASKED, Secrets, assert_outage, config, stand, status, until_token};
use crate::stand::{Stand, get};

const POLICY: &str = "
rules:
  - name: read orders
    match: { path: /orders/** }
    require: { scopes: [orders:read] }
  - name: pay
    match: { path: /payments }
    require: { scopes: [orders:read], when_unreachable: deny }
";

async fn stale_for(duration: &str) -> (Stand<AuthorizationServer>, Secrets) {
    let server = AuthorizationServer::start().await.unwrap();
    let secrets = Secrets::with(server.secret("gatepost"));
    let lines = format!(
        "{}\ncache: {{ active: 1s }}\nlimits: {{ suspend: 100ms }}\nwhen_unreachable: {{ stale: {duration} }}",
        secrets.basic()
    );
    let config = config(&server.issuer(), &lines).policy(POLICY);
    (stand(server, config).await, secrets)
}

/// Waits until a kept answer is too old for a rule that says `deny`.
async fn until_stale(stand: &Stand<AuthorizationServer>, token: &str) {
    let refused =
        async || Some(stand.send(get("/payments").bearer(token)).await).filter(|answer| answer.status != 200);
    let answer = gatepost_test_support::wait::until("the stricter rule's outage", refused).await.unwrap();
    assert_outage(&answer, "the stricter rule");
}

#[tokio::test]
async fn an_older_answer_serves_where_it_may() {
    let (stand, _secrets) = stale_for("1h").await;
    let token = stand.issuer.mint(opaque()).await.unwrap();
    let revoked = stand.issuer.mint(opaque()).await.unwrap();
    assert_eq!(stand.send(get("/payments").bearer(&token)).await.status, 200);
    stand.issuer.revoke(&revoked, "web").await.unwrap();
    assert_eq!(stand.token(&revoked).await.status, 401);
    stand.issuer.stop().await.unwrap();
    until_stale(&stand, &token).await;
    assert_eq!(stand.token(&token).await.status, 200);
    assert!(status(&stand).await["served_stale"].as_u64().unwrap() >= 1);
    let metric = r#"gatepost_introspection_saved_total{issuer="test",result="stale"}"#;
    assert!(stand.gatepost.metric(metric).await >= 1);
    assert_outage(&stand.token("never-seen").await, "a token that nothing is known of");
    assert_ne!(stand.token(&revoked).await.status, 200);

    stand.issuer.restart().await.unwrap();
    stand.issuer.revoke(&token, "web").await.unwrap();
    until_token(&stand, &token, 401).await;
    stand.issuer.stop().await.unwrap();
    let after_that = async || Some(stand.token(&token).await.status).filter(|status| *status == 503);
    gatepost_test_support::wait::within(Duration::from_secs(30), "the inactive answer's end", after_that)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_older_answer_serves_no_longer_than_it_may() {
    let (stand, _secrets) = stale_for("3s").await;
    let asked = Instant::now();
    let token = stand.issuer.mint(opaque()).await.unwrap();
    assert_eq!(stand.token(&token).await.status, 200);
    let given = Instant::now();
    stand.issuer.stop().await.unwrap();
    assert_outage(&until_token(&stand, &token, 503).await, "beyond 3 s");
    let (shortest, longest) = (given.elapsed(), asked.elapsed());
    assert!(longest >= Duration::from_secs(3), "it served for {longest:?}");
    assert!(shortest <= Duration::from_secs(5), "it served for {shortest:?}");
}

// RFC 7662 §4
#[tokio::test]
async fn no_answer_serves_beyond_the_end_of_the_token() {
    let (stand, _secrets) = stale_for("1h").await;
    let minted = Instant::now();
    let token = stand.issuer.mint(Mint { ttl: Duration::from_secs(3), ..opaque() }).await.unwrap();
    assert_eq!(stand.token(&token).await.status, 200);
    stand.issuer.stop().await.unwrap();
    let ended = async || Some(stand.token(&token).await.status).filter(|status| *status != 200);
    let status = gatepost_test_support::wait::until("the end of the token", ended).await.unwrap();
    assert!(minted.elapsed() <= Duration::from_secs(6), "it served for {:?}", minted.elapsed());
    assert!(matches!(status, 401 | 503), "{status}");
}

#[tokio::test]
async fn an_answer_that_is_none_does_not_end_what_may_serve_but_an_inactive_one_does() {
    let (stand, _secrets) = stale_for("1h").await;
    let token = stand.issuer.mint(opaque()).await.unwrap();
    assert_eq!(stand.send(get("/payments").bearer(&token)).await.status, 200);
    for (status, body) in [(500, ""), (200, "garbage"), (401, r#"{"error":"invalid_client"}"#)] {
        let fault = Fault { status: Some(status), body: body.into(), ..Fault::default() };
        stand.issuer.fault(ASKED, &fault).await.unwrap();
        until_stale(&stand, &token).await;
        assert_eq!(stand.token(&token).await.status, 200, "{status} {body}");
    }
    let inactive = Fault { status: Some(200), body: r#"{"active":false}"#.into(), ..Fault::default() };
    stand.issuer.fault(ASKED, &inactive).await.unwrap();
    until_token(&stand, &token, 401).await;
}
