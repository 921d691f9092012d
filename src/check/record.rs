//! A request as it is recorded in the audit log: enough to judge it again under another policy, and no more. No
//! token, no query, and of claims and headers only those that a policy reads.

mod correlation;
mod identity;
mod ocsf;

use core::net::IpAddr;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use identity::{Identities, MIN_KEY_BYTES, is_personal, token_digest};
pub use ocsf::{API_ACTIVITY, OCSF_VERSION};

use super::access_token::VerifiedToken;
use super::decide::Decided;
use super::decision::Decision;
use super::input::{CheckInput, Headers};
use super::issuer::Issuers;
use super::policy::Reads;
use super::trace_context::TraceContext;
use super::trail::Stages;
use super::trial::Tried;
use crate::jose::UnixTime;
use correlation::Presented;

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ocsf::Line", into = "ocsf::Line")]
pub struct Record {
    /// When it was decided.
    pub time: UnixTime,
    /// What was asked for.
    pub request: RecordedRequest,
    /// The digest of the token that was presented, good or not.
    pub credential: Option<String>,
    /// What the token said, where one was proven.
    pub token: Option<RecordedToken>,
    /// `allow`, `deny`, `unavailable` or `answer`.
    pub outcome: String,
    /// Why; empty for an allow.
    pub reason: String,
    /// The rule that applied.
    pub rule: Option<String>,
    /// The generation of the configuration.
    pub generation: u64,
    /// What each stage came to, `stage:verdict`; empty for what passed.
    pub trail: Vec<String>,
    /// What policies on trial would have answered.
    pub trials: Vec<RecordedTrial>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// The method.
    pub method: String,
    /// The authority as sent.
    pub host: String,
    /// The path as sent, without the query.
    pub path: String,
    /// Whether something in method, host or path was left out, because it was or could be a token.
    pub hidden: bool,
    /// Headers that a policy reads; one that stood several times has several values, and one that was not there none.
    /// A value that is not UTF-8 is null. One with the token in it is left out.
    pub headers: BTreeMap<String, Vec<Option<String>>>,
    /// The `x-request-id`.
    pub id: Option<String>,
    /// The trace id of `traceparent`.
    pub trace: Option<String>,
    /// Where the client's connection comes from, as Envoy sees it.
    pub source: Option<IpAddr>,
}

/// What the token said.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedToken {
    /// The configured name of its issuer.
    pub issuer: String,
    /// The client that it was issued to, as [`Identities`] show it.
    pub client: Option<String>,
    /// Whom it is about, as [`Identities`] show it.
    pub subject: Option<String>,
    /// Tells by which key client and subject are hashed; none where they are plain.
    pub hash_key: Option<String>,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// Its audiences, and the claims that a policy reads; personal ones only where identities are plain.
    pub claims: Map<String, Value>,
    /// The claims that a policy reads and that were not there. A condition can tell them from those that are null.
    pub absent: Vec<String>,
    /// Whether its issuer was asked about it.
    pub confirmed: bool,
    /// Whether these are all its claims, because a policy may read any.
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

/// A check that is over, and what its record is made of besides.
#[derive(Clone, Copy, Debug)]
pub struct Recorder<'a> {
    /// What was asked.
    pub input: &'a CheckInput,
    /// What it came to.
    pub decided: &'a Decided,
    /// What each stage came to.
    pub stages: Stages,
    /// What policies on trial would have answered.
    pub tried: &'a [Tried],
    /// Whom we trust.
    pub issuers: &'a Issuers,
    /// What all policies read.
    pub reads: &'a Reads,
    /// How subjects and clients are written.
    pub identities: &'a Identities,
    /// When it was decided.
    pub now: UnixTime,
    /// The generation of the configuration.
    pub generation: u64,
    /// The `traceparent` of the call that asked.
    pub called: Option<&'a [u8]>,
}

