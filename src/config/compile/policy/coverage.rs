//! What shows only when all rules are seen together: rules that never come to their turn, and doors that are open
//! wider than they look.

use super::super::super::Path;
use super::super::super::problem::Problem;
use super::super::findings::{Findings, quoted};
use super::{Placed, PolicyFile};
use crate::check::policy::{Access, Rule};

/// As many pairs of patterns are compared; a policy that needs more is not looked through to its end, because an
/// edit must be live in a second.
const LOOKS: usize = 1_000_000;

pub(super) fn warn(files: &[PolicyFile<'_>], placed: &[Placed], problems: &mut Vec<Problem>) {
    let mut looks = LOOKS;
    for (position, later) in placed.iter().enumerate() {
        let Some(file) = files.get(later.file) else { continue };
        let mut findings = Findings::new(file.source, problems);
        let earlier =
            placed.iter().take(position).find(|earlier| hides(&earlier.rule, &later.rule, &mut looks));
        if let Some(earlier) = earlier {
            let elsewhere = files.get(earlier.file).filter(|_| earlier.file != later.file);
            warn_of_hidden(earlier, elsewhere.map(PolicyFile::name), later, &mut findings);
        }
        warn_of_wide_door(&later.rule, &later.at, &mut findings);
    }
}

/// A rule that is tried out decides nothing, so it hides only others that are tried out.
fn hides(earlier: &Rule, later: &Rule, looks: &mut usize) -> bool {
    *looks = looks.saturating_sub(earlier.paths.len() * later.paths.len());
    if *looks == 0 {
        return false;
    }
    // Without paths it is one that could not be read.
    (!earlier.shadow || later.shadow) && !later.paths.is_empty() && earlier.covers(later)
}

fn warn_of_hidden(earlier: &Placed, elsewhere: Option<&str>, later: &Placed, findings: &mut Findings<'_>) {
    let name = quoted(&earlier.rule.name);
    let of = elsewhere.map(|file| format!(" of {file}")).unwrap_or_default();
    let what = format!("can never match: rule {name}{of} comes first and covers all of it");
    let cure = match elsewhere {
        Some(file) => format!("narrow that rule: all of {file} is tried before this file"),
        None => "move it up".to_owned(),
    };
    let opened = matches!((&earlier.rule.access, &later.rule.access), (Access::Public, Access::Token(_)));
    let hint = match opened {
        true => format!("{cure}. The earlier rule is public, so nothing of this one is enforced"),
        false => format!("{cure}, or delete this one"),
    };
    findings.warning(&later.at.key("match"), what, hint);
}

/// `public` on every path.
fn warn_of_wide_door(rule: &Rule, at: &Path, findings: &mut Findings<'_>) {
    let everything = rule.paths.iter().any(|path| path.covers_everything());
    if matches!(rule.access, Access::Public) && everything && !rule.preflight {
        let hosts: Vec<_> = rule.hosts.iter().map(ToString::to_string).collect();
        let hosts = if hosts.is_empty() { "every host".to_owned() } else { hosts.join(", ") };
        let what = match rule.methods.is_empty() {
            true => format!("opens every path of {hosts} to everyone"),
            false => format!("opens every path of {hosts} to everyone for {}", rule.methods.join(", ")),
        };
        let hint = "name the paths that are public; for CORS preflights write `match: { preflight: true, path: /** }`";
        findings.warning(&at.key("public"), what, hint);
    }
}
