//! `teams`: which files of `policy.d` there may be, and what each may govern.

use std::collections::BTreeSet;

use super::super::super::Path;
use super::super::super::document::{PolicyDocument, TeamDocument};
use super::super::super::problem::Problem;
use super::super::findings::{Findings, quoted};
use super::super::unique;
use super::matching::{host_patterns, path_pattern};
use super::{Context, Placed, PolicyFile};
use crate::check::policy::{HostPattern, PathPattern, Rule};

/// What one file may govern.
pub(super) struct Grant {
    file: String,
    hosts: Vec<HostPattern>,
    paths: Vec<PathPattern>,
    /// Headers that it may forward.
    headers: Vec<String>,
    /// Whether all of it could be read, so that what is outside of it was not granted.
    is_whole: bool,
}

/// What the first file grants the others, of which these are there, whether they could be read or not.
pub(super) fn grants(
    files: &[PolicyFile<'_>],
    present: &[&str],
    context: &Context<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Grant> {
    let Some(main) = files.first() else { return Vec::new() };
    let mut findings = Findings::new(main.source, problems);
    let at = Path::root().key("teams");
    let teams = main.document.teams.as_deref().unwrap_or_default();
    unique(teams.iter().map(|team| team.file.as_str()), &at, "file", &mut findings);
    for (index, team) in teams.iter().enumerate().filter(|(_, team)| is_file_name(&team.file)) {
        if !team.optional.unwrap_or(false) && !present.contains(&team.file.as_str()) {
            let what = format!("{} is not there in policy.d", quoted(&team.file));
            let hint =
                "add the file, or write `optional: true`: without its rules others could open what it guards";
            findings.error(&at.index(index).key("file"), what, hint);
        }
    }
    teams
        .iter()
        .enumerate()
        .map(|(index, team)| grant(team, context, &at.index(index), &mut findings))
        .collect()
}

fn grant(team: &TeamDocument, context: &Context<'_>, at: &Path, findings: &mut Findings<'_>) -> Grant {
    if !is_file_name(&team.file) {
        let what = format!("{} is no file of policy.d", quoted(&team.file));
        findings.error(&at.key("file"), what, "write a name such as `payments.yaml`");
    }
    let paths = at.key("paths");
    if team.paths.is_empty() {
        findings.error(&paths, "is an empty list", "name at least one; `/**` is every path");
    }
    let each = team.paths.iter().enumerate();
    let patterns = each
        .filter_map(|(index, text)| path_pattern(text, context.target_rules, &paths.index(index), findings));
    let paths: Vec<_> = patterns.collect();
    let hosts = host_patterns(team.hosts.as_deref(), &at.key("hosts"), findings);
    let all_hosts = team.hosts.as_ref().map_or(0, Vec::len);
    let is_whole = !paths.is_empty() && paths.len() == team.paths.len() && hosts.len() == all_hosts;
    let headers = team.headers.clone().unwrap_or_default();
    Grant { file: team.file.clone(), hosts, paths, headers, is_whole }
}

fn is_file_name(text: &str) -> bool {
    text.ends_with(".yaml") && !text.starts_with('.') && !text.contains('/')
}

/// Keeps a file's rules within what it was granted.
pub(super) fn confine(
    file: &PolicyFile<'_>,
    grants: &[Grant],
    granting: &PolicyFile<'_>,
    rules: &mut [Placed],
    findings: &mut Findings<'_>,
) {
    let Some(name) = file.team else { return };
    let common = forwarded_by(granting.document);
    let granting = granting.name();
    if file.document.teams.is_some() {
        let hint = format!("only {granting} grants what other files may govern");
        findings.error(&Path::root().key("teams"), "stands in a file of policy.d", hint);
    }
    let Some(grant) = grants.iter().find(|grant| grant.file == name) else {
        let what = "is granted nothing, so none of its rules may be used";
        let hint = format!("list it under `teams` in {granting} with the hosts and paths that it may govern");
        findings.error(&Path::root(), what, hint);
        return;
    };
    for Placed { rule, at, .. } in rules {
        if rule.hosts.is_empty() {
            rule.hosts.clone_from(&grant.hosts);
        }
        if grant.is_whole {
            grant.refuse_foreign(rule, &at.key("match"), granting, findings);
        }
        grant.refuse_headers(rule, &common, at, granting, findings);
    }
}

/// The headers that a file forwards.
fn forwarded_by(document: &PolicyDocument) -> BTreeSet<String> {
    let defaults = document.defaults.iter().filter_map(|defaults| defaults.forward.as_ref());
    let rules = document.rules.iter().filter_map(|rule| rule.forward.as_ref());
    defaults.chain(rules).flat_map(|forward| forward.keys().cloned()).collect()
}

impl Grant {
    /// A header that is forwarded anywhere is taken off every other request.
    fn refuse_headers(
        &self,
        rule: &Rule,
        common: &BTreeSet<String>,
        at: &Path,
        granting: &str,
        findings: &mut Findings<'_>,
    ) {
        for name in rule.forward.iter().map(|forward| &forward.name) {
            if !common.contains(name) && !self.headers.contains(name) {
                let what = format!("forwards {}, which {granting} does not grant to this file", quoted(name));
                let hint = format!(
                    "list it under `headers` of its team in {granting}; it is then taken off all other requests"
                );
                findings.error(&at.key("forward").key(name), what, hint);
            }
        }
    }

    fn refuse_foreign(&self, rule: &Rule, at: &Path, granting: &str, findings: &mut Findings<'_>) {
        let what = |pattern: &str| {
            format!("covers {}, which {granting} does not grant to this file", quoted(pattern))
        };
        let covers_host =
            |host: &HostPattern| self.hosts.is_empty() || self.hosts.iter().any(|its| its.covers(host));
        for host in rule.hosts.iter().filter(|host| !covers_host(host)) {
            findings.error(&at.key("hosts"), what(&host.to_string()), within("hosts", &self.hosts));
        }
        let covers_path = |path: &PathPattern| self.paths.iter().any(|its| its.covers(path, false, false));
        for path in rule.paths.iter().filter(|path| !covers_path(path)) {
            findings.error(at, what(path.text()), within("paths", &self.paths));
        }
    }
}

fn within(what: &str, patterns: &[impl ToString]) -> String {
    let patterns: Vec<_> = patterns.iter().map(ToString::to_string).collect();
    format!("name {what} within {}", patterns.join(", "))
}

/// What stands before the names of a file's rules.
pub(super) fn prefix(file: &str) -> String {
    format!("{}/", file.strip_suffix(".yaml").unwrap_or(file))
}
