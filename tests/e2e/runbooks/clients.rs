//! Clients: new ones, and ones that try things out.

use gatepost_test_support::Mint;

use super::incident::{ALL_REQUESTS, Incident};
use crate::stand::POLICY;

#[tokio::test]
async fn a_new_client_is_let_in_by_a_rule_that_was_compared_before() {
    let mut incident = Incident::quiet().await;
    let export = Mint { client: "batch", scope: "orders:export", ..Mint::default() };
    let token = incident.mint(export).await;
    assert_eq!(incident.status_of(&token).await, 403);
    let rule = "rules:
  - name: exports for batch
    match: { hosts: [orders.example.com], methods: [GET], path: /orders/** }
    require: { clients: [batch], scopes: [orders:export] }";
    let next = POLICY.replacen("rules:", rule, 1);
    let mut book = incident.runbook("client-onboarding.md");
    book.set_file("TOKEN_FILE", &token).set_file("AUDIT", &incident.audit_with("scope_insufficient").await);
    book.set_directory("NEXT", &incident.files(&next));
    book.follow_until_shown("Check").await;
    book.follow("Do").await;

    let edited = incident.configuration(&next, ALL_REQUESTS);
    incident.stand.gatepost.edit(edited);
    book.follow_until_shown("Over when").await;
    assert_eq!(incident.status_of(&token).await, 200);
}

#[tokio::test]
async fn a_client_that_tries_scopes_out_is_seen_and_others_go_on() {
    let incident = Incident::quiet().await;
    let curious = incident.mint(Mint { scope: "orders:list", ..Mint::default() }).await;
    let good = incident.token().await;
    let (signed, _) = good.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", curious.rsplit('.').next().unwrap());
    assert_eq!(incident.status_of(&curious).await, 403);
    assert_eq!(incident.status_of(&forged).await, 401);
    let mut book = incident.runbook("suspicious-use.md");
    book.set_file("AUDIT", &incident.audit_with("scope_insufficient").await).set_file("TOKEN_FILE", &good);
    book.follow_until_shown("Check").await;
    book.follow_until_shown("Over when").await;
}
