//! `policy.yaml`: rules ready to match and evaluate.

use super::super::Path;
use super::super::document::{
    IntrospectDocument, MatchDocument, PolicyDocument, RequireDocument, RuleDocument,
};
use super::super::problem::Problem;
use super::super::read::Source;
use super::findings::{Findings, quoted};
use super::issuer::check_name;
use super::unique;
use crate::check::policy::{
    Access, Forward, ForwardSource, HostPattern, Introspect, OwnedHeaders, PathPattern, Policy, Requirement,
    Rule, ScopeRequirement, Stale, is_scope_token,
};
use crate::check::target::TargetRules;

pub(in super::super) fn compile_policy(
    document: &PolicyDocument,
    source: &Source,
    target_rules: TargetRules,
    problems: &mut Vec<Problem>,
) -> Policy {
    let mut findings = Findings::new(source, problems);
    let at = Path::root().key("rules");
    if document.rules.is_empty() {
        findings.error(&at, "is an empty list, so every request would be refused", "write at least one rule");
    }
    unique(document.rules.iter().map(|rule| rule.name.as_str()), &at, "name", &mut findings);
    let each = document.rules.iter().enumerate();
    let rules: Vec<_> =
        each.map(|(index, document)| rule(document, target_rules, &at.index(index), &mut findings)).collect();
    let set = rules.iter().flat_map(|rule| &rule.forward).map(|forward| forward.header.as_str());
    let owned_headers = OwnedHeaders::new(set);
    Policy { rules, owned_headers, target_rules }
}

fn rule(document: &RuleDocument, target_rules: TargetRules, at: &Path, findings: &mut Findings<'_>) -> Rule {
    check_name(&document.name, &at.key("name"), findings);
    let covers = &document.matches;
    Rule {
        name: document.name.as_str().into(),
        hosts: host_patterns(covers.hosts.as_deref(), &at.key("match").key("hosts"), findings),
        methods: methods(covers, &at.key("match"), findings),
        paths: paths(covers, target_rules, &at.key("match"), findings),
        access: access(document, at, findings),
        forward: forwards(document, &at.key("forward"), findings),
    }
}

/// Host patterns; none where nothing is written.
pub(super) fn host_patterns(
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
fn refuse_empty(list: &[String], at: &Path, findings: &mut Findings<'_>) {
    if list.is_empty() {
        findings.error(at, "is an empty list", "delete it, or name at least one");
    }
}

fn methods(covers: &MatchDocument, at: &Path, findings: &mut Findings<'_>) -> Vec<String> {
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

fn paths(
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
    let mut patterns = Vec::new();
    for (at, text) in written {
        match PathPattern::read(text, target_rules) {
            Ok(pattern) => patterns.push(pattern),
            Err(fault) => {
                findings.error(&at, format!("{} is no path pattern", quoted(text)), fault.to_string())
            }
        }
    }
    patterns
}

fn access(document: &RuleDocument, at: &Path, findings: &mut Findings<'_>) -> Access {
    match (document.public, &document.require) {
        (Some(true), None) => {
            if document.forward.is_some() {
                let what = "has nothing to forward: no token is looked at where the rule is public";
                findings.error(
                    &at.key("forward"),
                    what,
                    "delete it, or write `require: {}` to ask for a token",
                );
            }
            Access::Public
        }
        (None, Some(require)) => Access::Token(requirement(require, &at.key("require"), findings)),
        (Some(true), Some(_)) => {
            findings.error(&at.key("public"), "contradicts `require`", "delete one of the two");
            Access::Token(Requirement::default())
        }
        (Some(false), _) => {
            findings.error(
                &at.key("public"),
                "is false, which is always so without it",
                "delete it, and write `require:`",
            );
            Access::Token(Requirement::default())
        }
        (None, None) => {
            let hint =
                "write `require: { scopes: […] }`, `require: {}` for any good token, or `public: true`";
            findings.error(at, "says neither what it requires nor that it is public", hint);
            Access::Token(Requirement::default())
        }
    }
}

fn requirement(document: &RequireDocument, at: &Path, findings: &mut Findings<'_>) -> Requirement {
    let audiences = document.audiences.clone().unwrap_or_default();
    if document.audiences.is_some() {
        refuse_empty(&audiences, &at.key("audiences"), findings);
    }
    let issuers = document.issuers.clone().unwrap_or_default();
    if document.issuers.is_some() {
        refuse_empty(&issuers, &at.key("issuers"), findings);
    }
    let introspect = match document.introspect {
        None => Introspect::WhenOpaque,
        Some(IntrospectDocument::Cached) => Introspect::Cached,
        Some(IntrospectDocument::Always) => Introspect::Always,
    };
    Requirement {
        scopes: scopes(document, &at.key("scopes"), findings),
        audiences,
        issuers: issuers.iter().map(|name| name.as_str().into()).collect(),
        introspect,
        stale: if document.when_unreachable.is_some() { Stale::Never } else { Stale::AsConfigured },
    }
}

fn scopes(document: &RequireDocument, at: &Path, findings: &mut Findings<'_>) -> ScopeRequirement {
    let Some(scopes) = &document.scopes else { return ScopeRequirement::default() };
    if scopes.all.is_empty() && scopes.any.is_empty() {
        findings.error(at, "names no scope", "delete it, or name at least one");
    }
    let bad = scopes.all.iter().chain(&scopes.any).filter(|scope| !is_scope_token(scope));
    for scope in bad {
        let hint = "a scope has no blanks, quotes or backslashes (RFC 6749 §3.3); write several as a list";
        findings.error(at, format!("{} is no scope", quoted(scope)), hint);
    }
    ScopeRequirement::new(scopes.all.clone(), scopes.any.clone())
}

fn forwards(document: &RuleDocument, at: &Path, findings: &mut Findings<'_>) -> Vec<Forward> {
    let mut forwards = Vec::new();
    for (header, source) in document.forward.iter().flatten() {
        let at = at.key(header);
        if let Some(fault) = header_fault(header) {
            findings.error(&at, format!("{} can't be an identity header", quoted(header)), fault);
        }
        match forward_source(source) {
            Some(source) => forwards.push(Forward { header: header.clone(), source }),
            None => {
                let hint =
                    "write `token.sub`, `token.scope`, `token.client_id` or another claim as `token.NAME`";
                findings.error(&at, format!("{} is no claim", quoted(source)), hint);
            }
        }
    }
    forwards
}

fn forward_source(text: &str) -> Option<ForwardSource> {
    match text.strip_prefix("token.")? {
        "scope" => Some(ForwardSource::Scopes),
        "client_id" => Some(ForwardSource::Client),
        path if path.split('.').any(str::is_empty) => None,
        path => Some(ForwardSource::Claim(path.split('.').map(str::to_owned).collect())),
    }
}

/// Headers that carry the message itself or that Envoy owns (RFC 9110 §7.6.1, §10).
const RESERVED: [&str; 20] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "dpop",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "www-authenticate",
];

fn header_fault(name: &str) -> Option<&'static str> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    let reserved = |prefix: &str| name.starts_with(prefix);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(legal) {
        Some("write it in lower case with letters, digits and dashes, such as `x-subject`")
    } else if RESERVED.contains(&name)
        || reserved("x-envoy-")
        || reserved("x-forwarded-for")
        || reserved("x-forwarded-proto")
    {
        Some("that name has another meaning in HTTP or to Envoy; choose one of your own, such as `x-subject`")
    } else if name.matches(['-', '_']).count() > OwnedHeaders::MAX_SEPARATORS {
        Some("it has more than five dashes, and every spelling of it must be kept from clients; shorten it")
    } else {
        None
    }
}
