//! What can be wrong only between files: a rule that names an issuer or wants one to be asked, and one that has
//! another file's rule's name.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::super::document::RuleDocument;
use super::super::super::problem::Problem;
use super::super::super::{Path, TrustedIssuer};
use super::super::findings::{Findings, quoted};
use super::super::introspection;
use super::{Placed, PolicyFile};
use crate::check::policy::{ForwardSource, Introspect, Rule};

pub(super) fn look_at(
    rule: &Rule,
    document: &RuleDocument,
    issuers: Option<&[TrustedIssuer]>,
    at: &Path,
    findings: &mut Findings<'_>,
) {
    let (Some(issuers), Some(requirement)) = (issuers, rule.requirement()) else { return };
    warn_of_shared_subjects(rule, &requirement.issuers, issuers, &at.key("forward"), findings);
    if requirement.introspect != Introspect::WhenOpaque {
        let written = document.require.as_ref().is_some_and(|require| require.introspect.is_some());
        let at = if written { at.key("require").key("introspect") } else { at.clone() };
        warn_of_silent_issuers(&requirement.issuers, issuers, &at, findings);
    }
}

/// A subject is unique only within its issuer (RFC 7519 §4.1.2): two issuers' `alice` are two people.
fn warn_of_shared_subjects(
    rule: &Rule,
    named: &[Arc<str>],
    issuers: &[TrustedIssuer],
    at: &Path,
    findings: &mut Findings<'_>,
) {
    // Names of no issuer are told of elsewhere.
    let meant = |trusted: &&TrustedIssuer| named.is_empty() || named.contains(&trusted.issuer.name);
    let several = issuers.iter().filter(meant).count() > 1;
    let forwards = |claim: &str| {
        let is_claim =
            |source: &ForwardSource| matches!(source, ForwardSource::Claim(path) if path.text() == claim);
        rule.forward.iter().any(|forward| is_claim(&forward.source))
    };
    if several && forwards("sub") && !forwards("iss") {
        let what =
            "forwards `token.sub` of several issuers, and the same subject may be another person at each";
        let hint = "forward `token.iss` too, or name one issuer under `require.issuers`";
        findings.warning(at, what, hint);
    }
}

/// A rule of the first file may be called as if it were in another one. Equal names in one file are told of there.
pub(super) fn refuse_shared_names(files: &[PolicyFile<'_>], placed: &[Placed], problems: &mut Vec<Problem>) {
    let mut first: HashMap<&str, &Placed> = HashMap::new();
    for later in placed {
        let earlier = *first.entry(&later.rule.name).or_insert(later);
        let (Some(its), Some(file)) = (files.get(earlier.file), files.get(later.file)) else { continue };
        if earlier.file != later.file {
            let name = quoted(&later.rule.name);
            let what = format!("makes it {name}, which is also that of {} in {}", earlier.at, its.name());
            let mut findings = Findings::new(file.source, problems);
            findings.error(&later.at.key("name"), what, "each must be different");
        }
    }
}

pub(super) fn refuse_unknown(
    name: &str,
    issuers: Option<&[TrustedIssuer]>,
    at: &Path,
    findings: &mut Findings<'_>,
) {
    let Some(issuers) = issuers else { return };
    let known: Vec<_> = issuers.iter().map(|trusted| trusted.issuer.name.as_ref()).collect();
    if !known.contains(&name) {
        let what = format!("{} is the name of no issuer in gatepost.yaml", quoted(name));
        findings.error(at, what, format!("one of: {}", known.join(", ")));
    }
}

/// A token of an issuer that can't be asked would always be an outage there.
fn warn_of_silent_issuers(
    named: &[Arc<str>],
    issuers: &[TrustedIssuer],
    at: &Path,
    findings: &mut Findings<'_>,
) {
    let meant = |trusted: &&TrustedIssuer| named.is_empty() || named.contains(&trusted.issuer.name);
    let what =
        |silent: &str| format!("also covers tokens of {silent}, which can't be asked: they get an outage");
    let hint = "give each of them `introspection`, or name the others under `issuers`";
    introspection::look_for_silent(issuers.iter().filter(meant), what, hint, at, findings);
}
