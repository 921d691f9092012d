//! `audit`: which checks are recorded, how, and where to.

use std::path::Path as FilePath;

use super::super::document::{
    AuditDestinationDocument, AuditDocument, AuditRequestsDocument, IdentitiesDocument,
};
use super::super::{AuditDestination, AuditFile, AuditRequests, AuditSettings, Path};
use super::findings::Findings;
use super::{bounded_count, telemetry};

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
        Some(AuditDestinationDocument::Otlp(collector)) => {
            let collector = telemetry::collector(collector, directory, &at.key("otlp"), findings);
            // Without one there is no configuration.
            collector.map_or(AuditDestination::Stdout, AuditDestination::Otlp)
        }
    }
}
