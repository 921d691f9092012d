//! `gatepost status` and `gatepost healthcheck`: what a running sidecar says of itself, for people and for probes.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Output};

use axum::Router;
use axum::routing::get;
use gatepost_test_support::wait;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::sidecar::{POLICY, Sidecar};
use crate::snapshot::assert_shows;

/// Off the thread that the sidecar serves on.
async fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.args(arguments).env_remove("GATEPOST_CONFIG").env_remove("GATEPOST_ADMIN");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Exit status, standard output and standard error.
async fn shown(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = run(arguments).await;
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// An admin listener whose /statusz says this: a sidecar is seldom in all these states at once.
struct Said {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Said {
    async fn by(status: &Value) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let text = status.to_string();
        let pages = Router::new().route("/statusz", get(async move || text));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, pages).await.unwrap() });
        Self { address, _serving: serving }
    }

    async fn shown(&self) -> (Option<i32>, String) {
        let address = self.address.to_string();
        let (code, out, err) = shown(&["status", "--admin", &address]).await;
        assert_eq!(err, "");
        (code, out.replace(&address, "ADMIN"))
    }
}

fn healthy() -> Value {
    json!({
        "version": "0.1.0",
        "now": "2026-11-23T12:01:00Z",
        "ready": true,
        "not_ready_because": null,
        "config": {
            "generation": 3,
            "applied_at": "2026-11-23T11:58:02Z",
            "rules": 12,
            "candidate_rejected": false,
            "on_trial": [{ "policy": "candidate", "rules": 13 }],
            "rejected_since": null,
            "problems": [],
            "restart_needed": [],
        },
        "revocations": {
            "stale": false,
            "marks": { "token": 10, "session": 0, "subject": 2 },
            "feeds": [{
                "name": "hub", "kind": "redis", "phase": "following", "stale": false, "silent_for_seconds": 0.2,
                "lag_seconds": 0.0004, "gaps": 0, "incomplete_until": null, "refused": { "malformed": 1 },
                "last_error": null,
            }],
        },
        "issuers": [{
            "name": "corp", "issuer": "https://login.corp.example", "key_ids": ["2026-11", "2026-12"],
            "skipped_keys": ["keys[2]: of no use"], "keys_age_seconds": 12,
            "keys_stale_at": "2026-11-24T12:00:48Z", "last_error": null,
            "introspection": {
                "breaker": "closed", "calls": 812, "hit_ratio": 0.934, "last_answer_age_seconds": 3,
                "last_error": null,
            },
        }],
    })
}

fn in_every_trouble() -> Value {
    let mut status = healthy();
    for (pointer, value) in [
        ("/ready", json!(false)),
        ("/not_ready_because", json!("waiting for the keys of partner")),
        ("/config/rejected_since", json!("2026-11-23T12:00:30Z")),
        (
            "/config/problems",
            json!(["policy.yaml:11:42: `/orders*` is no path pattern\n    hint: write `/orders/**`"]),
        ),
        ("/config/candidate_rejected", json!(true)),
        ("/config/restart_needed", json!(["listen.admin"])),
        ("/issuers/0/last_error", json!("did not answer: \u{1b}[2J")),
        ("/issuers/0/introspection/breaker", json!("open")),
        ("/issuers/0/introspection/last_error", json!("the issuer answered 429")),
        ("/revocations/feeds/0/stale", json!(true)),
        ("/revocations/feeds/0/phase", json!("lost")),
        ("/revocations/feeds/0/gaps", json!(1)),
        ("/revocations/feeds/0/incomplete_until", json!("2026-11-24T00:01:00Z")),
        ("/revocations/feeds/0/last_error", json!("Connection refused")),
    ] {
        *status.pointer_mut(pointer).unwrap() = value;
    }
    status
}

#[tokio::test]
async fn shows_each_thing_on_a_line_and_marks_each_trouble() {
    let (code, well) = Said::by(&healthy()).await.shown().await;
    assert_eq!(code, Some(0));
    let (code, unwell) = Said::by(&in_every_trouble()).await.shown().await;
    assert_eq!(code, Some(1));
    assert_shows(&format!("{well}\n{unwell}"), "status/shown.txt");
}

/// README shows it.
#[tokio::test]
async fn shows_one_trouble_among_much_that_is_well() {
    let mut status = healthy();
    status["config"]["on_trial"] = json!([]);
    status["issuers"][0]["skipped_keys"] = json!([]);
    let feed = &mut status["revocations"]["feeds"][0];
    feed["refused"] = json!({});
    for (name, value) in [
        ("stale", json!(true)),
        ("phase", json!("lost")),
        ("silent_for_seconds", json!(14.2)),
        ("last_error", json!("Connection refused (os error 111)")),
    ] {
        feed[name] = value;
    }
    let (code, text) = Said::by(&status).await.shown().await;
    assert_eq!(code, Some(1));
    assert_shows(&text.replace("ADMIN", "127.0.0.1:9192"), "status/one_trouble.txt");
}

