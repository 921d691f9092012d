//! deploy/monitoring/README.md lists what is there: every alert, and every indicator with its own.
//!
//! `UPDATE=1 cargo test --test house monitoring` writes the list of alerts.

use std::collections::BTreeMap;
use std::fs;

use super::{Rule, file, rules};
use crate::readme::cut;

/// A runbook's place from here, as the guide links it.
fn runbook(rule: &Rule) -> String {
    let place = rule.text["annotations"]["runbook"].as_str().unwrap().rsplit('/').next().unwrap();
    format!("[{}](../runbooks/{place})", place.trim_end_matches(".md"))
}

/// Alerts in the order of alerts.yaml, with their severities, summary and runbook.
fn alerts() -> String {
    let rules = rules("alerts.yaml");
    let mut severities: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for rule in &rules {
        let severity = rule.text["labels"]["severity"].as_str().unwrap();
        let of_it = severities.entry(rule.text["alert"].as_str().unwrap()).or_default();
        if !of_it.contains(&severity) {
            of_it.push(severity);
        }
    }
    let mut text = String::from("| alert | severity | summary | runbook |\n|---|---|---|---|\n");
    for rule in &rules {
        let name = rule.text["alert"].as_str().unwrap();
        let Some(severities) = severities.remove(name) else { continue };
        let summary = rule.text["annotations"]["summary"].as_str().unwrap();
        let summary = summary.replace("{{ $labels.", "`").replace(" }}", "`");
        text.push_str(&format!("| `{name}` | {} | {summary} | {} |\n", severities.join(", "), runbook(rule)));
    }
    text
}

#[test]
fn the_guide_lists_every_alert() {
    let path = file("README.md");
    let guide = fs::read_to_string(&path).unwrap();
    let (before, old, after) = cut(&guide, "alerts");
    let current = alerts();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, format!("{before}{current}{after}")).unwrap();
    } else {
        assert_eq!(old, current, "run `UPDATE=1 cargo test --test house monitoring`");
    }
}

#[test]
fn each_objective_of_the_guide_has_its_rule_its_alert_and_its_runbook() {
    let guide = fs::read_to_string(file("README.md")).unwrap();
    let (recorded, alerts) = (rules("rules.yaml"), rules("alerts.yaml"));
    let mut listed = Vec::new();
    for row in guide.lines().filter(|line| line.contains(":ratio` |") || line.contains(":rate` |")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, _, _, stem, alert, its_runbook, _] = cells[..] else { panic!("{row}") };
        let stem = stem.trim_matches('`');
        assert!(recorded.iter().any(|rule| rule.name == format!("{stem}1h")), "{stem}");
        let alert = alert.trim_end_matches(" and others").trim_matches('`');
        let rule = alerts.iter().find(|rule| rule.text["alert"] == alert);
        assert_eq!(rule.map(runbook).as_deref(), Some(its_runbook), "{alert}");
        listed.push(stem);
    }
    for rule in recorded.iter().filter(|rule| rule.name.ends_with(":ratio1h")) {
        let stem = rule.name.trim_end_matches("1h");
        // Denials are no failures: an alert compares them with their past.
        assert!(
            listed.contains(&stem) || stem == "rule:gatepost_denials:ratio",
            "{stem} is not in the guide"
        );
    }
}
