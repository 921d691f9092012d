//! Every alert says how bad it is, what it means and where to go on, and is tested both ways.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::{DASHBOARDS, Rule, dashboard, file, rules, yaml};
use crate::samples::here;

const DASHBOARD_BASE: &str = "{{ $externalLabels.grafana }}/d/";
const RUNBOOK_BASE: &str = "{{ $externalLabels.gatepost_runbooks }}/";

fn annotation<'r>(rule: &'r Rule, name: &str) -> &'r str {
    let text = rule.text["annotations"][name].as_str().unwrap_or_default();
    assert!(!text.is_empty(), "{} lacks the annotation {name}", rule.name);
    text
}

fn alert(rule: &Rule) -> &str {
    rule.text["alert"].as_str().unwrap()
}

#[test]
fn every_alert_says_how_bad_it_is_and_where_to_go_on() {
    let uids = DASHBOARDS.map(|name| dashboard(name)["uid"].as_str().unwrap().to_owned());
    let mut names = BTreeSet::new();
    for rule in rules("alerts.yaml") {
        assert!(names.insert(rule.name.clone()), "two alerts are {}", rule.name);
        assert!(alert(&rule).starts_with("Gatepost"), "{}", rule.name);
        let severity = rule.text["labels"]["severity"].as_str().unwrap_or_default();
        assert!(["page", "ticket"].contains(&severity), "{}", rule.name);
        annotation(&rule, "summary");
        annotation(&rule, "description");
        let uid = annotation(&rule, "dashboard").strip_prefix(DASHBOARD_BASE).unwrap();
        assert!(uids.iter().any(|its| its == uid), "{}: no dashboard has the uid {uid}", rule.name);
        let runbook = annotation(&rule, "runbook").strip_prefix(RUNBOOK_BASE).unwrap();
        assert!(runbook.starts_with("deploy/runbooks/") && runbook.ends_with(".md"), "{}", rule.name);
        let text = fs::read_to_string(here(runbook)).unwrap_or_else(|error| panic!("{runbook}: {error}"));
        assert!(text.contains(&format!("`{}`", alert(&rule))), "{runbook} does not mention {}", rule.name);
    }
}

/// The labels that an alert's own text refers to must be left by its expression; those that the rule itself adds are
/// not among `$labels`.
#[test]
fn no_alert_speaks_of_labels_that_its_rule_adds() {
    for rule in rules("alerts.yaml") {
        let annotations = rule.text["annotations"].to_string();
        for label in rule.text["labels"].as_object().unwrap().keys() {
            assert!(!annotations.contains(&format!("$labels.{label} ")), "{} names {label}", rule.name);
        }
    }
}

/// What a test of `promtool test rules` expects of an alert at one time.
struct Expectation {
    alert: String,
    /// The labels of each that fires.
    firing: Vec<Value>,
    /// Whether there are any series at all.
    series: bool,
}

fn expectations() -> Vec<Expectation> {
    let mut all = Vec::new();
    for entry in fs::read_dir(file("tests")).unwrap() {
        let text = yaml::read(&entry.unwrap().path());
        for test in text["tests"].as_array().unwrap() {
            let series = test.get("input_series").is_some();
            for expected in test["alert_rule_test"].as_array().unwrap() {
                let firing = expected["exp_alerts"].as_array().unwrap();
                let firing = firing.iter().map(|alert| alert["exp_labels"].clone()).collect();
                let alert = expected["alertname"].as_str().unwrap().to_owned();
                all.push(Expectation { alert, firing, series });
            }
        }
    }
    all
}

/// Else an alert is sometimes evaluated before the rules that it reads, and finds what they recorded a step ago.
#[test]
fn each_test_evaluates_rules_before_the_alerts_that_read_them() {
    let groups = ["rules.yaml", "alerts.yaml"].map(|name| yaml::read(&file(name))["groups"].clone());
    let groups = groups.iter().flat_map(|groups| groups.as_array().unwrap());
    let names: Vec<_> = groups.map(|group| group["name"].as_str().unwrap()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "two groups have one name");
    for entry in fs::read_dir(file("tests")).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(yaml::read(&path)["group_eval_order"], serde_json::json!(names), "{}", path.display());
    }
}

/// Whether these labels of a firing alert are those of this rule.
fn is_of(labels: &Value, rule: &Rule) -> bool {
    let own = rule.text["labels"].as_object().unwrap();
    own.iter().all(|(name, value)| labels.get(name) == Some(value))
}

#[test]
fn every_alert_is_tested_to_fire_to_be_silent_and_without_any_series() {
    let all = expectations();
    for rule in rules("alerts.yaml") {
        let mut of_it = all.iter().filter(|expected| expected.alert == alert(&rule));
        let fires = |expected: &Expectation| expected.firing.iter().any(|labels| is_of(labels, &rule));
        assert!(of_it.clone().any(fires), "{} is nowhere shown to fire", rule.name);
        assert!(
            of_it.clone().any(|expected| expected.series && !fires(expected)),
            "{} is nowhere shown to be silent",
            rule.name
        );
        assert!(of_it.any(|expected| !expected.series), "{} is not tested without series", rule.name);
    }
    let known: BTreeSet<_> = rules("alerts.yaml").iter().map(|rule| alert(rule).to_owned()).collect();
    assert!(
        all.iter().all(|expected| known.contains(&expected.alert)),
        "a test is of an alert that is not there"
    );
}
