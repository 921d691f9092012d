//! The series that an expression may name: those of gatepost's metrics, those that rules record, and those of Envoy that
//! tests with the real Envoy have seen (`tests/support/tests/gateway.rs`, `tests/e2e/monitoring.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use gatepost::telemetry::metrics::{Metrics, RefreshResult};

use super::rules;
use crate::samples::here;

/// Of Envoy: name and labels.
const ENVOY: [(&str, &[&str]); 11] = [
    ("envoy_http_ext_authz_ok", EXT_AUTHZ),
    ("envoy_http_ext_authz_denied", EXT_AUTHZ),
    ("envoy_http_ext_authz_error", EXT_AUTHZ),
    ("envoy_http_ext_authz_failure_mode_allowed", EXT_AUTHZ),
    (
        "envoy_vhost_vcluster_upstream_rq_xx",
        &["envoy_virtual_host", "envoy_virtual_cluster", "envoy_response_code_class"],
    ),
    ("envoy_vhost_vcluster_upstream_rq_time", &["envoy_virtual_host", "envoy_virtual_cluster"]),
    ("envoy_token_refreshes", &[]),
    ("envoy_token_refreshes_rotated", &[]),
    ("envoy_token_refreshes_refused", &[]),
    ("envoy_token_verifiers", &[]),
    ("envoy_token_verifiers_refused", &[]),
];
const EXT_AUTHZ: &[&str] = &["envoy_ext_authz_prefix", "envoy_http_conn_manager_prefix"];

/// Families that are on their way into README's table.
const PENDING: [(&str, &str, &[&str]); 12] = [
    ("gatepost_rule_checks_total", "counter", &["rule", "rule_kind", "token_kind", "outcome"]),
    ("gatepost_checks_in_flight", "gauge", &[]),
    ("gatepost_connections", "gauge", &[]),
    ("gatepost_jwks_key_propagation_seconds", "histogram", &["issuer"]),
    ("gatepost_config_info", "info", &["sha256"]),
    ("gatepost_suspicious_events_total", "counter", &["kind"]),
    ("gatepost_telemetry_exports_total", "counter", &["signal", "result"]),
    ("process_resident_memory_bytes", "gauge", &[]),
    ("process_cpu_seconds_total", "counter", &[]),
    ("process_open_fds", "gauge", &[]),
    ("process_max_fds", "gauge", &[]),
    ("process_start_time_seconds", "gauge", &[]),
];

/// What Prometheus adds to each series that it scrapes, as far as expressions use it.
const TARGET: [&str; 2] = ["job", "namespace"];

/// Series by name, with the labels that each may have.
pub(super) fn known() -> BTreeMap<String, BTreeSet<String>> {
    let mut known = BTreeMap::new();
    let readme = fs::read_to_string(here("README.md")).unwrap();
    for row in readme.lines().filter(|line| ["| `gatepost_", "| `process_"].iter().any(|it| line.starts_with(it))) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, name, kind, labels, ..] = cells[..] else { continue };
        let labels = labels.split(", ").filter(|label| !label.is_empty());
        add(&mut known, name.trim_matches('`'), kind, &labels.collect::<Vec<_>>());
    }
    assert!(known.len() > 30, "README's table of metrics is not read any more");
    for (name, kind, labels) in PENDING {
        add(&mut known, name, kind, labels);
    }
    for (name, labels) in ENVOY {
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
    let metrics = Metrics::new();
    metrics.issuers().jwks_refreshed("corp", RefreshResult::Success, std::time::Duration::ZERO);
    let le = format!("le=\"{end}\"");
    metrics.render().lines().any(|line| line.starts_with(series) && line.contains(&le))
}
