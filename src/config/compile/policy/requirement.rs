//! `require`: what a rule requires of a token, and what it takes from its file's defaults.

use std::sync::Arc;
use std::time::Duration;

use super::super::super::Path;
use super::super::super::document::{
    AuthenticationDocument, ClaimDocument, IntrospectDocument, RequireDocument, ScopesDocument,
};
use super::super::condition;
use super::super::findings::{Findings, quoted};
use super::super::revocation;
use super::Context;
use super::matching::refuse_empty;
use super::together::refuse_unknown;
use crate::check::policy::{
    Authentication, ClaimPath, ClaimRequirement, ClaimTest, Condition, Introspect, Requirement,
    ScopeRequirement, Stale, is_scope_token,
};
use crate::check::revocation::WhenStale;

/// What is written under `require`, part by part.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    issuers: Option<Vec<Arc<str>>>,
    audiences: Option<Vec<String>>,
    clients: Option<Vec<String>>,
    subjects: Option<Vec<String>>,
    scopes: Option<ScopeRequirement>,
    claims: Option<Vec<ClaimRequirement>>,
    authentication: Option<Authentication>,
    condition: Option<Arc<Condition>>,
    introspect: Option<Introspect>,
    stale: Option<Stale>,
    when_stale: Option<WhenStale>,
}

impl Written {
    /// With the defaults for whatever is not written.
    pub(super) fn or(self, defaults: &Self) -> Requirement {
        let Self { issuers, audiences, clients, subjects, scopes, claims, .. } = self;
        Requirement {
            issuers: issuers.or_else(|| defaults.issuers.clone()).unwrap_or_default(),
            audiences: audiences.or_else(|| defaults.audiences.clone()).unwrap_or_default(),
            clients: clients.or_else(|| defaults.clients.clone()).unwrap_or_default(),
            subjects: subjects.or_else(|| defaults.subjects.clone()).unwrap_or_default(),
            scopes: scopes.or_else(|| defaults.scopes.clone()).unwrap_or_default(),
            claims: claims.or_else(|| defaults.claims.clone()).unwrap_or_default(),
            authentication: self.authentication.or_else(|| defaults.authentication.clone()),
            condition: self.condition.or_else(|| defaults.condition.clone()),
            introspect: self.introspect.or(defaults.introspect).unwrap_or_default(),
            stale: self.stale.or(defaults.stale).unwrap_or_default(),
            when_stale: self.when_stale.or(defaults.when_stale),
        }
    }
}

pub(super) fn written(
    document: &RequireDocument,
    context: &Context<'_>,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Written {
    Written {
        issuers: issuers(document.issuers.as_deref(), context, &at.key("issuers"), findings),
        audiences: names(document.audiences.as_ref(), &at.key("audiences"), findings),
        clients: names(document.clients.as_ref(), &at.key("clients"), findings),
        subjects: names(document.subjects.as_ref(), &at.key("subjects"), findings),
        scopes: document.scopes.as_ref().map(|its| scopes(its, &at.key("scopes"), findings)),
        claims: claims(document, &at.key("claims"), findings),
        authentication: document
            .authentication
            .as_ref()
            .map(|its| authentication(its, &at.key("authentication"), findings)),
        condition: document
            .condition
            .as_deref()
            .and_then(|text| condition::compile(text, &at.key("condition"), findings)),
        introspect: document.introspect.map(|its| match its {
            IntrospectDocument::Cached => Introspect::Cached,
            IntrospectDocument::Always => Introspect::Always,
        }),
        stale: document.when_unreachable.map(|_| Stale::Never),
        when_stale: document.when_stale.map(|written| revocation::when_stale(Some(written))),
    }
}

fn issuers(
    document: Option<&[String]>,
    context: &Context<'_>,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<Vec<Arc<str>>> {
    let issuers = document?;
    refuse_empty(issuers, at, findings);
    for (index, name) in issuers.iter().enumerate() {
        refuse_unknown(name, context.issuers, &at.index(index), findings);
    }
    Some(issuers.iter().map(|name| name.as_str().into()).collect())
}

