//! Promise: an edit of the configuration is live within a second, whole or not at all, and no check is dropped
//! or decided by two generations for it (opa#2588, configmap-reload#190).

mod issuers;
mod listeners;
mod live;
mod refused;
mod storm;

use std::time::Duration;

use gatepost_test_support::{EnvoyConfig, wait};
use serde_json::Value;

use crate::stand::{Config, POLICY, Stand};

/// Generous: what it promises is one second, on a machine that is not busy with other tests.
const LIVE: Duration = Duration::from_secs(5);

/// A stand whose checks wait long: a busy machine is no reason to fail.
async fn stand<I>(issuer: I, config: Config) -> Stand<I> {
    let envoy = EnvoyConfig::shipped().unwrap().replace(" timeout: 1s", " timeout: 30s").unwrap();
    let mut stand = Stand::behind(envoy, issuer, config.and("check: { deadline: 15s }")).await;
    stand.gatepost.ready().await;
    stand
}

/// `POLICY` with another scope for reading orders.
fn policy_with_scope(scope: &str) -> String {
    let policy = POLICY.replace("scopes: [orders:read]", &format!("scopes: ['{scope}']"));
    assert_ne!(policy, POLICY);
    policy
}

/// Waits until this generation is in use.
async fn until_generation<I>(stand: &Stand<I>, generation: u64) {
    let what = format!("generation {generation}");
    let live =
        async || (stand.gatepost.metric("gatepost_config_generation").await == generation).then_some(());
    wait::within(LIVE, &what, live).await.unwrap();
}

/// `config` of the status page.
async fn config_status<I>(stand: &Stand<I>) -> Value {
    stand.gatepost.status().await["config"].clone()
}

/// The lines of the log with this message.
fn logged<I>(stand: &Stand<I>, message: &str) -> Vec<Value> {
    let log = stand.gatepost.process.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == message).collect()
}

const UNCHANGED: &str = "SIGHUP: the files have not changed";
const APPLIED: &str = "the configuration was edited and is in use";
const REFUSED: &str = "the edited configuration is refused; the last good generation stays in use";
const UNDONE: &str = "the refused edit was undone; the files say what is in use";

/// Waits until the files, which have not changed since it looked last, have been looked at once more.
async fn looked_again<I>(stand: &Stand<I>) {
    let before = logged(stand, UNCHANGED).len();
    stand.gatepost.process.hang_up().unwrap();
    let looked = async || (logged(stand, UNCHANGED).len() > before).then_some(());
    wait::until("another look at the files", looked).await.unwrap();
}
