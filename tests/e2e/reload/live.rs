//! Promise: an edit takes hold by itself, at once for SIGHUP, and tells what it changed.

use gatepost_test_support::wait;
use serde_json::json;

use super::{
    APPLIED, LIVE, UNCHANGED, config_status, logged, looked_again, policy_with_scope, until_generation,
};
use crate::stand::{Config, POLICY, Stand, get, orders};

fn reading_needs(stand: &Stand, scope: &str) -> Config {
    Config::trusting(stand.issuer.issuer()).policy(&policy_with_scope(scope))
}

#[tokio::test]
async fn a_tightened_and_a_loosened_policy_take_hold_by_themselves() {
    let mut stand = Stand::start().await;
    let token = stand.issuer.token().mint();
    for (scope, expected) in [("orders:audit", 403), ("orders:read", 200), ("orders:none", 403)] {
        stand.gatepost.edit(reading_needs(&stand, scope));
        let live = async || (stand.token(&token).await.status == expected).then_some(());
        wait::within(LIVE, &format!("an answer {expected}"), live).await.unwrap();
    }
}

#[tokio::test]
async fn an_edit_is_told_once_with_its_generation_and_what_changed() {
    let mut stand = Stand::start().await;
    let before = config_status(&stand).await;
    let metric = async |name: &str| stand.gatepost.metric(&format!("gatepost_config_{name}")).await;
    let first = metric("applied_timestamp_seconds").await;
    let rule = "  - { name: more, match: { path: /more }, public: true }\n";
    assert_eq!(stand.send(get("/more")).await.status, 403);
    stand.gatepost.edit(Config::trusting(stand.issuer.issuer()).policy(&format!("{POLICY}{rule}")));
    until_generation(&stand, 2).await;
    assert_eq!(stand.send(get("/more")).await.status, 200);
    let after = config_status(&stand).await;
    assert_eq!((&before["rules"], &after["rules"]), (&json!(4), &json!(5)));
    assert_ne!(before["applied_at"], after["applied_at"]);
    for (name, expected) in
        [("problems", json!([])), ("rejected_since", json!(null)), ("restart_needed", json!([]))]
    {
        assert_eq!(after[name], expected, "{name}");
    }
    assert!(stand.gatepost.metric("gatepost_config_applied_timestamp_seconds").await >= first);
    let lines = logged(&stand, APPLIED);
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!((&line["level"], &line["generation"], &line["rules"]), (&json!("INFO"), &json!(2), &json!(5)));
    for name in ["issuers_added", "issuers_changed", "issuers_removed"] {
        assert_eq!(line[name], json!(""), "{name}");
    }
}

#[tokio::test]
async fn the_same_files_in_a_new_directory_are_no_edit() {
    let mut stand = Stand::start().await;
    stand.gatepost.edit(Config::trusting(stand.issuer.issuer()));
    looked_again(&stand).await;
    assert_eq!(config_status(&stand).await["generation"], json!(1));
    assert_eq!(logged(&stand, APPLIED).len(), 0);
}

#[tokio::test]
async fn sighup_ends_nothing_and_reads_at_once() {
    let mut stand = Stand::start().await;
    looked_again(&stand).await;
    let told = logged(&stand, UNCHANGED);
    assert_eq!((&told[0]["level"], &told[0]["generation"]), (&json!("INFO"), &json!(1)));
    stand.gatepost.edit(reading_needs(&stand, "orders:audit"));
    stand.gatepost.process.hang_up().unwrap();
    until_generation(&stand, 2).await;
    assert_eq!(stand.token(&stand.issuer.token().mint()).await.status, 403);
    assert_eq!(stand.send(orders()).await.status, 401);
}

#[tokio::test]
async fn bounds_on_checks_take_hold_too() {
    let mut stand = Stand::start().await;
    let token = stand.issuer.token().claim("long", "x".repeat(2000)).mint();
    assert_eq!(stand.token(&token).await.status, 200);
    stand.gatepost.edit(Config::trusting(stand.issuer.issuer()).and("check: { max_token_bytes: 1000 }"));
    until_generation(&stand, 2).await;
    assert_eq!(stand.token(&token).await.status, 401);
    assert_eq!(stand.gatepost.checks("token_too_large").await, 1);
}
