//! `gatepost explain`: exit codes, the steps it shows, and what it never shows.

mod revocation;

use std::process::{Command, Output};

use gatepost_test_support::Token;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::sidecar::configuration;
use crate::snapshot::assert_shows;

fn explain(directory: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.arg("explain").arg("--config").arg(directory.path()).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn request<'a>(path: &'a str, authorization: &'a str) -> Vec<&'a str> {
    vec!["--url", path, "--header", authorization]
}

const ORDERS: &str = "https://orders.example.com/orders/7";

#[test]
fn shows_every_step_of_an_allow() {
    let directory = configuration("unix:@none", "127.0.0.1:0");
    let token = Token::good().mint();
    let output = explain(&directory, &request(ORDERS, &format!("Authorization: Bearer {token}")));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = text(&output);
    for shown in [
        "rule \"health\": path does not match",
        "rule \"read orders\" applies",
        "one bearer token",
        "\"test\" (https://idp.example.com)",
        "made by key ",
        "ALLOW by rule \"read orders\"",
        "sets     x-subject: alice",
    ] {
        assert!(text.contains(shown), "{shown}\n{text}");
    }
    let signature = token.rsplit('.').next().unwrap();
    assert!(!text.contains(signature), "the token is in the output");
}

/// When the token of [`as_of`] is good.
const AT: &str = "2023-11-14T22:14:00Z";

/// A token that is the same in every run.
fn as_of() -> Token {
    Token::good().at(1_700_000_000).claim("jti", "one")
}

/// The exit status, and the one object that `--output json` prints.
fn machine_readable(directory: &TempDir, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = explain(directory, &[&["--output", "json"], arguments].concat());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn shows_people_each_of_the_three_outcomes() {
    let directory = configuration("unix:@none", "127.0.0.1:0");
    let bearer = |token: Token| format!("authorization: Bearer {}", token.mint());
    let shown = |url: &str, authorization: &str| {
        let request = [&request(url, authorization)[..], &["--at", AT]].concat();
        let text = text(&explain(&directory, &request));
        text.replace(&format!("{}/", directory.path().display()), "")
    };
    let mut all = vec![
        shown(ORDERS, &bearer(as_of())),
        shown(ORDERS, &bearer(as_of().claim("sub", "alice\u{1b}[2J"))),
        shown(ORDERS, &bearer(as_of().claim("scope", "orders:list"))),
        shown("https://orders.example.com/nowhere", "accept: */*"),
        shown("https://orders.example.com/healthz?page=1", "x-subject: mallory"),
    ];
    std::fs::remove_file(directory.path().join("jwks.json")).unwrap();
    all.push(shown(ORDERS, &bearer(as_of())));
    assert_shows(&all.join("\n"), "explain/outcomes.txt");
}

#[test]
fn tells_machines_of_an_allow_and_of_no_query() {
    let directory = configuration("unix:@none", "127.0.0.1:0");
    let authorization = format!("authorization: Bearer {}", as_of().mint());
    let url = "https://orders.example.com/orders/7?page=secret";
    let (code, report) =
        machine_readable(&directory, &[&request(url, &authorization)[..], &["--at", AT]].concat());
    assert_eq!(code, Some(0), "{report:#}");
    let steps = report["steps"].as_array().unwrap();
    let told = |step: &Value| ["stage", "verdict"].map(|name| step[name].as_str().unwrap().to_owned());
    let told: Vec<_> = steps.iter().map(told).map(|[stage, verdict]| format!("{stage} {verdict}")).collect();
    assert_eq!(told.first().map(String::as_str), Some("route noted"));
    assert!(
        told.iter().any(|told| told == "signature passed")
            && !told.iter().any(|told| told.contains("refused"))
    );
    assert!(steps.iter().any(|step| step["text"].as_str().unwrap().contains("made by key RS256")));
    let mut rest = report.clone();
    rest.as_object_mut().unwrap().remove("steps");
    assert_eq!(
        rest,
        json!({
            "request": { "method": "GET", "host": "orders.example.com", "path": "/orders/7" },
            "at": AT,
            "outcome": "allow", "rule": "read orders", "reason": null, "status": null, "challenge": null,
            "set": { "x-subject": "alice", "x-scopes": "orders:read" },
            "remove": ["x_scopes", "x_subject"],
            "faults": [],
        })
    );
    assert!(!report.to_string().contains("secret"));
}

#[test]
fn tells_machines_why_it_denies_and_why_it_cannot_tell() {
    let directory = configuration("unix:@none", "127.0.0.1:0");
    let authorization =
        format!("authorization: Bearer {}", Token::good().claim("scope", "orders:list").mint());
    let (code, report) = machine_readable(&directory, &request(ORDERS, &authorization));
    assert_eq!(code, Some(1), "{report:#}");
    let told = ["outcome", "rule", "reason", "status", "challenge"].map(|name| &report[name]);
    let challenge = "Bearer error=\"insufficient_scope\", scope=\"orders:read\"";
    assert_eq!(json!(told), json!(["deny", "read orders", "scope_insufficient", 403, challenge]));
    assert_eq!(report["steps"].as_array().unwrap().last().unwrap()["verdict"], "refused");

    std::fs::remove_file(directory.path().join("jwks.json")).unwrap();
    let (code, report) = machine_readable(&directory, &request(ORDERS, &authorization));
    assert_eq!(code, Some(2), "{report:#}");
    let told = ["outcome", "reason", "status", "challenge", "set"].map(|name| &report[name]);
    assert_eq!(json!(told), json!(["unavailable", "keys_missing", 503, null, {}]));
    assert!(report["faults"][0].as_str().unwrap().contains("jwks.json: No such file"), "{report:#}");
}

#[test]
fn prints_no_object_when_the_configuration_has_problems() {
    let directory = configuration("unix:@none", "nonsense");
    let output = explain(&directory, &["--url", ORDERS, "--output", "json"]);
    assert_eq!((output.status.code(), output.stdout), (Some(2), Vec::new()));
    assert!(String::from_utf8(output.stderr).unwrap().contains("listen.admin"));
}

#[test]
fn says_why_it_denies_and_what_the_client_hears() {
    let directory = configuration("unix:@none", "127.0.0.1:0");
    for (token, reason, seen) in [
        (
            Token::good().claim("aud", "https://other.example.com"),
            "audience_mismatch",
            "https://other.example.com",
        ),
        (Token::good().claim("scope", "orders:list"), "scope_insufficient", "orders:list"),
        (Token::good().claim("exp", 1), "token_expired", "1970-01-01T00:00:01Z"),
        (Token::good().header("kid", "other"), "key_unknown", "other"),
        (Token::good().header("typ", "logout+jwt"), "type_not_accepted", "logout+jwt"),
    ] {
        let output =
            explain(&directory, &request(ORDERS, &format!("authorization: Bearer {}", token.mint())));
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = text(&output);
        assert!(
            text.contains(reason) && text.contains(seen) && text.contains("www-authenticate: Bearer error="),
            "{text}"
        );
    }
}

#[test]
fn says_that_gatepost_answers_for_its_own_metadata() {
    let directory = configuration("unix:@none", "127.0.0.1:0");
    let file = directory.path().join("gatepost.yaml");
    let text_of_file = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text_of_file + "resource: { identifier: 'https://orders.example.com' }\n").unwrap();
    let url = "https://orders.example.com/.well-known/oauth-protected-resource";
    let output = explain(&directory, &["--url", url]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = text(&output);
    for shown in ["gatepost answers itself", "ANSWER 200", "\"resource\":\"https://orders.example.com\""] {
        assert!(text.contains(shown), "{shown}\n{text}");
    }
    assert!(!text.contains("rule \""), "{text}");
}

#[test]
fn exits_with_2_when_it_cannot_tell() {
    let directory = configuration("unix:@none", "127.0.0.1:0");
    std::fs::remove_file(directory.path().join("jwks.json")).unwrap();
    let output =
        explain(&directory, &request(ORDERS, &format!("authorization: Bearer {}", Token::good().mint())));
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output).contains("CANNOT TELL 503 keys_missing"), "{}", text(&output));
}

