//! What was decided and why, as `--output json` shows it.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::check::challenge::challenge;
use crate::check::replay::{ReplayOutcome, Replayed};
use crate::check::trail::{Recorded, Step, Verdict};
use crate::check::trial::{TrialKind, Tried};
use crate::check::{CheckInput, Decision, DenyReason};
use crate::jose::UnixTime;

/// One request's decision, with all that led to it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) request: Request,
    /// RFC 3339.
    pub(super) at: String,
    /// `allow`, `deny`, `unavailable` or `answer`; of a recorded request also `unknown`.
    outcome: &'static str,
    pub(super) rule: Option<String>,
    /// The metric label; none for an allow.
    reason: Option<String>,
    /// What the client gets from Envoy; none where the service answers.
    status: Option<u16>,
    /// The `WWW-Authenticate` header.
    pub(super) challenge: Option<String>,
    /// Headers for the service.
    #[serde(serialize_with = "as_object")]
    pub(super) set: Vec<(String, String)>,
    /// Headers that are kept from the service.
    pub(super) remove: Vec<String>,
    /// Headers for the client.
    #[serde(serialize_with = "as_object", skip_serializing_if = "Vec::is_empty")]
    pub(super) response_headers: Vec<(String, String)>,
    /// Claims for Envoy's access log and its other filters.
    #[serde(serialize_with = "as_object", skip_serializing_if = "Vec::is_empty")]
    pub(super) metadata: Vec<(String, Value)>,
    pub(super) steps: Vec<Told>,
    /// What went wrong with an issuer that could not be asked.
    pub(super) faults: Vec<String>,
    /// What policies on trial would decide.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) trials: Vec<TrialReport>,
    #[serde(skip)]
    pub(super) verdict: Sentence,
}

/// The request, as it was given.
#[derive(Debug, Serialize)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) host: String,
    /// Without query and fragment, which may carry a credential.
    path: String,
    #[serde(skip)]
    pub(super) target: String,
}

/// One step of the check.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    pub(super) stage: &'static str,
    /// `passed`, `refused`, `unknown`, or `noted` for a rule that did not match.
    verdict: &'static str,
    pub(super) text: String,
    #[serde(skip)]
    pub(super) mark: Verdict,
}

/// What a policy on trial would decide.
#[derive(Debug, Serialize)]
pub(super) struct TrialReport {
    /// `shadow` or `candidate`.
    pub(super) policy: &'static str,
    pub(super) rule: Option<String>,
    /// `none`, `would_deny`, `would_allow` or `unknown`; not said of a recorded request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) difference: Option<&'static str>,
    /// `allow`, `deny` or `unknown`, of a recorded request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<&'static str>,
    /// Empty where it would allow.
    pub(super) reason: String,
    pub(super) steps: Vec<Told>,
}

impl TrialReport {
    pub(super) fn tried(tried: &Tried, trail: Recorded) -> Self {
        Self {
            policy: tried.kind.label(),
            rule: tried.rule.as_ref().map(ToString::to_string),
            difference: Some(tried.difference.label()),
            outcome: None,
            reason: tried.reason.to_owned(),
            steps: trail.steps.into_iter().map(Told::of).collect(),
        }
    }

    pub(super) fn replayed(kind: TrialKind, replayed: &Replayed, trail: Recorded) -> Self {
        Self {
            policy: kind.label(),
            rule: replayed.rule.as_ref().map(ToString::to_string),
            difference: None,
            outcome: Some(replayed.outcome.label()),
            reason: replayed.outcome.reason().to_owned(),
            steps: trail.steps.into_iter().map(Told::of).collect(),
        }
    }
}

