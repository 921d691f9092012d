//! Edits that should not have been made, and an audit log that is too small.

use super::incident::{ALL_REQUESTS, Incident};
use crate::stand::POLICY;

#[tokio::test]
async fn a_bad_policy_is_found_and_rolled_back() {
    let mut incident = Incident::quiet().await;
    let token = incident.token().await;
    assert_eq!(incident.status_of(&token).await, 200);
    let mut book = incident.runbook("bad-policy-rolled-out.md");
    book.set_file("TOKEN_FILE", &token);

    let broken =
        incident.configuration(&POLICY.replace("path: /orders/** }", "path: /orders* }"), ALL_REQUESTS);
    incident.stand.gatepost.edit(broken);
    book.follow_until_shown("The files were refused").await;
    assert_eq!(incident.status_of(&token).await, 200, "the last good generation stays in use");

    let wrong = incident.configuration(&POLICY.replace("[orders:read]", "[orders:raed]"), ALL_REQUESTS);
    incident.stand.gatepost.edit(wrong);
    incident.until_status(&token, 403).await;
    book.follow_until_shown("The rule refuses too much").await;
    book.set_directory("NEXT", &incident.files(POLICY));
    book.set_file("AUDIT", &incident.audit_with("scope_insufficient").await).follow("Do").await;

    let good = incident.configuration(POLICY, ALL_REQUESTS);
    incident.stand.gatepost.edit(good);
    // `explain` reads the files, which a running sidecar may not have done yet.
    incident.until_status(&token, 200).await;
    book.follow_until_shown("Over when").await;
}

#[tokio::test]
async fn an_audit_log_that_leaves_lines_out_is_seen_and_given_room() {
    let mut incident =
        Incident::with(POLICY, "audit: { identities: plain, requests: all, per_second: 1 }").await;
    let token = incident.token().await;
    for _ in 0..8 {
        assert_eq!(incident.status_of(&token).await, 200);
    }
    let book = incident.runbook("audit-incomplete.md");
    book.follow_until_shown("Check").await;
    let roomy = incident.configuration(POLICY, ALL_REQUESTS);
    incident.stand.gatepost.edit(roomy);
    book.follow("Do").await;
    book.follow_until_shown("Over when").await;

    let left_out = "gatepost_audit_lines_total{result=\"left_out\"}";
    let before = incident.stand.gatepost.metric(left_out).await;
    for _ in 0..8 {
        assert_eq!(incident.status_of(&token).await, 200);
    }
    assert_eq!(incident.stand.gatepost.metric(left_out).await, before);
}
