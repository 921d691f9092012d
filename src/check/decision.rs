//! The outcomes of a check, and the closed lists of reasons for two of them.

use std::sync::Arc;

use super::challenge::Hints;
use super::policy::Grant;
pub use super::reason::{DenyFacts, DenyReason, OutageReason};

/// What a check comes to.
#[derive(Debug)]
pub enum Decision {
    /// The request may pass.
    Allow(Grant),
    /// The request may not pass, and asking again would not change it.
    Deny(Denial),
    /// Nothing can be said: something that we need is missing. It is our trouble, not the client's.
    Unavailable(Outage),
    /// The request is for a public JSON document of ours, this one, and the service does not hear of it.
    Answer(Arc<str>),
}

impl From<Denial> for Decision {
    fn from(denial: Denial) -> Self {
        Self::Deny(denial)
    }
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub reason: DenyReason,
    /// The rule that applied, where one did.
    pub rule: Option<Arc<str>>,
    /// What the client may be told beside the error code.
    pub hints: Option<Arc<Hints>>,
}

/// A check that could not be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// What is missing.
    pub reason: OutageReason,
    /// The rule that applied.
    pub rule: Option<Arc<str>>,
    /// The configured name of the issuer that could not be asked.
    pub issuer: Option<Arc<str>>,
}

impl Decision {
    /// `allow`, `deny`, `unavailable` or `answer`: the metric label `outcome`.
    #[must_use]
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Allow(_) => "allow",
            Self::Deny(_) => "deny",
            Self::Unavailable(_) => "unavailable",
            Self::Answer(_) => "answer",
        }
    }

    /// The name of the rule that applied.
    #[must_use]
    pub fn rule(&self) -> Option<&Arc<str>> {
        match self {
            Self::Allow(grant) => Some(grant.rule()),
            Self::Deny(denial) => denial.rule.as_ref(),
            Self::Unavailable(outage) => outage.rule.as_ref(),
            Self::Answer(_) => None,
        }
    }

    /// The label of the reason; empty where none is needed.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Allow(_) | Self::Answer(_) => "",
            Self::Deny(denial) => denial.reason.label(),
            Self::Unavailable(outage) => outage.reason.label(),
        }
    }
}
