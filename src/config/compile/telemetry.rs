//! `telemetry`: a collector, and what it is sent.

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};

use url::Url;

use super::super::document::{CollectorDocument, OtlpDocument, TelemetryDocument};
use super::super::{CollectorSettings, OtlpSettings, Path, TelemetrySettings};
use super::findings::{Findings, quoted};
use super::{bounded, is_loopback};

/// OpenTelemetry's names of what sends.
const SERVICE: [(&str, &str); 2] =
    [("service.name", "gatepost"), ("service.version", env!("CARGO_PKG_VERSION"))];

pub(super) fn compile(
    document: &TelemetryDocument,
    directory: &FilePath,
    at: &Path,
    findings: &mut Findings<'_>,
) -> TelemetrySettings {
    let otlp =
        document.otlp.as_ref().and_then(|document| otlp(document, directory, &at.key("otlp"), findings));
    TelemetrySettings { otlp }
}

fn otlp(
    document: &OtlpDocument,
    directory: &FilePath,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<OtlpSettings> {
    let collector = collector(&document.collector(), directory, at, findings);
    let push_every = bounded(document.push_every, 60_000, 1000, 3_600_000, &at.key("push_every"), findings);
    Some(OtlpSettings {
        collector: collector?,
        traces: document.traces.unwrap_or(true),
        metrics: document.metrics.unwrap_or(true),
        push_every,
    })
}

/// A collector, of telemetry or of the audit log.
pub(super) fn collector(
    document: &CollectorDocument,
    directory: &FilePath,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Option<CollectorSettings> {
    let endpoint = endpoint(&document.endpoint, &at.key("endpoint"), findings);
    let header_files =
        header_files(document.header_files.as_ref(), directory, &at.key("header_files"), findings);
    let attributes = attributes(document.attributes.as_ref(), &at.key("attributes"), findings);
    let endpoint = endpoint?;
    if endpoint.scheme() == "http" {
        if document.ca_file.is_some() {
            findings.error(&at.key("ca_file"), "has no meaning with an http endpoint", "delete it");
        }
        if !header_files.is_empty() && !is_loopback(&endpoint) {
            let what = "cross the network in the clear";
            findings.warning(&at.key("header_files"), what, "give `endpoint` an https URL");
        }
    }
    let ca_file = document.ca_file.as_ref().map(|file| directory.join(file));
    Some(CollectorSettings { endpoint, ca_file, header_files, attributes })
}

fn endpoint(text: &str, at: &Path, findings: &mut Findings<'_>) -> Option<Url> {
    let is_bare = |url: &Url| {
        let has_more = url.query().is_some() || url.fragment().is_some() || url.password().is_some();
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && matches!(url.path(), "" | "/")
            && url.username().is_empty()
            && !has_more
    };
    let url = Url::parse(text).ok().filter(is_bare);
    if url.is_none() {
        let hint = "write `http://127.0.0.1:4317` or `https://collector.example.com:4317`: OTLP over gRPC has no path, \
                    and secrets belong into `header_files`";
        findings.error(at, "is not an http or https URL of a host and nothing more", hint);
    }
    url
}

fn header_files(
    written: Option<&BTreeMap<String, String>>,
    directory: &FilePath,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Vec<(String, PathBuf)> {
    let mut files = Vec::new();
    for (name, file) in written.into_iter().flatten() {
        if may_be_sent(name) {
            files.push((name.clone(), directory.join(file)));
        } else {
            let what = format!("{} is not a header that can be set here", quoted(name));
            let hint = "use lower-case letters, digits and dashes; gRPC keeps `grpc-…`, `…-bin`, `te`, `host`, \
                        `content-type` and `user-agent` for itself";
            findings.error(&at.key(name), what, hint);
        }
    }
    files
}

/// Custom-Metadata of gRPC over HTTP/2, in its text form.
fn may_be_sent(name: &str) -> bool {
    let taken = ["te", "host", "content-type", "user-agent", "connection"].contains(&name);
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    !name.is_empty()
        && name.bytes().all(fits)
        && !name.starts_with("grpc-")
        && !name.ends_with("-bin")
        && !taken
}

fn attributes(
    written: Option<&BTreeMap<String, String>>,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Vec<(String, String)> {
    let mut attributes = BTreeMap::from(SERVICE.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for (name, value) in written.into_iter().flatten() {
        if name.is_empty() || value.is_empty() {
            findings.error(&at.key(name), "is empty", "write a name and a value, or delete it");
        }
        attributes.insert(name.clone(), value.clone());
    }
    attributes.into_iter().collect()
}
