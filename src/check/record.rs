//! A request as it is recorded in the audit log: enough to judge it again under another policy, and no more. No
//! token, no query, and of claims and headers only those that a policy reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::access_token::VerifiedToken;
use super::decide::Decided;
use super::input::{CheckInput, Headers};
use super::issuer::Issuers;
use super::policy::Reads;
use super::trial::Tried;

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When it was decided (RFC 3339).
    pub time: String,
    /// What was asked for.
    pub request: RecordedRequest,
    /// What the token said, where one was proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<RecordedToken>,
    /// `allow`, `deny`, `unavailable` or `answer`.
    pub outcome: String,
    /// Why; empty for an allow.
    #[serde(default)]
    pub reason: String,
    /// The rule that applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The generation of the configuration.
    #[serde(default)]
    pub generation: u64,
    /// What policies on trial would have answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trials: Vec<RecordedTrial>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRequest {
    /// The method.
    pub method: String,
    /// The authority as sent.
    pub host: String,
    /// The path as sent, without the query.
    pub path: String,
    /// Headers that a policy reads; one that stood several times has several values, and one that was not there none.
    /// A value that is not UTF-8 is null.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Vec<Option<String>>>,
}

/// What the token said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedToken {
    /// The configured name of its issuer.
    pub issuer: String,
    /// The client that it was issued to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Its scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Its audiences, and the claims that a policy reads.
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// The claims that a policy reads and that were not there. A condition can tell them from those that are null.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<String>,
    /// Whether its issuer was asked about it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
    /// Whether these are all its claims, because a policy may read any.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub complete: bool,
}

/// What a policy on trial would have answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedTrial {
    /// `shadow` or `candidate`.
    pub policy: String,
    /// The rule of it that would have applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// `would_deny`, `would_allow`, `unknown` or `none`.
    pub difference: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

impl Record {
    /// Records a check.
    #[must_use]
    pub fn of(
        input: &CheckInput,
        decided: &Decided,
        tried: &[Tried],
        issuers: &Issuers,
        reads: &Reads,
        time: String,
        generation: u64,
    ) -> Self {
        let decision = &decided.decision;
        Self {
            time,
            request: request(input, reads),
            token: decided.token.as_ref().map(|proven| token(proven.token(), decided.asked, issuers, reads)),
            outcome: decision.outcome().to_owned(),
            reason: decision.reason().to_owned(),
            rule: decision.rule().map(ToString::to_string),
            generation,
            trials: tried.iter().map(RecordedTrial::from).collect(),
        }
    }

    /// The request to judge again.
    #[must_use]
    pub fn input(&self) -> CheckInput {
        let RecordedRequest { method, host, path, headers } = &self.request;
        let mut fields = Headers::default();
        for (name, values) in headers {
            values
                .iter()
                .for_each(|value| fields.push(name, value.as_deref().map_or(NOT_TEXT, str::as_bytes)));
        }
        CheckInput {
            method: method.clone(),
            host: host.clone(),
            target: path.clone(),
            headers: fields,
            source: None,
            certificate: None,
        }
    }
}

/// A longer path is none that a rule matches.
const MAX_PATH_BYTES: usize = 4096;

fn shortened(path: &str) -> String {
    let end = (0..=MAX_PATH_BYTES.min(path.len())).rev().find(|end| path.is_char_boundary(*end));
    path.get(..end.unwrap_or_default()).unwrap_or_default().to_owned()
}

impl RecordedRequest {
    /// Whether it was recorded what these policies read of headers.
    #[must_use]
    pub fn has_headers_for(&self, reads: &Reads) -> bool {
        reads.headers().all(|name| self.headers.contains_key(name))
    }
}

impl RecordedToken {
    /// Whether it was recorded what these policies read of claims.
    #[must_use]
    pub fn has_claims_for(&self, reads: &Reads) -> bool {
        let is_recorded =
            |name: &str| self.claims.contains_key(name) || self.absent.iter().any(|its| its == name);
        self.complete || !reads.may_read_any_claim() && reads.claims().all(is_recorded)
    }
}

/// Stands for bytes that could not be recorded: no more text than they were.
const NOT_TEXT: &[u8] = b"\xff";

fn request(input: &CheckInput, reads: &Reads) -> RecordedRequest {
    let text = |value: &[u8]| str::from_utf8(value).ok().map(str::to_owned);
    let values = |name: &str| input.headers.all(name).map(text).collect::<Vec<_>>();
    let headers = reads.headers().map(|name| (name.to_owned(), values(name)));
    RecordedRequest {
        method: input.method.clone(),
        host: input.host.clone(),
        path: shortened(input.path()),
        headers: headers.collect(),
    }
}

fn token(token: &VerifiedToken, confirmed: bool, issuers: &Issuers, reads: &Reads) -> RecordedToken {
    let complete = reads.may_read_any_claim();
    let is_read = |name: &str| complete || name == "aud" || reads.claims().any(|its| its == name);
    let claims = token.claims().iter().filter(|(name, _)| is_read(name));
    let absent = reads.claims().filter(|name| !complete && token.claims().raw(name).is_none());
    RecordedToken {
        issuer: issuers.at(token.issuer()).map(|issuer| issuer.name.to_string()).unwrap_or_default(),
        client: token.client().map(str::to_owned),
        scopes: token.scopes().to_vec(),
        claims: claims.map(|(name, value)| (name.clone(), value.clone())).collect(),
        absent: absent.map(str::to_owned).collect(),
        confirmed,
        complete,
    }
}

impl From<&Tried> for RecordedTrial {
    fn from(tried: &Tried) -> Self {
        Self {
            policy: tried.kind.label().to_owned(),
            rule: tried.rule.as_ref().map(ToString::to_string),
            difference: tried.difference.label().to_owned(),
            reason: tried.reason.to_owned(),
        }
    }
}
