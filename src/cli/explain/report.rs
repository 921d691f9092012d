//! What was decided and why, as `--output json` shows it.

use serde::{Serialize, Serializer};

use crate::check::challenge::challenge;
use crate::check::trail::{Recorded, Step, Verdict};
use crate::check::{CheckInput, Decision};
use crate::jose::UnixTime;

/// One request's decision, with all that led to it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) request: Request,
    /// RFC 3339.
    pub(super) at: String,
    /// `allow`, `deny`, `unavailable` or `answer`.
    outcome: &'static str,
    pub(super) rule: Option<String>,
    /// The metric label; none for an allow.
    reason: Option<&'static str>,
    /// What the client gets from Envoy; none where the service answers.
    status: Option<u16>,
    /// The `WWW-Authenticate` header.
    pub(super) challenge: Option<String>,
    /// Headers for the service.
    #[serde(serialize_with = "as_object")]
    pub(super) set: Vec<(String, String)>,
    /// Headers that are kept from the service.
    pub(super) remove: Vec<String>,
    pub(super) steps: Vec<Told>,
    /// What went wrong with an issuer that could not be asked.
    pub(super) faults: Vec<String>,
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
    ) -> Self {
        let verdict = Sentence::of(decision);
        let (set, remove) = match decision {
            Decision::Allow(grant) => (grant.set().to_vec(), grant.remove().to_vec()),
            Decision::Deny(_) | Decision::Unavailable(_) | Decision::Answer(_) => (Vec::new(), Vec::new()),
        };
        let challenge = if let Decision::Deny(denial) = decision { challenge(denial) } else { None };
        Self {
            request: Request::of(input),
            at: now.to_string(),
            outcome: decision.outcome(),
            rule: decision.rule().map(ToString::to_string),
            reason: Some(decision.reason()).filter(|reason| !reason.is_empty()),
            status: verdict.status(),
            challenge,
            set,
            remove,
            steps: trail.steps.into_iter().map(Told::of).collect(),
            faults,
            verdict,
        }
    }
}

impl Request {
    fn of(input: &CheckInput) -> Self {
        let path = input.target.split(['?', '#']).next().unwrap_or_default();
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

    fn status(&self) -> Option<u16> {
        match self {
            Self::Allow => None,
            Self::Answer(_) => Some(200),
            Self::Deny { status, .. } | Self::CannotTell { status, .. } => Some(*status),
        }
    }
}

/// The pairs as an object: a name is set once.
fn as_object<S: Serializer>(pairs: &[(String, String)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}
