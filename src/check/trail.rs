//! What each stage of a check saw, for people. Never token bytes: names, counts, configured values and
//! claims that help to see why.

/// The stages in the order in which a check passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Which rule applies.
    Route,
    /// Which credential the request carries.
    Credential,
    /// What form the token has.
    Token,
    /// Which issuer it names.
    Issuer,
    /// Which key it names.
    Key,
    /// Whether that key signed it.
    Signature,
    /// What the issuer says of the token when it is asked.
    Introspection,
    /// Whether the claims are those of an access token for this service.
    Claims,
    /// Whether it has been revoked.
    Revocation,
    /// Whether the token is bound to the sender.
    Proof,
    /// Whether the rule's requirements are met.
    Policy,
    /// What the service behind is told.
    Forward,
}

impl Stage {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Credential => "credential",
            Self::Token => "token",
            Self::Issuer => "issuer",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Introspection => "introspection",
            Self::Claims => "claims",
            Self::Revocation => "revocation",
            Self::Proof => "proof",
            Self::Policy => "policy",
            Self::Forward => "forward",
        }
    }
}

/// What a stage came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The check goes on.
    Passed,
    /// The check ends here with a refusal.
    Refused,
    /// The check ends here, undecided.
    Unknown,
    /// Told for completeness: a rule that did not match.
    Noted,
}

/// Takes notes, or does not.
///
/// The text is made only when somebody reads it, so a trail that is not kept costs nothing.
pub trait Trail {
    /// Whether anybody reads it. What takes work even to find out is left out where nobody does.
    const IS_KEPT: bool = true;

    /// Notes one step.
    fn note(&mut self, stage: Stage, verdict: Verdict, text: impl FnOnce() -> String);
}

/// No trail.
impl Trail for () {
    const IS_KEPT: bool = false;

    fn note(&mut self, _: Stage, _: Verdict, _: impl FnOnce() -> String) {}
}

/// One note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where.
    pub stage: Stage,
    /// With what result.
    pub verdict: Verdict,
    /// What was seen.
    pub text: String,
}

/// A trail that is kept.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The steps in order.
    pub steps: Vec<Step>,
}

impl Trail for Recorded {
    fn note(&mut self, stage: Stage, verdict: Verdict, text: impl FnOnce() -> String) {
        self.steps.push(Step { stage, verdict, text: text() });
    }
}

/// A value that may be missing, for a note.
pub(super) fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| format!("{value:?}"))
}

/// Notes why a stage refuses, and hands the reason on.
pub(super) fn refuse<R>(trail: &mut impl Trail, stage: Stage, reason: R, text: impl FnOnce() -> String) -> R {
    trail.note(stage, Verdict::Refused, text);
    reason
}
