//! What can be wrong only between the two files: a rule that names an issuer, or wants one to be asked.

use super::super::Path;
use super::super::TrustedIssuer;
use super::super::document::PolicyDocument;
use super::super::problem::Problem;
use super::super::read::Source;
use super::findings::{Findings, quoted};

pub(in super::super) fn check_together(
    document: &PolicyDocument,
    source: &Source,
    issuers: &[TrustedIssuer],
    problems: &mut Vec<Problem>,
) {
    let mut findings = Findings::new(source, problems);
    let rules = Path::root().key("rules");
    warn_of_shared_subjects(document, issuers, &rules, &mut findings);
    for (index, rule) in document.rules.iter().enumerate() {
        let Some(require) = &rule.require else { continue };
        let at = rules.index(index).key("require");
        let named = require.issuers.as_deref().unwrap_or_default();
        for (position, name) in named.iter().enumerate() {
            refuse_unknown(name, issuers, &at.key("issuers").index(position), &mut findings);
        }
        if require.introspect.is_some() {
            warn_of_silent_issuers(named, issuers, &at.key("introspect"), &mut findings);
        }
    }
}

/// A subject is unique only within its issuer (RFC 7519 §4.1.2): two issuers' `alice` are two people.
fn warn_of_shared_subjects(
    document: &PolicyDocument,
    issuers: &[TrustedIssuer],
    rules: &Path,
    findings: &mut Findings<'_>,
) {
    for (index, rule) in document.rules.iter().enumerate() {
        let named = rule
            .require
            .as_ref()
            .and_then(|require| require.issuers.as_ref())
            .map_or(issuers.len(), Vec::len);
        let forwarded = |claim: &str| rule.forward.iter().flatten().any(|(_, source)| source == claim);
        if named > 1 && forwarded("token.sub") && !forwarded("token.iss") {
            let what =
                "forwards `token.sub` of several issuers, and the same subject may be another person at each";
            let hint = "forward `token.iss` too, or name one issuer under `require.issuers`";
            findings.warning(&rules.index(index).key("forward"), what, hint);
        }
    }
}

fn refuse_unknown(name: &str, issuers: &[TrustedIssuer], at: &Path, findings: &mut Findings<'_>) {
    let known: Vec<_> = issuers.iter().map(|trusted| trusted.issuer.name.as_ref()).collect();
    if !known.contains(&name) {
        let what = format!("{} is the name of no issuer in gatepost.yaml", quoted(name));
        findings.error(at, what, format!("one of: {}", known.join(", ")));
    }
}

/// A token of an issuer that can't be asked would always be an outage there.
fn warn_of_silent_issuers(
    named: &[String],
    issuers: &[TrustedIssuer],
    at: &Path,
    findings: &mut Findings<'_>,
) {
    let meant = |trusted: &&TrustedIssuer| {
        named.is_empty() || named.iter().any(|name| **name == *trusted.issuer.name)
    };
    let silent: Vec<_> = issuers
        .iter()
        .filter(meant)
        .filter(|trusted| trusted.introspection.is_none())
        .map(|trusted| trusted.issuer.name.as_ref())
        .collect();
    let hint = "give each of them `introspection`, or name the others under `issuers`";
    if !silent.is_empty() && silent.len() == issuers.iter().filter(meant).count() {
        findings.error(at, "asks issuers of which none has `introspection`", hint);
    } else if !silent.is_empty() {
        let what =
            format!("also covers tokens of {}, which can't be asked: they get an outage", silent.join(", "));
        findings.warning(at, what, hint);
    }
}
