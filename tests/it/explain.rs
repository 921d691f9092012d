//! `gatepost explain`: exit codes, the steps it shows, and what it never shows.

use std::process::{Command, Output};

use gatepost_test_support::Token;
use tempfile::TempDir;

use crate::sidecar::configuration;

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
