//! `match`: which requests a rule covers.

use super::super::super::Path;
use super::super::super::document::MatchDocument;
use super::super::findings::{Findings, quoted};
use crate::check::policy::{HostPattern, PathPattern};
use crate::check::target::TargetRules;

/// Host patterns; none where nothing is written.
pub(in super::super) fn host_patterns(
    hosts: Option<&[String]>,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Vec<HostPattern> {
    let Some(hosts) = hosts else { return Vec::new() };
    refuse_empty(hosts, at, findings);
    let mut patterns = Vec::new();
    for (index, text) in hosts.iter().enumerate() {
        match HostPattern::read(text) {
            Ok(pattern) => patterns.push(pattern),
            Err(fault) => {
                findings.error(&at.index(index), format!("{} is no host", quoted(text)), fault.to_string());
            }
        }
    }
    patterns
}

/// An empty list would cover everything where it looks like nothing.
pub(super) fn refuse_empty<T>(list: &[T], at: &Path, findings: &mut Findings<'_>) {
    if list.is_empty() {
        findings.error(at, "is an empty list", "delete it, or name at least one");
    }
}

pub(super) fn methods(covers: &MatchDocument, at: &Path, findings: &mut Findings<'_>) -> Vec<String> {
    let at = at.key("methods");
    let Some(methods) = &covers.methods else { return Vec::new() };
    refuse_empty(methods, &at, findings);
    for (index, method) in methods.iter().enumerate() {
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase() || b"-_".contains(&byte))
        {
            let hint = format!("methods are case-sensitive: write `{}`", method.to_ascii_uppercase());
            findings.error(
                &at.index(index),
                format!("{} is no method that a client sends", quoted(method)),
                hint,
            );
        }
    }
    methods.clone()
}

pub(super) fn paths(
    covers: &MatchDocument,
    target_rules: TargetRules,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Vec<PathPattern> {
    let written: Vec<(Path, &String)> = match (&covers.path, &covers.paths) {
        (Some(path), None) => vec![(at.key("path"), path)],
        (None, Some(paths)) => {
            refuse_empty(paths, &at.key("paths"), findings);
            paths.iter().enumerate().map(|(index, path)| (at.key("paths").index(index), path)).collect()
        }
        (Some(_), Some(_)) => {
            findings.error(&at.key("paths"), "stands beside `path`", "put all patterns into `paths`");
            Vec::new()
        }
        (None, None) => {
            findings.error(at, "has no `path`", "write `path: /orders/**`, or `path: /**` for every path");
            Vec::new()
        }
    };
    let read = written.into_iter().filter_map(|(at, text)| path_pattern(text, target_rules, &at, findings));
    read.collect()
}

/// One path pattern; none where it is not one.
pub(super) fn path_pattern(
    text: &str,
    target_rules: TargetRules,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<PathPattern> {
    match PathPattern::read(text, target_rules) {
        Ok(pattern) => Some(pattern),
        Err(fault) => {
            findings.error(at, format!("{} is no path pattern", quoted(text)), fault.to_string());
            None
        }
    }
}

/// `preflight`, which goes with no method but OPTIONS.
pub(super) fn preflight(covers: &MatchDocument, at: &Path, findings: &mut Findings<'_>) -> bool {
    let other = covers.methods.iter().flatten().any(|method| method != "OPTIONS");
    let preflight = covers.preflight.unwrap_or(false);
    if preflight && other {
        let what = "stands beside methods that no preflight has";
        findings.error(&at.key("preflight"), what, "delete `methods`: a preflight is always OPTIONS");
    }
    preflight
}
