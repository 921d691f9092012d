//! Promise: the audit log has what was asked for, where it was asked for, names nobody unless told to, and can be judged
//! again.

use std::fs;
use std::path::Path;
use std::process::Command;

use gatepost::check::record::{Identities, token_digest};
use gatepost_test_support::{TestIssuer, wait};
use serde_json::{Value, json};

use crate::stand::{Config, Stand, get};

const POLICY: &str = "
defaults: { audit: none }
rules:
  - { name: quiet, match: { path: /quiet }, require: { scopes: [admin] } }
  - { name: usual, match: { path: /usual }, require: { scopes: [orders:read] }, audit: denials }
  - { name: watched, match: { path: /watched }, require: { scopes: [orders:read] }, audit: all }
";

const KEY: &str = "a key that all sidecars of the fleet share";

fn config(identifier: &str, more: &str) -> Config {
    let audit = format!("audit: {{ to: {{ file: {{ path: $DIRECTORY/audit.jsonl }} }}, {more} }}");
    Config::trusting(identifier).policy(POLICY).and(&audit)
}

async fn written(stand: &Stand, count: u64) -> Vec<Value> {
    let all = async || (stand.gatepost.status().await["audit"]["lines"]["written"] == count).then_some(());
    wait::until(&format!("{count} lines"), all).await.unwrap();
    let text = fs::read_to_string(stand.gatepost.socket().with_file_name("audit.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn told(line: &Value) -> [&str; 2] {
    let text = |pointer| line.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    [text("/http_request/url/path"), text("/authorizations/0/decision")]
}

#[tokio::test]
async fn each_rule_says_what_is_recorded_of_it_and_identities_are_hashed() {
    let issuer = TestIssuer::start().await.unwrap();
    let keys = tempfile::tempdir().unwrap();
    let key = keys.path().join("key");
    fs::write(&key, format!("{KEY}\n")).unwrap();
    let config = config(issuer.issuer(), &format!("hash_key_file: {}", key.display()));
    let stand: Stand = Stand::ready(issuer, config).await;
    let token = stand.issuer.token().mint();
    for path in ["/quiet", "/usual", "/watched", "/nowhere"] {
        stand.send(get(path).bearer(&token)).await;
        stand.send(get(path)).await;
    }
    let lines = written(&stand, 5).await;
    let expected = [
        ["/usual", "deny"],
        ["/watched", "allow"],
        ["/watched", "deny"],
        ["/nowhere", "deny"],
        ["/nowhere", "deny"],
    ];
    assert_eq!(lines.iter().map(told).collect::<Vec<_>>(), expected);
    let hashed = Identities::hashed(KEY.as_bytes());
    let actor = json!({
        "user": { "uid": hashed.shown("alice") },
        "app_uid": hashed.shown("web"),
        "session": { "issuer": "test", "credential_uid": token_digest(&token) },
    });
    assert_eq!(lines[1]["actor"], actor);
    assert_eq!(lines[1]["unmapped"]["token"]["hash_key"], hashed.key_id().unwrap());
    assert_eq!(lines[3]["actor"], json!({ "session": { "credential_uid": token_digest(&token) } }));
    let status = stand.gatepost.status().await["audit"].take();
    assert_eq!([&status["to"], &status["hash_key"]], ["file", "hash_key_file"]);
    assert_eq!(status["hash_key_id"], hashed.key_id().unwrap());
    judged_again(stand.gatepost.mounted.path(), &stand.gatepost.socket().with_file_name("audit.jsonl"));
}

/// By the same configuration, all comes to the same.
fn judged_again(config: &Path, lines: &Path) {
    let (config, lines) = (config.to_str().unwrap(), lines.to_str().unwrap());
    let code = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_gatepost")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (diff, shown) = code(&["diff", "--old", config, "--new", config, "--requests", lines]);
    assert_eq!(diff, Some(0), "{shown}");
    let (explained, shown) = code(&["explain", "--config", config, "--from-audit", lines]);
    assert_eq!(explained, Some(1), "the first line is a refusal: {shown}");
}

#[tokio::test]
async fn without_a_key_a_random_one_is_used_and_said() {
    let issuer = TestIssuer::start().await.unwrap();
    let config = config(issuer.issuer(), "hash_key_file: not/there");
    let mut stand: Stand = Stand::ready(issuer, config).await;
    let token = stand.issuer.token().mint();
    stand.send(get("/watched").bearer(&token)).await;
    let first = written(&stand, 1).await.remove(0);
    let status = stand.gatepost.status().await["audit"].take();
    assert_eq!(status["hash_key"], "random");
    assert_eq!(first["unmapped"]["token"]["hash_key"], status["hash_key_id"]);
    assert!(status["hash_key_error"].as_str().unwrap().contains("not/there: No such file"), "{status}");
    let said =
        stand.gatepost.process.line("the fault", |line| line.contains("`hash_key_file` can't be used")).await;
    assert!(said.unwrap().contains("not/there"));
    assert!(first["actor"]["user"]["uid"].as_str().unwrap().starts_with("hmac:"));
}

#[tokio::test]
async fn an_edit_sends_lines_elsewhere_and_samples_what_passes() {
    let issuer = TestIssuer::start().await.unwrap();
    let mut stand: Stand = {
        let config = Config::trusting(issuer.issuer()).policy(POLICY);
        Stand::ready(issuer, config).await
    };
    let token = stand.issuer.token().mint();
    stand.send(get("/watched").bearer(&token)).await;
    let on_stdout = |line: &str| line.contains("\"class_uid\":6003");
    stand.gatepost.process.line("a line on standard output", on_stdout).await.unwrap();
    let policy = "rules: [{ name: all, match: { path: /** }, require: {} }]";
    let edited = config(stand.issuer.issuer(), "sample: 1").policy(policy);
    stand.gatepost.edit(edited);
    let moved = async || (stand.gatepost.status().await["audit"]["to"] == "file").then_some(());
    wait::until("the edit", moved).await.unwrap();
    stand.send(get("/x").bearer(&token)).await;
    assert_eq!(written(&stand, 2).await.iter().map(told).collect::<Vec<_>>(), [["/x", "allow"]]);
}
