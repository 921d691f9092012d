//! `introspection` of an issuer: who we are there, and how much we ask.

use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use super::super::document::{
    CacheDocument, ClientAuthDocument, ClientDocument, IntrospectionDocument, LimitsDocument,
    OpaqueTokensDocument, RequirementDocument, UnreachableDocument,
};
use super::super::{
    AnswerCache, AssertionAlgorithm, CallLimits, Client, ClientAuth, IntrospectionSettings, Path,
    TrustedIssuer,
};
use super::findings::{Findings, quoted};
use super::issuer::endpoint;
use super::policy::host_patterns;
use super::{bounded, bounded_count};
use crate::check::issuer::{Introspection, OpaqueTokens, Presence, TokenProfile};

/// What a check needs to know, and what the source needs to know.
pub(super) fn compile(
    document: &IntrospectionDocument,
    profile: &TokenProfile,
    directory: &FilePath,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<(Introspection, IntrospectionSettings)> {
    let tokens = tokens(document.tokens.as_ref(), &at.key("tokens"), findings);
    // RFC 7662 §2.2: all claims but `active` are optional, so a preset's mandatory ones are not asked for.
    let profile =
        TokenProfile { mandatory_claims: Vec::new(), expiry: Presence::Optional, ..profile.clone() };
    let introspection = Introspection { profile, token_type: presence(document.token_type), tokens };
    let settings = IntrospectionSettings {
        endpoint: match &document.endpoint {
            Some(text) => Some(endpoint(text, &at.key("endpoint"), findings)?),
            None => None,
        },
        signed: document.signed == Some(RequirementDocument::Required),
        cache: cache(document.cache.as_ref(), &at.key("cache"), findings),
        limits: limits(document.limits.as_ref(), &at.key("limits"), findings),
        stale: stale(document.when_unreachable, &at.key("when_unreachable"), findings),
        timeout: bounded(document.timeout, 500, 10, 60_000, &at.key("timeout"), findings),
        client: client(&document.client, directory, &at.key("client"), findings)?,
    };
    Some((introspection, settings))
}

fn presence(written: Option<RequirementDocument>) -> Presence {
    match written {
        Some(RequirementDocument::Optional) => Presence::Optional,
        Some(RequirementDocument::Required) | None => Presence::Required,
    }
}

fn tokens(document: Option<&OpaqueTokensDocument>, at: &Path, findings: &mut Findings<'_>) -> OpaqueTokens {
    let Some(document) = document else { return OpaqueTokens::default() };
    if document.prefixes.is_none() && document.hosts.is_none() {
        findings.error(at, "says nothing", "delete it, or write `prefixes: […]` or `hosts: […]`");
    }
    let prefixes = document.prefixes.clone().unwrap_or_default();
    if document.prefixes.is_some() && (prefixes.is_empty() || prefixes.iter().any(String::is_empty)) {
        findings.error(
            &at.key("prefixes"),
            "is empty or has an empty text in it",
            "name at least one prefix",
        );
    }
    OpaqueTokens { prefixes, hosts: host_patterns(document.hosts.as_deref(), &at.key("hosts"), findings) }
}

fn cache(document: Option<&CacheDocument>, at: &Path, findings: &mut Findings<'_>) -> AnswerCache {
    let document = document.cloned().unwrap_or_default();
    let mib = bounded_count(document.max_mib, 16, 1, 1024, &at.key("max_mib"), findings);
    AnswerCache {
        active: bounded(document.active, 30_000, 0, 3_600_000, &at.key("active"), findings),
        inactive: bounded(document.inactive, 5000, 0, 10_000, &at.key("inactive"), findings),
        half_life: document.half_life.unwrap_or(false),
        refresh_ahead: document.refresh_ahead.unwrap_or(true),
        max_bytes: u64::from(mib) << 20,
    }
}

fn limits(document: Option<&LimitsDocument>, at: &Path, findings: &mut Findings<'_>) -> CallLimits {
    let document = document.cloned().unwrap_or_default();
    let mut count =
        |written, default, most, key: &str| bounded_count(written, default, 1, most, &at.key(key), findings);
    let (in_flight, failures) =
        (count(document.in_flight, 64, 10_000, "in_flight"), count(document.failures, 5, 1000, "failures"));
    let burst = count(document.burst_per_source, 50, 100_000, "burst_per_source");
    let per_second = count(document.per_second_per_source, 5, 100_000, "per_second_per_source");
    let suspend = bounded(document.suspend, 5000, 100, 300_000, &at.key("suspend"), findings);
    CallLimits { in_flight, burst, per_second, failures, suspend }
}

fn stale(document: Option<UnreachableDocument>, at: &Path, findings: &mut Findings<'_>) -> Option<Duration> {
    match document {
        None | Some(UnreachableDocument::Deny) => None,
        Some(UnreachableDocument::Stale(written)) => {
            Some(bounded(Some(written), 0, 1000, 86_400_000, &at.key("stale"), findings))
        }
    }
}

pub(super) fn client(
    document: &ClientDocument,
    directory: &FilePath,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<Client> {
    if document.id.is_empty() {
        findings.error(&at.key("id"), "is empty", "write the client id that the issuer knows us by");
    }
    let mut files = Files { document, directory, at, findings };
    files.refuse_unused();
    let auth = match document.auth {
        ClientAuthDocument::ClientSecretBasic => ClientAuth::SecretBasic { secret_file: files.secret()? },
        ClientAuthDocument::ClientSecretPost => ClientAuth::SecretPost { secret_file: files.secret()? },
        ClientAuthDocument::PrivateKeyJwt => {
            let algorithm = files.algorithm();
            ClientAuth::PrivateKeyJwt {
                key_file: files.key()?,
                key_id: document.key_id.clone(),
                algorithm: algorithm?,
            }
        }
        ClientAuthDocument::TlsClientAuth => {
            let certificate_file = files.certificate();
            ClientAuth::Tls { key_file: files.key()?, certificate_file: certificate_file? }
        }
    };
    Some(Client { id: document.id.clone(), auth })
}

/// The files of a client, each needed by some ways to authenticate and without meaning to others.
struct Files<'a, 'f> {
    document: &'a ClientDocument,
    directory: &'a FilePath,
    at: &'a Path,
    findings: &'a mut Findings<'f>,
}

impl Files<'_, '_> {
    fn secret(&mut self) -> Option<PathBuf> {
        self.file("secret_file", self.document.secret_file.as_ref())
    }

    fn key(&mut self) -> Option<PathBuf> {
        self.file("key_file", self.document.key_file.as_ref())
    }

    fn certificate(&mut self) -> Option<PathBuf> {
        self.file("certificate_file", self.document.certificate_file.as_ref())
    }

    fn file(&mut self, key: &str, written: Option<&String>) -> Option<PathBuf> {
        if written.is_none() {
            let hint = format!("write `{key}: /etc/gatepost/secrets/…`, a file of a mounted Secret");
            self.findings.error(&self.at.key("auth"), format!("needs `{key}`"), hint);
        }
        written.map(|file| self.directory.join(file))
    }

    fn algorithm(&mut self) -> Option<AssertionAlgorithm> {
        let Some(name) = &self.document.algorithm else { return Some(AssertionAlgorithm::ES256) };
        let algorithm = match name.as_str() {
            "ES256" => Some(AssertionAlgorithm::ES256),
            "ES384" => Some(AssertionAlgorithm::ES384),
            "RS256" => Some(AssertionAlgorithm::RS256),
            "PS256" => Some(AssertionAlgorithm::PS256),
            "EdDSA" => Some(AssertionAlgorithm::EdDSA),
            _ => None,
        };
        if algorithm.is_none() {
            let what = format!("{} is not supported here", quoted(name));
            self.findings.error(&self.at.key("algorithm"), what, "one of: ES256, ES384, RS256, PS256, EdDSA");
        }
        algorithm
    }

    fn refuse_unused(&mut self) {
        let (secret, key, certificate, assertion) = match self.document.auth {
            ClientAuthDocument::ClientSecretBasic | ClientAuthDocument::ClientSecretPost => {
                (true, false, false, false)
            }
            ClientAuthDocument::PrivateKeyJwt => (false, true, false, true),
            ClientAuthDocument::TlsClientAuth => (false, true, true, false),
        };
        for (key, written, used) in [
            ("secret_file", self.document.secret_file.is_some(), secret),
            ("key_file", self.document.key_file.is_some(), key),
            ("certificate_file", self.document.certificate_file.is_some(), certificate),
            ("key_id", self.document.key_id.is_some(), assertion),
            ("algorithm", self.document.algorithm.is_some(), assertion),
        ] {
            if written && !used {
                self.findings.error(&self.at.key(key), "has no meaning with this `auth`", "delete it");
            }
        }
    }
}

/// Reports issuers that are meant to be asked and can't be: an error where none can, else a warning that says `what`.
pub(super) fn look_for_silent<'a>(
    meant: impl Iterator<Item = &'a TrustedIssuer>,
    what: impl FnOnce(&str) -> String,
    hint: &str,
    at: &Path,
    findings: &mut Findings<'_>,
) {
    let (silent, others): (Vec<_>, Vec<_>) = meant.partition(|trusted| trusted.introspection.is_none());
    let names: Vec<_> = silent.iter().map(|trusted| trusted.issuer.name.as_ref()).collect();
    match (names.as_slice(), others.is_empty()) {
        ([], _) => {}
        (_, true) => findings.error(at, "asks issuers of which none has `introspection`", hint),
        (_, false) => findings.warning(at, what(&names.join(", ")), hint),
    }
}
