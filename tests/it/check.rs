//! `gatepost check`: all problems of both files at once, each with place, problem and hint.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::sidecar::configuration;

fn check(directory: &TempDir) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gatepost"))
        .arg("check")
        .arg("--config")
        .arg(directory.path())
        .output()
        .unwrap()
}

/// What a person reads, without the directory in front of the file names.
fn problems(directory: &TempDir) -> String {
    let output = check(directory);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    text.replace(&format!("{}/", directory.path().display()), "")
}

#[test]
fn a_good_directory_is_good() {
    let output = check(&configuration("unix:@none", "127.0.0.1:0"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "good: 3 rules, 1 issuer (test)\n");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn shows_every_problem_of_both_files_with_place_and_hint() {
    let directory = TempDir::with_prefix("gatepost-check-").unwrap();
    fs::write(directory.path().join("gatepost.yaml"), include_str!("bad/gatepost.yaml")).unwrap();
    fs::write(directory.path().join("policy.yaml"), include_str!("bad/policy.yaml")).unwrap();
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/bad/problems.txt");
    let found = problems(&directory);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&expected, &found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(expected).unwrap(), "UPDATE=1 writes what is shown now");
}

#[test]
fn a_missing_an_empty_and_an_oversized_file_are_problems() {
    let directory = configuration("unix:@none", "127.0.0.1:0");
    let policy = directory.path().join("policy.yaml");
    for (content, expected) in [
        (Some(String::new()), "policy.yaml: the file is empty"),
        (Some("# nothing\n".to_owned()), "policy.yaml: the file is empty"),
        (Some("a: b\n".repeat(300_000)), "larger than 1 MiB"),
        (Some("rules: [".to_owned()), "policy.yaml:"),
        (Some("rules: []".to_owned()), "is an empty list"),
        (None, "cannot be read"),
    ] {
        match &content {
            Some(text) => fs::write(&policy, text).unwrap(),
            None => fs::remove_file(&policy).unwrap(),
        }
        let problems = problems(&directory);
        assert!(problems.contains(expected), "{expected}: {problems}");
    }
}

#[test]
fn a_key_file_that_holds_no_usable_key_is_a_problem() {
    let directory = configuration("unix:@none", "127.0.0.1:0");
    let keys = directory.path().join("jwks.json");
    for (content, expected) in [
        ("{}", "it is not a JWK Set"),
        (r#"{"keys":[]}"#, "it has no usable key"),
        (r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#, "key 0: key type or curve is not supported"),
    ] {
        fs::write(&keys, content).unwrap();
        let problems = problems(&directory);
        assert!(
            problems.contains("issuers[0].jwks_file: gives no keys") && problems.contains(expected),
            "{problems}"
        );
    }
}

#[test]
fn serve_does_not_start_with_a_problem() {
    let directory = configuration("unix:@none", "nonsense");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    let output = command.arg("serve").arg("--config").arg(directory.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("listen.admin: is not an address and port") && text.contains("not started"),
        "{text}"
    );
}