/// A list of texts that are compared whole.
fn names(document: Option<&Vec<String>>, at: &Path, findings: &mut Findings<'_>) -> Option<Vec<String>> {
    let names = document?;
    refuse_empty(names, at, findings);
    for (index, _) in names.iter().enumerate().filter(|(_, name)| name.is_empty()) {
        findings.error(&at.index(index), "is empty", "no token has an empty one: delete it");
    }
    Some(names.clone())
}

fn scopes(document: &ScopesDocument, at: &Path, findings: &mut Findings<'_>) -> ScopeRequirement {
    if document.all.is_empty() && document.any.is_empty() {
        findings.error(at, "names no scope", "delete it, or name at least one");
    }
    let bad = document.all.iter().chain(&document.any).filter(|scope| !is_scope_token(scope));
    for scope in bad {
        let hint = "a scope has no blanks, quotes or backslashes (RFC 6749 §3.3); write several as a list";
        findings.error(at, format!("{} is no scope", quoted(scope)), hint);
    }
    ScopeRequirement { all: document.all.clone(), any: document.any.clone() }
}

fn claims(
    document: &RequireDocument,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<Vec<ClaimRequirement>> {
    let claims = document.claims.as_ref()?;
    let mut requirements = Vec::new();
    for (text, document) in claims {
        let at = at.key(text);
        match ClaimPath::read(text) {
            Ok(path) => requirements.push(ClaimRequirement { path, tests: tests(document, &at, findings) }),
            Err(fault) => {
                let hint =
                    "write `tenant`, `tenant.id`, or `[\"https://example.com/roles\"]` for a name with dots";
                findings.error(&at, format!("{} is no claim: {fault}", quoted(text)), hint);
            }
        }
        if text.starts_with("token.") {
            let hint = "write the claim's name alone, unless the token really has a claim `token`";
            findings.warning(&at, "looks for a claim named `token`", hint);
        }
    }
    Some(requirements)
}

fn tests(document: &ClaimDocument, at: &Path, findings: &mut Findings<'_>) -> Vec<ClaimTest> {
    let mut tests = Vec::new();
    tests.extend(document.exists.map(ClaimTest::Exists));
    tests.extend(document.equals.clone().map(|value| ClaimTest::OneOf(vec![value])));
    if let Some(values) = &document.one_of {
        refuse_empty(values, &at.key("one_of"), findings);
        tests.push(ClaimTest::OneOf(values.clone()));
    }
    tests.extend(document.contains.clone().map(|value| match value {
        serde_json::Value::Array(values) => ClaimTest::Contains(values),
        value => ClaimTest::Contains(vec![value]),
    }));
    tests.extend(document.prefix.clone().map(ClaimTest::Prefix));
    if tests.is_empty() {
        findings.error(
            at,
            "says nothing of the claim",
            "write `equals`, `one_of`, `contains`, `prefix` or `exists`",
        );
    }
    if document.exists == Some(false) && tests.len() > 1 {
        findings.error(
            &at.key("exists"),
            "is false, and something else is asked of the claim",
            "delete one of the two",
        );
    }
    if document.prefix.as_deref() == Some("") || tests.contains(&ClaimTest::Contains(Vec::new())) {
        findings.error(at, "asks for nothing", "write `exists: true` if the claim must only be there");
    }
    tests
}

fn authentication(
    document: &AuthenticationDocument,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Authentication {
    let acr = document.acr.clone().unwrap_or_default();
    if document.acr.is_some() {
        refuse_empty(&acr, &at.key("acr"), findings);
    }
    // They go into the challenge as one list, separated by blanks (RFC 9470 §3).
    for (index, class) in acr.iter().enumerate().filter(|(_, class)| !is_scope_token(class)) {
        let hint = "a class has no blanks, quotes or backslashes";
        findings.error(&at.key("acr").index(index), format!("{} is no acr value", quoted(class)), hint);
    }
    let max_age = document.max_age.map(|written| written.0);
    if max_age.is_some_and(|age| age.subsec_nanos() > 0 || age > Duration::from_secs(366 * 86_400)) {
        let hint = "write whole seconds, such as `5m` (RFC 9470 §3)";
        findings.error(&at.key("max_age"), "is not a whole number of seconds up to a year", hint);
    }
    if document.acr.is_none() && max_age.is_none() {
        findings.error(at, "asks for nothing", "write `acr`, `max_age` or both");
    }
    Authentication { acr, max_age }
}
