//! `audit`: which checks are recorded, how, and where to.

use std::path::Path as FilePath;

use url::Url;

use super::super::document::{
    AuditDestinationDocument, AuditDocument, AuditRequestsDocument, IdentitiesDocument,
};
use super::super::{AuditDestination, AuditFile, AuditRequests, AuditSettings, Path};
use super::bounded_count;
use super::findings::{Findings, quoted};

pub(super) fn compile(
    document: &AuditDocument,
    directory: &FilePath,
    at: &Path,
    findings: &mut Findings<'_>,
) -> AuditSettings {
    let requests = match document.requests {
        None | Some(AuditRequestsDocument::Denials) => AuditRequests::Denials,
        Some(AuditRequestsDocument::None) => AuditRequests::None,
        Some(AuditRequestsDocument::Differences) => AuditRequests::Differences,
        Some(AuditRequestsDocument::All) => AuditRequests::All,
    };
    let per_second = bounded_count(document.per_second, 100, 1, 10_000, &at.key("per_second"), findings);
    let plain_identities = document.identities == Some(IdentitiesDocument::Plain);
    if plain_identities && document.hash_key_file.is_some() {
        let what = "has nothing to hash, since `identities` is plain";
        findings.error(&at.key("hash_key_file"), what, "delete one of the two");
    }
    AuditSettings {
        requests,
        sample: sample(document.sample, at, findings),
        per_second,
        to: destination(document.to.as_ref(), directory, &at.key("to"), findings),
        plain_identities,
        hash_key_file: document.hash_key_file.as_ref().map(|file| directory.join(file)),
    }
}

fn sample(written: Option<f64>, at: &Path, findings: &mut Findings<'_>) -> f64 {
    let share = written.unwrap_or_default();
    if !(0.0..=1.0).contains(&share) {
        findings.error(
            &at.key("sample"),
            "is outside 0 to 1",
            "write the share of allowed checks, such as 0.01",
        );
    }
    share
}

fn destination(
    document: Option<&AuditDestinationDocument>,
    directory: &FilePath,
    at: &Path,
    findings: &mut Findings<'_>,
) -> AuditDestination {
    match document {
        None | Some(AuditDestinationDocument::Stdout) => AuditDestination::Stdout,
        Some(AuditDestinationDocument::File(file)) => {
            let at = at.key("file");
            let mib = bounded_count(file.max_mib, 64, 1, 10_240, &at.key("max_mib"), findings);
            let keep = bounded_count(file.keep, 5, 0, 100, &at.key("keep"), findings);
            if file.path.is_empty() || file.path.ends_with('/') {
                findings.error(
                    &at.key("path"),
                    "names no file",
                    "write a path such as /var/log/gatepost/audit.jsonl",
                );
            }
            AuditDestination::File(AuditFile {
                path: directory.join(&file.path),
                max_bytes: u64::from(mib) << 20,
                keep,
            })
        }
        Some(AuditDestinationDocument::Otlp(otlp)) => {
            let at = at.key("otlp");
            let ca_file = otlp.ca_file.as_ref().map(|file| directory.join(file));
            match endpoint(&otlp.endpoint) {
                Some(endpoint) => {
                    if ca_file.is_some() && endpoint.scheme() == "http" {
                        let what = "is of no use, since the endpoint is plain http";
                        findings.error(&at.key("ca_file"), what, "delete it, or write https");
                    }
                    AuditDestination::Otlp { endpoint, ca_file }
                }
                None => {
                    let what = format!("{} is not the URL of a collector", quoted(&otlp.endpoint));
                    findings.error(&at.key("endpoint"), what, "write `https://host:4317`");
                    AuditDestination::Stdout
                }
            }
        }
    }
}

/// An http or https URL with nothing after the port: OTLP over gRPC has its own paths.
fn endpoint(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let fits = matches!(url.scheme(), "http" | "https") && url.has_host() && url.path() == "/" && bare;
    (fits && url.fragment().is_none()).then_some(url)
}
