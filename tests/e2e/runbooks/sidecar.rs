//! A sidecar that is not there, and a day on which everything breaks in turn.

use gatepost_test_support::{Envoy, wait};

use super::incident::{ALL_REQUESTS, Incident, aim};
use crate::stand::{POLICY, orders};

async fn until(envoy: &Envoy, token: &str, status: u16) {
    let answered = async || (envoy.send(orders().bearer(token)).await.ok()?.status == status).then_some(());
    wait::until(&format!("an answer {status}"), answered).await.unwrap();
}

#[tokio::test]
async fn a_sidecar_that_is_gone_is_found_missing_and_seen_to_return() {
    let mut incident = Incident::quiet().await;
    let token = incident.token().await;
    incident.stand.gatepost.process.kill();
    assert_eq!(incident.status_of(&token).await, 503, "nothing passes unchecked");
    let mut book = incident.runbook("sidecar-absent.md");
    book.follow_until_shown("Check").await;

    let gatepost = incident.stand.gatepost.start_again().await;
    aim(&mut book, &gatepost);
    book.follow_until_shown("Over when").await;
    until(&incident.stand.envoy, &token, 200).await;
}

#[tokio::test]
async fn a_game_day_can_be_played_from_start_to_end() {
    let mut incident = Incident::quiet().await;
    let (token, revoked) = (incident.token().await, incident.token().await);
    let mut book = incident.runbook("game-day.md");
    book.set("JTI", super::incident::claim(&revoked, "jti"));
    book.follow_until_shown("What you see").await;
    book.follow_until_shown("Check").await;

    incident.redis.kill();
    book.follow_until_shown("The feed falls silent").await;
    incident.until_status(&revoked, 401).await;
    incident.redis.restart().await.unwrap();

    incident.stand.issuer.stop().await.unwrap();
    book.follow_until_shown("The identity provider goes down").await;
    assert_eq!(incident.status_of(&token).await, 200);
    incident.stand.issuer.restart().await.unwrap();

    let broken = incident.configuration("rules: [{ name: x }]", ALL_REQUESTS);
    incident.stand.gatepost.edit(broken);
    book.follow_until_shown("A bad edit").await;
    assert_eq!(incident.status_of(&token).await, 200);
    let good = incident.configuration(POLICY, ALL_REQUESTS);
    incident.stand.gatepost.edit(good);

    incident.stand.gatepost.process.kill();
    book.follow_until_shown("The sidecar dies").await;
    assert_eq!(incident.status_of(&token).await, 503);
    let gatepost = incident.stand.gatepost.start_again().await;
    aim(&mut book, &gatepost);
    book.follow_until_shown("Over when").await;
    until(&incident.stand.envoy, &token, 200).await;
    until(&incident.stand.envoy, &revoked, 401).await;
}
