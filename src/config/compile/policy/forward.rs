//! `forward`, `metadata` and `response_headers`: what a rule hands on, under which names.

use std::collections::BTreeMap;

use super::super::super::Path;
use super::super::super::document::{ForwardDocument, ListDocument, MissingDocument};
use super::super::findings::{Findings, quoted};
use crate::check::policy::{ClaimPath, Forward, ForwardSource, ListForm, Missing, OwnedHeaders};

/// Where the values go, which decides about their names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiver {
    /// The service behind.
    Service,
    /// Envoy.
    Envoy,
    /// The client.
    Client,
}

pub(super) fn forwards(
    document: Option<&BTreeMap<String, ForwardDocument>>,
    receiver: Receiver,
    at: &Path,
    findings: &mut Findings<'_>,
) -> Vec<Forward> {
    let mut forwards = Vec::new();
    for (name, value) in document.into_iter().flatten() {
        let at = at.key(name);
        if let Some(fault) = name_fault(name, receiver) {
            findings.error(&at, format!("{} can't be set", quoted(name)), fault);
        }
        forwards.extend(source(value, &at, findings).map(|source| forward(name, source, value)));
    }
    forwards
}

fn forward(name: &str, source: ForwardSource, document: &ForwardDocument) -> Forward {
    let list = match document.list {
        None | Some(ListDocument::Commas) => ListForm::Commas,
        Some(ListDocument::Json) => ListForm::Json,
    };
    let missing = match document.missing {
        None | Some(MissingDocument::Omit) => Missing::Omit,
        Some(MissingDocument::Deny) => Missing::Deny,
    };
    Forward { name: name.to_owned(), source, list, missing }
}

fn source(document: &ForwardDocument, at: &Path, findings: &mut Findings<'_>) -> Option<ForwardSource> {
    match (&document.from, &document.value) {
        (Some(text), None) => {
            let source = claim_source(text);
            if let Err(why) = &source {
                let hint =
                    "write `token.sub`, `token.scope`, `token.client_id` or another claim as `token.NAME`";
                findings.error(at, format!("{} is no claim{why}", quoted(text)), hint);
            }
            source.ok()
        }
        (None, Some(text)) => {
            let printable =
                !text.is_empty() && text.len() <= 1024 && text.chars().all(|c| (' '..='~').contains(&c));
            if !printable || text.trim() != text {
                let what = "is no header value";
                findings.error(
                    &at.key("value"),
                    what,
                    "write 1 to 1024 characters of ASCII, without blanks at the ends",
                );
            }
            Some(ForwardSource::Text(text.clone()))
        }
        (Some(_), Some(_)) => {
            findings.error(&at.key("value"), "stands beside `from`", "delete one of the two");
            None
        }
        (None, None) => {
            findings.error(at, "says neither `from` nor `value`", "write `from: token.CLAIM`");
            None
        }
    }
}

fn claim_source(text: &str) -> Result<ForwardSource, String> {
    let path = match text.strip_prefix("token") {
        Some(rest) if rest.starts_with('[') => rest,
        Some(rest) => rest.strip_prefix('.').ok_or_else(String::new)?,
        None => return Err(String::new()),
    };
    match path {
        "scope" => Ok(ForwardSource::Scopes),
        "client_id" => Ok(ForwardSource::Client),
        path => ClaimPath::read(path).map(ForwardSource::Claim).map_err(|fault| format!(": {fault}")),
    }
}

/// Headers that carry the message itself, ask for it, or belong to Envoy (RFC 9110 §7.6.1, §8 to §13).
const RESERVED: [&str; 29] = [
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
    "origin",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
];

/// What other headers of that kind begin with.
const RESERVED_PREFIXES: [&str; 9] = [
    "accept",
    "if-",
    "sec-",
    "x-envoy-",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
];

/// Headers that browsers and clients act upon, and that belong to this exchange or to the service.
const RESERVED_FOR_CLIENTS: [&str; 9] = [
    "age",
    "alt-svc",
    "cache-control",
    "clear-site-data",
    "expires",
    "location",
    "server",
    "set-cookie",
    "strict-transport-security",
];

/// What other headers of that kind begin with.
const RESERVED_PREFIXES_FOR_CLIENTS: [&str; 3] = ["access-control-", "content-", "cross-origin-"];

fn name_fault(name: &str, receiver: Receiver) -> Option<&'static str> {
    match receiver {
        Receiver::Service => header_fault(name),
        Receiver::Client => header_fault(name).or_else(|| {
            let reserved = RESERVED_FOR_CLIENTS.contains(&name)
                || RESERVED_PREFIXES_FOR_CLIENTS.iter().any(|prefix| name.starts_with(prefix));
            reserved.then_some("that header is the service's or HTTP's own")
        }),
        Receiver::Envoy => {
            let fits = (1..=64).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            (!fits).then_some("write 1 to 64 letters, digits, dots, dashes and underscores")
        }
    }
}

fn header_fault(name: &str) -> Option<&'static str> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    let reserved =
        RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if name.is_empty() || name.len() > 64 || !name.bytes().all(legal) {
        Some("write it in lower case with letters, digits and dashes, such as `x-subject`")
    } else if reserved {
        Some("that name has another meaning in HTTP or to Envoy; choose one of your own, such as `x-subject`")
    } else if name.matches(['-', '_']).count() > OwnedHeaders::MAX_SEPARATORS {
        Some("it has more than five dashes, and every spelling of it must be kept from clients; shorten it")
    } else {
        None
    }
}
