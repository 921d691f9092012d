//! `resource`: the service as clients find it (RFC 9728).

use url::Url;

use super::super::document::ResourceDocument;
use super::super::{Path, TrustedIssuer};
use super::findings::{Findings, quoted};
use super::issuer::is_loopback;
use crate::check::policy::is_scope_token;
use crate::check::resource::{Description, ProtectedResource};
use crate::check::target::TargetRules;

pub(super) fn compile(
    document: &ResourceDocument,
    issuers: &[TrustedIssuer],
    target_rules: TargetRules,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<ProtectedResource> {
    let description = Description {
        name: document.name.clone(),
        documentation: page(document.documentation.as_ref(), &at.key("documentation"), findings),
        policy_uri: page(document.policy_uri.as_ref(), &at.key("policy_uri"), findings),
        tos_uri: page(document.tos_uri.as_ref(), &at.key("tos_uri"), findings),
        scopes: scopes(document.scopes.as_deref(), &at.key("scopes"), findings),
    };
    if document.name.as_ref().is_some_and(|name| name.trim().is_empty() || name.chars().any(char::is_control))
    {
        findings.error(&at.key("name"), "is no name to show to people", "write one, or delete it");
    }
    let at = at.key("identifier");
    refuse_plain(&document.identifier, &at, findings);
    let issuers = issuers.iter().map(|trusted| trusted.issuer.identifier.clone());
    match ProtectedResource::new(&document.identifier, issuers, description, target_rules) {
        Ok(resource) => Some(resource),
        Err(fault) => {
            let what = format!("{} is no resource identifier", quoted(&document.identifier));
            findings.error(&at, what, fault.to_string());
            None
        }
    }
}

/// RFC 9728 §1.2: https. A client that trusts what it reads over http can be sent to anybody's issuer.
fn refuse_plain(identifier: &str, at: &Path, findings: &mut Findings<'_>) {
    let Ok(url) = Url::parse(identifier) else { return };
    if url.has_host() && url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
        let what = "is not https: whoever is on the way could send clients to another issuer";
        findings.error(at, what, "write `https://…`; http is taken for this machine only");
    }
}

/// A page for people.
fn page(text: Option<&String>, at: &Path, findings: &mut Findings<'_>) -> Option<String> {
    let text = text?;
    let is_page = |url: &Url| url.has_host() && matches!(url.scheme(), "https" | "http");
    if !Url::parse(text).is_ok_and(|url| is_page(&url)) {
        findings.error(
            at,
            format!("{} is no page that a person can open", quoted(text)),
            "write `https://…`",
        );
    }
    Some(text.clone())
}

fn scopes(scopes: Option<&[String]>, at: &Path, findings: &mut Findings<'_>) -> Option<Vec<String>> {
    let scopes = scopes?;
    if scopes.is_empty() {
        // RFC 9728 §3.2: a member without values is left out.
        findings.error(at, "is an empty list", "delete it, or name at least one");
    }
    for (index, scope) in scopes.iter().enumerate().filter(|(_, scope)| !is_scope_token(scope)) {
        let hint = "a scope has no blanks, quotes or backslashes (RFC 6749 §3.3); write several as a list";
        findings.error(&at.index(index), format!("{} is no scope", quoted(scope)), hint);
    }
    Some(scopes.to_vec())
}
