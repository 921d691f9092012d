//! The series that an expression may name: those of gatepost's metrics, those that rules record, and those of Envoy that
//! a test meets on a real one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use gatepost::telemetry::metrics::Metrics;
use gatepost_test_support::{GATEWAY_SERIES, SIDECAR_SERIES};

use super::rules;
use crate::samples::here;

/// What Prometheus adds to each series that it scrapes, as far as expressions use it.
const TARGET: [&str; 3] = ["job", "namespace", "instance"];

/// Series by name, with the labels that each may have.
pub(super) fn known() -> BTreeMap<String, BTreeSet<String>> {
    let mut known = BTreeMap::new();
    let readme = fs::read_to_string(here("README.md")).unwrap();
    for row in
        readme.lines().filter(|line| ["| `gatepost_", "| `process_"].iter().any(|it| line.starts_with(it)))
    {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, name, kind, labels, ..] = cells[..] else { continue };
        let labels = labels.split(", ").filter(|label| !label.is_empty());
        add(&mut known, name.trim_matches('`'), kind, &labels.collect::<Vec<_>>());
    }
    assert!(known.len() > 30, "README's table of metrics is not read any more");
    for (name, labels) in SIDECAR_SERIES.into_iter().chain(GATEWAY_SERIES) {
        let kind = if name.ends_with("_time") { "histogram" } else { "counter" };
        add(&mut known, name, kind, labels);
    }
    for rule in rules("rules.yaml") {
        let level = rule.name.split(':').next().unwrap();
        let labels = if level == "fleet" { vec![] } else { vec![level.to_owned()] };
        known.insert(rule.name.clone(), labels.into_iter().collect());
    }
    known
}

fn add(known: &mut BTreeMap<String, BTreeSet<String>>, name: &str, kind: &str, labels: &[&str]) {
    let mut labels: BTreeSet<_> = labels.iter().copied().chain(TARGET).map(str::to_owned).collect();
    if kind != "histogram" {
        known.insert(name.to_owned(), labels);
        return;
    }
    for part in ["sum", "count"] {
        known.insert(format!("{name}_{part}"), labels.clone());
    }
    labels.insert("le".to_owned());
    known.insert(format!("{name}_bucket"), labels);
}

/// Whether a bucket of this series ends there.
pub(super) fn has_bucket(series: &str, end: &str) -> bool {
    if series.starts_with("envoy_") {
        let gateway = fs::read_to_string(here("deploy/envoy/gateway.yaml")).unwrap();
        let buckets = gateway.lines().find_map(|line| line.trim().strip_prefix("buckets: ["));
        return buckets.unwrap().trim_end_matches(']').split(", ").any(|bucket| bucket == end);
    }
    let le = format!("le=\"{end}\"");
    rendered().lines().any(|line| line.starts_with(series) && line.contains(&le))
}

/// What a gatepost exports that has just begun to follow an issuer: every value of the labels that are closed lists.
fn rendered() -> String {
    let metrics = Metrics::new();
    metrics.issuers().follow("corp", true);
    metrics.render()
}

/// The values that a label of a gatepost family has from the start; none for one that has other values later.
pub(super) fn values(series: &str, label: &str) -> BTreeSet<String> {
    let opening = format!("{label}=\"");
    let of_it = |line: &&str| line.strip_prefix(series).is_some_and(|rest| rest.starts_with('{'));
    let text = rendered();
    let value = |line: &str| Some(line.split_once(&opening)?.1.split_once('"')?.0.to_owned());
    text.lines().filter(of_it).filter_map(value).collect()
}
