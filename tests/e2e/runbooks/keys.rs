//! Keys that are replaced, wrongly and rightly.

use gatepost_test_support::{Signer, TestIssuer, wait};

use super::incident::{Incident, runbook};
use crate::stand::{Config, Stand, issuer};

#[tokio::test]
async fn a_key_that_signs_before_it_is_published_is_found_and_its_end_is_seen() {
    let incident = Incident::quiet().await;
    let kid = incident.stand.issuer.rotate_unpublished("RS256").await.unwrap();
    let token = incident.token().await;
    assert_eq!(incident.status_of(&token).await, 401);
    assert!(incident.stand.gatepost.checks("key_unknown").await >= 1);
    let mut book = incident.runbook("signing-key-rotated-wrongly.md");
    book.set_file("TOKEN_FILE", &token);
    book.follow_until_shown("Check").await;

    incident.stand.issuer.publish(&kid).await.unwrap();
    incident.until_status(&token, 200).await;
    book.follow_until_shown("Over when").await;
}

#[tokio::test]
async fn a_key_is_replaced_in_stages_and_every_token_passes_all_the_while() {
    let [old, new] = ["2026-11", "2026-12"].map(|kid| Signer::generate("RS256").kid(kid));
    let test = TestIssuer::start().await.unwrap();
    test.publish(&[&old]);
    let entry = issuer("corp", test.issuer(), "keys: { refresh: 1s, cooldown: 1s }");
    let stand = Stand::ready(test, Config::of(&format!("issuers:\n{entry}"))).await;
    let by = |signer: &Signer| stand.issuer.token().signed_by(signer).mint();
    let (first, second) = (by(&old), by(&new));
    let mut book = runbook(&stand.gatepost, "staged-key-rotation.md");
    book.set_file("TOKEN_FILE", &first).follow_until_shown("Check").await;
    assert_eq!(stand.token(&first).await.status, 200);

    stand.issuer.publish(&[&old, &new]);
    book.follow_until_shown("1. Publish the new key").await;
    assert_eq!(stand.token(&first).await.status, 200);
    book.set_file("TOKEN_FILE", &second).follow_until_shown("2. Sign with it").await;
    for token in [&first, &second] {
        assert_eq!(stand.token(token).await.status, 200);
    }

    stand.issuer.publish(&[&new]);
    book.follow_until_shown("4. Withdraw the old key").await;
    assert_eq!(stand.token(&second).await.status, 200);
    let refused = async || (stand.token(&first).await.status == 401).then_some(());
    wait::until("the old key to be refused", refused).await.unwrap();
    book.follow_until_shown("Over when").await;
}