/// The outcome in words.
#[derive(Debug)]
pub(super) enum Sentence {
    Allow,
    /// With the document that the client gets.
    Answer(String),
    Deny {
        status: u16,
        label: &'static str,
        meaning: &'static str,
    },
    CannotTell {
        status: u16,
        label: &'static str,
        meaning: &'static str,
    },
    /// A recorded request of which too little is known, and what is missing.
    NotRecorded(&'static str),
}

/// What Envoy answers for an outage.
const UNAVAILABLE: u16 = 503;

impl Report {
    pub(super) fn new(
        input: &CheckInput,
        now: UnixTime,
        faults: Vec<String>,
        trail: Recorded,
        decision: &Decision,
        trials: Vec<TrialReport>,
    ) -> Self {
        let verdict = Sentence::of(decision);
        let grant = if let Decision::Allow(grant) = decision { Some(grant) } else { None };
        let challenge = if let Decision::Deny(denial) = decision { challenge(denial) } else { None };
        Self {
            request: Request::of(input),
            at: now.to_string(),
            outcome: decision.outcome(),
            rule: decision.rule().map(ToString::to_string),
            reason: Some(decision.reason().to_owned()).filter(|reason| !reason.is_empty()),
            status: verdict.status(),
            challenge,
            set: grant.map(|grant| grant.set().to_vec()).unwrap_or_default(),
            remove: grant.map(|grant| grant.remove().to_vec()).unwrap_or_default(),
            response_headers: grant.map(|grant| grant.response_headers().to_vec()).unwrap_or_default(),
            metadata: grant.map(|grant| grant.metadata().to_vec()).unwrap_or_default(),
            steps: trail.steps.into_iter().map(Told::of).collect(),
            faults,
            trials,
            verdict,
        }
    }

    /// Of a request that was recorded: what the service and the client would get is not in a record.
    pub(super) fn replayed(
        input: &CheckInput,
        now: UnixTime,
        trail: Recorded,
        replayed: &Replayed,
        trials: Vec<TrialReport>,
    ) -> Self {
        let verdict = Sentence::of_replayed(&replayed.outcome);
        Self {
            request: Request::of(input),
            at: now.to_string(),
            outcome: replayed.outcome.label(),
            rule: replayed.rule.as_ref().map(ToString::to_string),
            reason: Some(replayed.outcome.reason().to_owned()).filter(|reason| !reason.is_empty()),
            status: verdict.status(),
            challenge: None,
            set: Vec::new(),
            remove: Vec::new(),
            response_headers: Vec::new(),
            metadata: Vec::new(),
            steps: trail.steps.into_iter().map(Told::of).collect(),
            faults: Vec::new(),
            trials,
            verdict,
        }
    }
}

impl Request {
    fn of(input: &CheckInput) -> Self {
        let path = input.path();
        Self {
            method: input.method.clone(),
            host: input.host.clone(),
            path: path.to_owned(),
            target: input.target.clone(),
        }
    }
}

impl Told {
    fn of(step: Step) -> Self {
        let verdict = match step.verdict {
            Verdict::Passed => "passed",
            Verdict::Refused => "refused",
            Verdict::Unknown => "unknown",
            Verdict::Noted => "noted",
        };
        Self { stage: step.stage.name(), verdict, text: step.text, mark: step.verdict }
    }
}

impl Sentence {
    fn of(decision: &Decision) -> Self {
        match decision {
            Decision::Allow(_) => Self::Allow,
            Decision::Answer(document) => Self::Answer(document.to_string()),
            Decision::Deny(denial) => {
                let facts = denial.reason.facts();
                Self::Deny { status: facts.status, label: facts.label, meaning: facts.meaning }
            }
            Decision::Unavailable(outage) => {
                let (label, meaning) = (outage.reason.label(), outage.reason.meaning());
                Self::CannotTell { status: UNAVAILABLE, label, meaning }
            }
        }
    }

    fn of_replayed(outcome: &ReplayOutcome) -> Self {
        match outcome {
            ReplayOutcome::Allow => Self::Allow,
            ReplayOutcome::Answer => Self::Answer(String::new()),
            ReplayOutcome::Unknown(why) => Self::NotRecorded(why),
            ReplayOutcome::Deny(label) => {
                match DenyReason::ALL.iter().find(|reason| reason.label() == label) {
                    Some(reason) => {
                        let facts = reason.facts();
                        Self::Deny { status: facts.status, label: facts.label, meaning: facts.meaning }
                    }
                    None => Self::NotRecorded("a reason that is known here"),
                }
            }
        }
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Allow | Self::NotRecorded(_) => None,
            Self::Answer(_) => Some(200),
            Self::Deny { status, .. } | Self::CannotTell { status, .. } => Some(*status),
        }
    }
}

/// The pairs as an object: a name is set once.
fn as_object<S: Serializer, V: Serialize>(pairs: &[(String, V)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}
