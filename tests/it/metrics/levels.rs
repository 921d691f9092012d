//! What goes up and down: connections, checks in flight, and the configuration in use.

use std::fs;

use gatepost_test_support::{IntrospectionServer, Say, wait};
use tokio::task::JoinSet;

use super::{OPAQUE, append, scrape, with_everything};
use crate::sidecar::Sidecar;
use crate::wire::question;

async fn until(sidecar: &Sidecar, family: &str, expected: f64) {
    let reached = async || (scrape(sidecar).await[family].value(&[]) == Some(expected)).then_some(());
    wait::until(&format!("{family} {expected}"), reached).await.unwrap();
}

#[tokio::test]
async fn connections_are_counted_while_they_are_open() {
    let sidecar = Sidecar::start().await;
    until(&sidecar, "gatepost_connections", 0.0).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = sidecar.client().await;
        client.check(question("GET", "/healthz", &[])).await.unwrap();
        clients.push(client);
    }
    until(&sidecar, "gatepost_connections", 3.0).await;
    drop(clients.pop());
    until(&sidecar, "gatepost_connections", 2.0).await;
    drop(clients);
    until(&sidecar, "gatepost_connections", 0.0).await;
}

#[tokio::test]
async fn a_check_is_in_flight_until_it_is_answered_or_given_up() {
    let asked = IntrospectionServer::start().await.unwrap();
    asked.says(OPAQUE, Say::Hang);
    let sidecar = Sidecar::prepared(|directory| {
        with_everything(directory, &asked);
        append(&directory.join("gatepost.yaml"), "check: { deadline: 60s }\n");
    })
    .await;
    sidecar.ready().await;
    let mut asking = JoinSet::new();
    let mut ask = async || {
        let mut client = sidecar.client().await;
        asking.spawn(async move {
            let bearer = format!("Bearer {OPAQUE}");
            client.check(question("GET", "/orders/7", &[("authorization", &bearer)])).await.unwrap();
        })
    };
    let given_up = ask().await;
    ask().await;
    until(&sidecar, "gatepost_checks_in_flight", 2.0).await;
    given_up.abort();
    until(&sidecar, "gatepost_checks_in_flight", 1.0).await;
    asked.calls_good(OPAQUE);
    until(&sidecar, "gatepost_checks_in_flight", 0.0).await;
    assert!(asking.join_next().await.unwrap().is_err(), "given up");
    asking.join_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn the_digest_is_that_of_the_files_in_use() {
    let sidecar = Sidecar::start().await;
    let digest = async || {
        let mut samples = scrape(&sidecar).await.remove("gatepost_config").unwrap().samples;
        assert_eq!(samples.len(), 1, "of the configuration in use and of no former one");
        samples.remove(0).labels.remove("sha256").unwrap()
    };
    let first = digest().await;
    let policy = sidecar.directory().join("policy.yaml");
    let good = fs::read_to_string(&policy).unwrap();
    append(&policy, "  - { name: more, match: { path: /more }, public: true }\n");
    until(&sidecar, "gatepost_config_generation", 2.0).await;
    let second = digest().await;
    assert_ne!(first, second);
    append(&policy, "spoiled");
    until(&sidecar, "gatepost_config_rejected", 1.0).await;
    assert_eq!(digest().await, second);
    fs::write(&policy, good).unwrap();
    until(&sidecar, "gatepost_config_generation", 3.0).await;
    assert_eq!(digest().await, first);
}