impl Recorder<'_> {
    /// Records the check.
    #[must_use]
    pub fn record(&self) -> Record {
        let decision = &self.decided.decision;
        Record {
            time: self.now,
            request: self.request(),
            credential: correlation::credential_digest(&self.input.headers),
            token: self.decided.token.as_ref().map(|proven| self.token(proven.token())),
            outcome: decision.outcome().to_owned(),
            reason: decision.reason().to_owned(),
            rule: decision.rule().map(ToString::to_string),
            generation: self.generation,
            trail: self.trail(),
            trials: self.tried.iter().map(RecordedTrial::from).collect(),
        }
    }

    fn trail(&self) -> Vec<String> {
        match self.decided.decision {
            Decision::Allow(_) | Decision::Answer(_) => Vec::new(),
            Decision::Deny(_) | Decision::Unavailable(_) => {
                let step = |(stage, verdict): (super::trail::Stage, super::trail::Verdict)| {
                    format!("{}:{}", stage.name(), verdict.name())
                };
                self.stages.iter().map(step).collect()
            }
        }
    }

    fn request(&self) -> RecordedRequest {
        let input = self.input;
        let presented = Presented::by(&input.headers);
        let values =
            |name: &str| input.headers.all(name).map(|value| str::from_utf8(value).ok()).collect::<Vec<_>>();
        let headers = self.reads.headers().map(|name| (name, values(name)));
        let clear =
            headers.filter(|(_, values)| values.iter().flatten().all(|value| presented.is_clear(value)));
        let owned = |(name, values): (&str, Vec<Option<&str>>)| {
            (name.to_owned(), values.into_iter().map(|value| value.map(str::to_owned)).collect())
        };
        let method = presented.method(&input.method);
        let host = presented.host(shortened(&input.host, MAX_HOST_BYTES));
        let path = presented.path(shortened(input.path(), MAX_PATH_BYTES));
        RecordedRequest {
            hidden: method.hidden || host.hidden || path.hidden,
            method: method.text,
            host: host.text,
            path: path.text,
            headers: clear.map(owned).collect(),
            id: correlation::request_id(input, &presented),
            trace: TraceContext::of(self.called, &input.headers).map(|its| its.trace_id.to_string()),
            source: input.source,
        }
    }

    fn token(&self, token: &VerifiedToken) -> RecordedToken {
        let Self { issuers, reads, identities, .. } = self;
        let hash_key = identities.key_id().map(str::to_owned);
        let issuer = issuers.at(token.issuer());
        let names_client =
            |name: &str| issuer.is_some_and(|its| its.profile.client_claims.iter().any(|its| its == name));
        let shown = |name: &str| hash_key.is_none() || !is_personal(name) && !names_client(name);
        let complete = reads.may_read_any_claim() && hash_key.is_none();
        let is_read = |name: &str| complete || name == "aud" || reads.claims().any(|its| its == name);
        let claims = token.claims().iter().filter(|(name, _)| is_read(name) && shown(name));
        let absent = reads.claims().filter(|name| !complete && token.claims().raw(name).is_none());
        RecordedToken {
            issuer: issuer.map(|issuer| issuer.name.to_string()).unwrap_or_default(),
            client: token.client().map(|client| identities.shown(client)),
            subject: token.subject().map(|subject| identities.shown(subject)),
            scopes: token.scopes().to_vec(),
            claims: claims.map(|(name, value)| (name.clone(), value.clone())).collect(),
            absent: absent.map(str::to_owned).collect(),
            confirmed: self.decided.asked,
            complete,
            hash_key,
        }
    }
}

impl Record {
    /// The request to judge again.
    #[must_use]
    pub fn input(&self) -> CheckInput {
        let RecordedRequest { method, host, path, headers, source, .. } = &self.request;
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
            source: *source,
            certificate: None,
        }
    }
}

/// A longer host is none (RFC 1035 §2.3.4), port included.
const MAX_HOST_BYTES: usize = 261;

/// A longer path is none that a rule matches.
const MAX_PATH_BYTES: usize = 4096;

fn shortened(text: &str, longest: usize) -> &str {
    let end = (0..=longest.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

impl RecordedRequest {
    /// Whether it was recorded what these policies read of headers.
    #[must_use]
    pub fn has_headers_for(&self, reads: &Reads) -> bool {
        reads.headers().all(|name| self.headers.contains_key(name))
    }
}

impl RecordedToken {
    /// Whether it was recorded which client it was issued to, if any.
    #[must_use]
    pub fn has_client(&self) -> bool {
        self.hash_key.is_none() || self.client.is_none()
    }

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
