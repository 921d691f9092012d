//! Edits in a directory that no kubelet has written: files change in place, one after the other, and may be
//! half-written when they are looked at.

use std::fs;
use std::io::Write as _;

use gatepost_test_support::wait;
use serde_json::{Value, json};

use crate::sidecar::{POLICY, Sidecar};

/// Waits until the status page shows this value.
async fn until(sidecar: &Sidecar, name: &str, expected: Value) {
    let shown = async || (sidecar.config_status().await[name] == expected).then_some(());
    wait::until(&format!("{name} {expected}"), shown).await.unwrap();
}

async fn until_refused(sidecar: &Sidecar, expected: &str) {
    let refused =
        async || sidecar.config_status().await["problems"].to_string().contains(expected).then_some(());
    wait::until(expected, refused).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_edited_in_place_is_followed() {
    let sidecar = Sidecar::start().await;
    let policy = sidecar.directory().join("policy.yaml");
    let mut file = fs::OpenOptions::new().append(true).open(&policy).unwrap();
    for rules in 4..7 {
        writeln!(file, "  - {{ name: more {rules}, match: {{ path: /more/{rules} }}, public: true }}")
            .unwrap();
        until(&sidecar, "rules", json!(rules)).await;
    }
    // As editors save.
    fs::write(policy.with_extension("new"), POLICY).unwrap();
    fs::rename(policy.with_extension("new"), &policy).unwrap();
    until(&sidecar, "rules", json!(3)).await;
    until(&sidecar, "generation", json!(5)).await;
}

#[tokio::test]
async fn a_file_that_is_spoiled_in_place_keeps_the_last_good_generation() {
    let sidecar = Sidecar::start().await;
    let policy = sidecar.directory().join("policy.yaml");
    let good = fs::read(&policy).unwrap();
    fs::write(&policy, "").unwrap();
    until_refused(&sidecar, "the file is empty").await;
    fs::remove_file(&policy).unwrap();
    until_refused(&sidecar, "No such file").await;
    fs::create_dir(&policy).unwrap();
    until_refused(&sidecar, "it is not a file").await;
    fs::remove_dir(&policy).unwrap();
    fs::write(&policy, [0xff]).unwrap();
    until_refused(&sidecar, "not UTF-8").await;
    assert_eq!(sidecar.config_status().await["generation"], json!(1));
    fs::write(&policy, good).unwrap();
    until(&sidecar, "rejected_since", Value::Null).await;
    let status = sidecar.config_status().await;
    assert_eq!((&status["generation"], &status["problems"]), (&json!(1), &json!([])));
}
