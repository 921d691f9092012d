//! `gatepost check`: all problems of both files at once, each with place, problem and hint.

mod files;
mod scopes;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use gatepost::config::load;
use gatepost_test_support::{Signer, token};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::sidecar::configuration;
use crate::snapshot::assert_shows;

fn check(directory: &TempDir) -> Output {
    check_with(directory, &[])
}

fn check_with(directory: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.arg("check").arg("--config").arg(directory.path()).args(arguments).output().unwrap()
}

/// The exit status, and the one object that `--output json` prints.
fn machine_readable(directory: &TempDir, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = check_with(directory, &[&["--output", "json"], arguments].concat());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

fn bad_samples() -> TempDir {
    let directory = TempDir::with_prefix("gatepost-check-").unwrap();
    fs::write(directory.path().join("gatepost.yaml"), include_str!("bad/gatepost.yaml")).unwrap();
    fs::write(directory.path().join("policy.yaml"), include_str!("bad/policy.yaml")).unwrap();
    directory
}

/// A good directory but for a warning: nothing says for whom tokens are meant but a claim.
fn waived_audience() -> TempDir {
    let directory = configuration("unix:@none", "127.0.0.1:0");
    let file = directory.path().join("gatepost.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let (before, rest) = text.split_once("audiences: ").unwrap();
    let (_, after) = rest.split_once('\n').unwrap();
    let text = format!("{before}audiences: any\n    require_claims: {{ tenant: acme }}\n{after}");
    fs::write(&file, text).unwrap();
    directory
}

/// What a person reads, without the directory in front of the file names.
fn problems(directory: &TempDir) -> String {
    let output = check(directory);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    shown(&output, directory)
}

fn shown(output: &Output, directory: &TempDir) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
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
    assert_shows(&problems(&bad_samples()), "bad/problems.txt");
}

/// One of the directories in `tests/it/bad`.
fn bad(name: &str) -> TempDir {
    let directory = TempDir::with_prefix("gatepost-check-").unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/bad").join(name), directory.path());
    let keys = token::jwks([&Signer::shared("RS256")]).to_string();
    fs::write(directory.path().join("jwks.json"), keys).unwrap();
    directory
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

#[test]
fn shows_every_problem_of_every_policy_file() {
    assert_shows(&problems(&bad("policy")), "bad/policy/problems.txt");
}

#[test]
fn warns_of_rules_that_do_not_do_what_they_look_like() {
    let directory = bad("doubts");
    let output = check(&directory);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout.clone()).unwrap(), "good: 14 rules, 1 issuer (corp)\n");
    assert_shows(&shown(&output, &directory), "bad/doubts/problems.txt");
}

#[test]
fn a_policy_that_only_tries_its_rules_out_decides_nothing() {
    assert_shows(&problems(&bad("trial")), "bad/trial/problems.txt");
}

#[test]
fn a_candidate_with_problems_is_told_of_and_keeps_nothing_else_from_being_used() {
    let directory = bad("candidate");
    assert_shows(&problems(&directory), "bad/candidate/problems.txt");
    let config = load(directory.path()).config.unwrap();
    assert_eq!((config.policy.rules().len(), config.trials.len()), (2, 0));
}

#[test]
fn tells_machines_the_same_as_people() {
    let directory = bad_samples();
    let (code, report) = machine_readable(&directory, &[]);
    assert_eq!(code, Some(1));
    assert_eq!((&report["good"], &report["summary"]), (&json!(false), &Value::Null));
    let text = problems(&directory);
    let [errors, warnings] = ["errors", "warnings"].map(|name| report[name].as_u64().unwrap());
    let counts = format!("{errors} problems, {warnings} warning");
    assert!(text.lines().last().unwrap().starts_with(&counts), "{counts}{text}");
    let found = report["problems"].as_array().unwrap();
    assert_eq!(found.len() as u64, errors + warnings);
    for problem in found {
        let file = problem["file"].as_str().unwrap().rsplit('/').next().unwrap();
        let place = &problem["place"];
        let warning = if problem["severity"] == "warning" { " warning:" } else { "" };
        let (path, what) = (problem["path"].as_str().unwrap(), problem["what"].as_str().unwrap());
        let line = format!("{file}:{}:{}:{warning} {path}: {what}\n", place["line"], place["column"]);
        assert!(text.contains(&line), "{line}{text}");
        let hint = problem.get("hint").and_then(Value::as_str).unwrap_or_default();
        assert!(text.contains(hint), "{hint}\n{text}");
    }
}

#[test]
fn tells_machines_what_a_good_directory_holds_and_what_its_key_file_lacks() {
    let directory = configuration("unix:@none", "127.0.0.1:0");
    let good = json!({
        "good": true, "problems": [], "errors": 0, "warnings": 0,
        "summary": { "rules": 3, "issuers": ["test"] },
    });
    assert_eq!(machine_readable(&directory, &[]), (Some(0), good));

    fs::write(directory.path().join("jwks.json"), "{}").unwrap();
    let (code, report) = machine_readable(&directory, &[]);
    assert_eq!((code, &report["errors"]), (Some(1), &json!(1)));
    assert_eq!(report["problems"][0]["path"], "issuers[0].jwks_file");
}

#[test]
fn a_warning_counts_as_a_problem_only_when_that_is_asked() {
    let directory = waived_audience();
    let output = check(&directory);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().ends_with("0 problems, 1 warning\n"));

    let output = check_with(&directory, &["--deny-warnings"]);
    assert_eq!((output.status.code(), output.stdout), (Some(1), Vec::new()));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("0 problems, 1 warning\nnot good: with --deny-warnings"), "{text}");

    let (code, report) = machine_readable(&directory, &["--deny-warnings"]);
    assert_eq!((code, &report["good"], &report["warnings"]), (Some(1), &json!(false), &json!(1)));
    let (code, report) = machine_readable(&directory, &[]);
    assert_eq!((code, &report["good"], &report["warnings"]), (Some(0), &json!(true), &json!(1)));
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
