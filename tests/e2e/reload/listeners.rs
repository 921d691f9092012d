//! Promise: an edit that also asks for other listeners is applied but for them, and says that they need a
//! restart.

use gatepost_test_support::wait;
use serde_json::json;

use super::{APPLIED, config_status, logged, policy_with_scope, until_generation};
use crate::stand::Stand;

const RESTART: &str = "the rest of the edit is in use, but a changed listener or collector needs a restart";

#[tokio::test]
async fn a_changed_listener_needs_a_restart_and_the_rest_is_live() {
    let mut stand = Stand::start().await;
    let (before, policy) = (stand.gatepost.gatepost_yaml(), policy_with_scope("orders:audit"));
    let socket = stand.gatepost.socket();
    let mut swap = |text: &str| {
        stand.gatepost.mounted.swap(&[("gatepost.yaml", text), ("policy.yaml", &policy)]).unwrap();
    };
    swap(
        &before
            .replace("authz.sock'", "other.sock', socket_mode: '0600'")
            .replace("127.0.0.1:0", "127.0.0.1:1"),
    );
    until_generation(&stand, 2).await;
    assert_eq!(stand.token(&stand.issuer.token().mint()).await.status, 403, "the policy is live");
    assert!(socket.exists() && !socket.with_file_name("other.sock").exists());
    assert_eq!(config_status(&stand).await["restart_needed"], json!(["listen.authz", "listen.admin"]));
    let lines = logged(&stand, RESTART);
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0]["level"], &lines[0]["settings"]),
        (&json!("WARN"), &json!("listen.authz listen.admin"))
    );

    let mut swap = |text: &str| {
        stand.gatepost.mounted.swap(&[("gatepost.yaml", text), ("policy.yaml", &policy)]).unwrap();
    };
    swap(&before);
    until_generation(&stand, 3).await;
    assert_eq!(config_status(&stand).await["restart_needed"], json!([]));
    let told = async || (logged(&stand, APPLIED).len() == 2).then_some(());
    wait::until("two edits in the log", told).await.unwrap();
    assert_eq!(logged(&stand, RESTART).len(), 1);
}
