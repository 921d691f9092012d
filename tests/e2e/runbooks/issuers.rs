//! Authorization servers that are down, slow or busy.

use gatepost_test_support::{Endpoint, Fault};

use super::incident::Incident;

#[tokio::test]
async fn errors_of_checks_are_led_back_to_who_causes_them() {
    let incident = Incident::quiet().await;
    let kid = incident.stand.issuer.rotate_unpublished("RS256").await.unwrap();
    let (unknown, opaque) = (incident.token().await, incident.opaque().await);
    incident.stand.issuer.stop().await.unwrap();
    assert_eq!(incident.status_of(&unknown).await, 503);
    let mut book = incident.runbook("check-errors.md");
    book.set_file("TOKEN_FILE", &opaque).follow_until_shown("Check").await;

    incident.stand.issuer.publish(&kid).await.unwrap();
    incident.stand.issuer.restart().await.unwrap();
    incident.until_status(&unknown, 200).await;
    book.follow("Do").await;
    book.follow_until_shown("Over when").await;
}

#[tokio::test]
async fn while_an_identity_provider_is_down_known_keys_go_on_and_its_return_is_seen() {
    let incident = Incident::quiet().await;
    let (token, opaque) = (incident.token().await, incident.opaque().await);
    incident.stand.issuer.stop().await.unwrap();
    let book = incident.runbook("identity-provider-down.md");
    book.follow_until_shown("Check").await;
    assert_eq!(incident.status_of(&token).await, 200);
    assert_eq!(incident.status_of(&opaque).await, 503);

    incident.stand.issuer.restart().await.unwrap();
    incident.until_status(&opaque, 200).await;
    book.follow_until_shown("Over when").await;
}

#[tokio::test]
async fn an_issuer_that_limits_introspection_is_seen_and_so_is_the_end_of_it() {
    let incident = Incident::quiet().await;
    let opaque = incident.opaque().await;
    for _ in 0..2 {
        assert_eq!(incident.status_of(&opaque).await, 200);
    }
    let limit = Fault { status: Some(429), body: "slow down".into(), ..Fault::default() };
    incident.stand.issuer.fault(Endpoint::Introspection, &limit).await.unwrap();
    for _ in 0..3 {
        assert_eq!(incident.status_of(&incident.opaque().await).await, 503);
    }
    let mut book = incident.runbook("introspection-rate-limited.md");
    book.set_file("TOKEN_FILE", &opaque);
    book.follow_until_shown("Check").await;
    book.follow("Do").await;

    incident.stand.issuer.heal(Endpoint::Introspection).await.unwrap();
    incident.until_status(&incident.opaque().await, 200).await;
    book.follow_until_shown("Over when").await;
}

#[tokio::test]
async fn a_token_endpoint_that_fails_is_told_from_a_server_that_is_down() {
    let incident = Incident::quiet().await;
    let token = incident.token().await;
    let fault = Fault { status: Some(500), body: "no".into(), ..Fault::default() };
    incident.stand.issuer.fault(Endpoint::Token, &fault).await.unwrap();
    let mut book = incident.runbook("token-endpoint.md");
    book.set_file("TOKEN_FILE", &token).follow_until_shown("Check").await;

    incident.stand.issuer.heal(Endpoint::Token).await.unwrap();
    book.set_file("TOKEN_FILE", &incident.token().await).follow_until_shown("Over when").await;
}