#[test]
fn decides_as_of_another_time_and_with_other_keys() {
    let directory = configuration("unix:@none", "127.0.0.1:0");
    let keys = directory.path().join("elsewhere.json");
    std::fs::rename(directory.path().join("jwks.json"), &keys).unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, Token::good().at(1_700_000_000).mint()).unwrap();
    let explain_at = |time: &str| {
        let keys = keys.display().to_string();
        let token = token.display().to_string();
        explain(&directory, &["--url", ORDERS, "--jwks", &keys, "--token-file", &token, "--at", time])
    };
    assert_eq!(explain_at("2023-11-14T22:14:00Z").status.code(), Some(0));
    let later = explain_at("2023-11-14T23:14:00Z");
    assert_eq!(later.status.code(), Some(1));
    assert!(text(&later).contains("token_expired"));
}

#[test]
fn takes_the_path_as_written_and_prints_nothing_that_moves_the_cursor() {
    let directory = configuration("unix:@none", "127.0.0.1:0");
    let output = explain(&directory, &["--url", "https://orders.example.com/a/../healthz"]);
    assert!(text(&output).contains("path_ambiguous"), "{}", text(&output));
    let token = Token::good().header("kid", "\u{1b}[2J\n").mint();
    let output = explain(&directory, &request(ORDERS, &format!("authorization: Bearer {token}")));
    assert!(!text(&output).contains('\u{1b}'));
}
