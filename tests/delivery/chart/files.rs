//! The files of the ConfigMap are ones that the real gatepost takes, and mean what the values say.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::render::objects;

/// Writes the files of a ConfigMap as the kubelet would.
pub fn write(config_map: &Value, directory: &Path) {
    for (name, text) in config_map["data"].as_object().unwrap() {
        std::fs::write(directory.join(name), text.as_str().unwrap()).unwrap();
    }
}

/// `gatepost check` as the Job of the chart runs it, on the files of a ConfigMap.
pub fn check(config_map: &Value, more: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    write(config_map, directory.path());
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.args(["check", "--without-secrets", "--config"]).arg(directory.path());
    command.args(more).output().unwrap()
}

#[test]
fn gatepost_takes_the_files_of_every_case() {
    for case in ["sidecar", "volume-socket", "standalone", "standalone-everything"] {
        let objects = objects(case, &[]);
        let maps: Vec<_> = objects
            .of_kind("ConfigMap")
            .into_iter()
            .filter(|map| !map["data"]["policy.yaml"].is_null())
            .collect();
        assert!(!maps.is_empty());
        for map in &maps {
            let output = check(map, &[]);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{case}: {said}");
            // That a standalone gatepost can be reached is what it is for.
            let warnings = said.lines().filter(|line| line.contains(": warning: "));
            let others: Vec<_> =
                warnings.filter(|line| !line.contains("reachable from the network")).collect();
            assert!(others.is_empty(), "{case}: {others:?}");
            assert_eq!(map["data"], maps[0]["data"], "what is checked is what is installed");
        }
    }
}

#[test]
fn the_job_runs_the_command_that_is_tried_here() {
    let objects = objects("sidecar", &[]);
    let job = &objects.one("Job").unwrap()["spec"]["template"]["spec"];
    let expected = ["check", "--config=/etc/gatepost", "--without-secrets", "--deny-warnings"];
    assert_eq!(job["containers"][0]["args"], serde_json::json!(expected));
}

#[test]
fn a_policy_with_a_problem_that_no_schema_sees_is_refused_by_the_check() {
    let objects =
        objects("sidecar", &["--set-json", r#"policy.rules[1].require={"condition":"token.sub +"}"#]);
    let map = objects.of_kind("ConfigMap")[0];
    let output = check(map, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("condition"), "{output:?}");
}

/// YAML has words for numbers, dates and truth that differ between its versions; what was a string in the values must
/// be one to gatepost.
#[test]
fn words_that_look_like_numbers_stay_words() {
    for word in
        ["0o17", "1e3", "0x1F", "no", "y", "~", "null", "1_000", "2026-11-01", "12:30:45", ".inf", "{{ x }}"]
    {
        let client = format!("policy.rules[1].require={{\"clients\":[{}]}}", Value::from(word));
        let objects = objects("sidecar", &["--set-json", &client]);
        let output = check(objects.of_kind("ConfigMap")[0], &["--output", "json"]);
        assert!(output.status.success(), "{word}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
