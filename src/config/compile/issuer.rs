//! One of `issuers`: its identity and where its keys come from.

use std::net::IpAddr;
use std::path::Path as FilePath;

use url::{Host, Url};

use super::super::document::{IssuerDocument, KeysDocument};
use super::super::preset::Preset;
use super::super::{KeyOrigin, Path, RefreshSettings, TrustedIssuer};
use super::findings::{Findings, quoted};
use super::{bounded, introspection, token_profile};
use crate::check::issuer::Issuer;

pub(super) fn compile(
    document: &IssuerDocument,
    directory: &FilePath,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<TrustedIssuer> {
    check_name(&document.name, &at.key("name"), findings);
    check_identifier(document, at, findings);
    let keys = origin(document, directory, at, findings);
    let refresh = refresh(document.keys.as_ref(), &at.key("keys"), findings);
    let preset = preset(document.preset.as_deref(), &at.key("preset"), findings);
    let profile = token_profile::compile(document, &preset, at, findings);
    let written = document.introspection.as_ref();
    let introspection = written.and_then(|written| {
        introspection::compile(written, &profile, directory, &at.key("introspection"), findings)
    });
    let (introspection, introspection_settings) = introspection.unzip();
    Some(TrustedIssuer {
        issuer: Issuer {
            name: document.name.as_str().into(),
            identifier: document.issuer.clone(),
            profile,
            introspection,
        },
        introspection: introspection_settings,
        keys: keys?,
        refresh,
        ca_file: document.ca_file.as_ref().map(|file| directory.join(file)),
        optional: document.optional.unwrap_or(false),
    })
}

/// A name becomes a metric label and a part of log lines.
pub(super) fn check_name(name: &str, at: &Path, findings: &mut Findings<'_>) {
    let fits = (1..=64).contains(&name.len()) && !name.chars().any(char::is_control) && name.trim() == name;
    if !fits {
        findings.error(at, "is not 1 to 64 visible characters", "it becomes a metric label: keep it short");
    }
}

/// The preset named; the default one in place of one that does not exist, so that the rest is still checked.
fn preset(name: Option<&str>, at: &Path, findings: &mut Findings<'_>) -> Preset {
    if let Some(preset) = Preset::named(name) {
        return preset;
    }
    let known = Preset::all().map(|preset| preset.name).join(", ");
    let what = format!("{} is no preset", quoted(name.unwrap_or_default()));
    findings.error(at, what, format!("one of: {known}"));
    Preset::strict()
}

/// RFC 8414 §2: an https URL without query and fragment. Compared as text, so nothing is tidied up.
fn check_identifier(document: &IssuerDocument, at: &Path, findings: &mut Findings<'_>) {
    let at = at.key("issuer");
    let Some(url) = endpoint(&document.issuer, &at, findings) else { return };
    if url.query().is_some() || url.fragment().is_some() {
        findings.error(
            &at,
            "has a query or a fragment",
            "write the issuer exactly as tokens carry it in `iss`",
        );
    }
    if document.preset.as_deref() == Some("auth0") && !document.issuer.ends_with('/') {
        let hint = format!("write `{}/`", document.issuer);
        findings.warning(&at, "does not end with a slash, as Auth0's issuers do", hint);
    }
    if document.issuer.contains("{tenantid}") || document.issuer.ends_with("/common/v2.0") {
        let hint = "write the issuer of your tenant, https://login.microsoftonline.com/TENANT-ID/v2.0";
        findings.error(&at, "stands for many tenants, and no token carries it", hint);
    }
}

/// An https URL, or an http one on this machine.
pub(super) fn endpoint(text: &str, at: &Path, findings: &mut Findings<'_>) -> Option<Url> {
    let url = Url::parse(text).ok().filter(Url::has_host);
    let Some(url) = url else {
        findings.error(at, "is not a URL", "write `https://…`");
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        findings.error(at, "has a user name or password in it", "leave them out");
    }
    let secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    if !secure {
        let hint =
            "write `https://…`; http is taken for this machine only (`ca_file` trusts a private authority)";
        findings.error(at, "is not https: whoever is on the way could hand us keys", hint);
    }
    Some(url)
}

/// Whether a URL names this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn origin(
    document: &IssuerDocument,
    directory: &FilePath,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<KeyOrigin> {
    match (&document.jwks_uri, &document.jwks_file) {
        (None, None) => Some(KeyOrigin::Metadata),
        (Some(uri), None) => endpoint(uri, &at.key("jwks_uri"), findings).map(KeyOrigin::Uri),
        (None, Some(file)) => {
            // Introspection goes over TLS too.
            let idle_ca_file = document.ca_file.is_some() && document.introspection.is_none();
            for (key, written) in [("ca_file", idle_ca_file), ("optional", document.optional.is_some())] {
                if written {
                    findings.error(
                        &at.key(key),
                        "has no meaning beside `jwks_file`",
                        "delete one of the two",
                    );
                }
            }
            Some(KeyOrigin::File(directory.join(file)))
        }
        (Some(_), Some(_)) => {
            let hint = "keep the one that keys are to come from";
            findings.error(
                &at.key("jwks_file"),
                "stands beside `jwks_uri`, and both say where the keys are",
                hint,
            );
            None
        }
    }
}

fn refresh(document: Option<&KeysDocument>, at: &Path, findings: &mut Findings<'_>) -> RefreshSettings {
    const SECOND: u64 = 1000;
    const DAY: u64 = 86_400 * SECOND;
    let document = document.cloned().unwrap_or_default();
    let refresh = RefreshSettings {
        interval: bounded(document.refresh, 60 * SECOND, SECOND, DAY, &at.key("refresh"), findings),
        cooldown: bounded(document.cooldown, 5 * SECOND, SECOND, DAY, &at.key("cooldown"), findings),
        max_stale: bounded(document.max_stale, DAY, 10 * SECOND, 30 * DAY, &at.key("max_stale"), findings),
        timeout: bounded(document.timeout, 5 * SECOND, 100, 60 * SECOND, &at.key("timeout"), findings),
    };
    if refresh.max_stale < refresh.interval * 2 {
        let what = "is not twice `refresh`: one failure would make the keys too old";
        findings.error(&at.key("max_stale"), what, "the default is 24h");
    }
    refresh
}