#[tokio::test]
async fn shows_a_sidecar_that_says_less() {
    let (code, text) = Said::by(&json!({ "version": "0.0.9", "ready": true })).await.shown().await;
    assert_eq!(code, Some(0));
    assert!(text.starts_with("gatepost 0.0.9 at ADMIN"), "{text}");
}

#[tokio::test]
async fn finds_a_running_sidecar_by_its_configuration_also_while_the_files_are_refused() {
    let sidecar = Sidecar::start().await;
    let directory = sidecar.directory().to_str().unwrap();
    let config = ["--config", directory];
    let healthy = async || {
        (run(&[&["healthcheck"], &config[..]].concat()).await.status.code() == Some(0)).then_some(())
    };
    wait::until("a good health", healthy).await.unwrap();
    let (code, text, _) = shown(&[&["status"], &config[..]].concat()).await;
    assert!(code == Some(0) && text.ends_with("\nHEALTHY\n"), "{text}");

    std::fs::write(sidecar.directory().join("policy.yaml"), POLICY.replace("/healthz", "/healthz*")).unwrap();
    let refused = async || {
        let (code, text, _) = shown(&[&["status"], &config[..]].concat()).await;
        (code == Some(1) && text.contains("! configuration     THE FILES ARE REFUSED since")).then_some(text)
    };
    let text = wait::until("the refusal", refused).await.unwrap();
    assert!(text.contains("`/healthz*` is no path pattern"), "{text}");
    assert_eq!(run(&[&["healthcheck"], &config[..]].concat()).await.status.code(), Some(0), "still ready");
}

#[tokio::test]
async fn a_sidecar_that_waits_for_keys_is_alive_and_not_ready() {
    let sidecar = Sidecar::without_keys().await;
    let directory = sidecar.directory().to_str().unwrap();
    let unready = (Some(1), String::new(), "waiting for the keys of test\n".to_owned());
    assert_eq!(shown(&["healthcheck", "--config", directory]).await, unready);
    assert_eq!(run(&["healthcheck", "--live", "--config", directory]).await.status.code(), Some(0));
    let (code, text, _) = shown(&["status", "--config", directory]).await;
    assert!(
        code == Some(1) && text.contains("! ready             NO: waiting for the keys of test"),
        "{text}"
    );
}

#[tokio::test]
async fn machines_get_what_the_sidecar_says() {
    let sidecar = Sidecar::start().await;
    let directory = sidecar.directory().to_str().unwrap();
    let output = run(&["status", "--config", directory, "--output", "json"]).await;
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&status["config"]["rules"], &status["issuers"][0]["name"]), (&json!(3), &json!("test")));
}

#[tokio::test]
async fn metrics_are_chosen_by_the_beginning_of_their_names() {
    let sidecar = Sidecar::start().await;
    let directory = sidecar.directory().to_str().unwrap();
    let metrics = async |name| shown(&["status", "--config", directory, "--metrics", name]).await;
    let (code, text, _) = metrics("gatepost_config_rejected").await;
    assert_eq!((code, &*text), (Some(0), "gatepost_config_rejected 0\n"));
    assert_eq!(metrics("gatepost_checks_total").await, (Some(0), String::new(), String::new()), "none yet");
    let (code, _, why) = metrics("gatepost_nonsense").await;
    assert_eq!((code, &*why), (Some(2), "no metric's name begins with \"gatepost_nonsense\"\n"));
}

#[tokio::test]
async fn says_why_nobody_can_be_asked() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let (code, _, why) = shown(&["status", "--admin", &address]).await;
    assert_eq!(code, Some(2));
    assert_eq!(why, format!("gatepost at {address} can't be asked: Connection refused (os error 111)\n"));
    assert_eq!(run(&["healthcheck", "--admin", &address]).await.status.code(), Some(1));
    let (code, _, why) = shown(&["status", "--config", "/nowhere"]).await;
    assert_eq!(code, Some(2));
    assert_eq!(why, "gatepost.yaml in /nowhere has no readable `listen.admin`: say --admin\n");
    let other = Said::by(&json!({ "ready": true })).await;
    let (code, _, why) = shown(&["status", "--admin", &other.address.to_string()]).await;
    assert!(code == Some(2) && why.contains("names no version"), "{why}");
    let (code, _, why) = shown(&["status", "--admin", &other.address.to_string(), "--metrics", "x"]).await;
    assert!(code == Some(2) && why.contains("is not gatepost: /metrics is 404"), "{why}");
}
