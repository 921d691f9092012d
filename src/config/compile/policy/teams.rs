//! `teams`: which files of `policy.d` there may be, and what each may govern.

use super::super::super::Path;
use super::super::super::document::TeamDocument;
use super::super::super::problem::Problem;
use super::super::findings::{Findings, quoted};
use super::super::unique;
use super::matching::{host_patterns, path_pattern, refuse_empty};
use super::{Context, Placed, PolicyFile};
use crate::check::policy::{HostPattern, PathPattern};

/// What one file may govern.
pub(super) struct Grant {
    file: String,
    hosts: Vec<HostPattern>,
    paths: Vec<PathPattern>,
}

/// What the first file grants the others.
pub(super) fn grants(
    files: &[PolicyFile<'_>],
    context: &Context<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Grant> {
    let Some((main, others)) = files.split_first() else { return Vec::new() };
    let mut findings = Findings::new(main.source, problems);
    let at = Path::root().key("teams");
    let teams = main.document.teams.as_deref().unwrap_or_default();
    unique(teams.iter().map(|team| team.file.as_str()), &at, "file", &mut findings);
    for (index, team) in teams.iter().enumerate() {
        if !others.iter().any(|file| file.team == Some(team.file.as_str())) {
            let what = format!("{} is not there in policy.d, so it governs nothing yet", quoted(&team.file));
            findings.warning(&at.index(index).key("file"), what, "add the file, or delete the team");
        }
    }
    teams
        .iter()
        .enumerate()
        .map(|(index, team)| grant(team, context, &at.index(index), &mut findings))
        .collect()
}

fn grant(team: &TeamDocument, context: &Context<'_>, at: &Path, findings: &mut Findings<'_>) -> Grant {
    if !team.file.ends_with(".yaml") || team.file.contains('/') {
        let what = format!("{} is no file of policy.d", quoted(&team.file));
        findings.error(&at.key("file"), what, "write a name such as `payments.yaml`");
    }
    let paths = at.key("paths");
    refuse_empty(&team.paths, &paths, findings);
    let each = team.paths.iter().enumerate();
    let patterns = each
        .filter_map(|(index, text)| path_pattern(text, context.target_rules, &paths.index(index), findings));
    Grant {
        file: team.file.clone(),
        paths: patterns.collect(),
        hosts: host_patterns(team.hosts.as_deref(), &at.key("hosts"), findings),
    }
}

/// Keeps a file's rules within what it was granted.
pub(super) fn confine(
    file: &PolicyFile<'_>,
    grants: &[Grant],
    rules: &mut [Placed],
    findings: &mut Findings<'_>,
) {
    let Some(name) = file.team else { return };
    if file.document.teams.is_some() {
        let what = "stands in a file of policy.d";
        findings.error(
            &Path::root().key("teams"),
            what,
            "only policy.yaml grants what other files may govern",
        );
    }
    let Some(grant) = grants.iter().find(|grant| grant.file == name) else {
        let what = "is granted nothing, so none of its rules may be used";
        let hint = "list it under `teams` in policy.yaml with the hosts and paths that it may govern";
        findings.error(&Path::root(), what, hint);
        return;
    };
    for Placed { rule, at, .. } in rules {
        if rule.hosts.is_empty() {
            rule.hosts.clone_from(&grant.hosts);
        }
        let foreign =
            |host: &&HostPattern| !grant.hosts.is_empty() && !grant.hosts.iter().any(|its| its.covers(host));
        if rule.hosts.iter().any(|host| foreign(&host)) {
            let what = "covers hosts that policy.yaml does not grant to this file";
            findings.error(
                &at.key("match").key("hosts"),
                what,
                "name hosts within those of its `teams` entry",
            );
        }
        for path in &rule.paths {
            if !grant.paths.iter().any(|its| its.covers(path, false, false)) {
                let granted = grant.paths.iter().map(PathPattern::text).collect::<Vec<_>>().join(", ");
                let what =
                    format!("covers {}, which policy.yaml does not grant to this file", quoted(path.text()));
                findings.error(&at.key("match"), what, format!("paths within {granted}"));
            }
        }
    }
}

/// What stands before the names of a file's rules.
pub(super) fn prefix(file: &str) -> String {
    format!("{}/", file.strip_suffix(".yaml").unwrap_or(file))
}
