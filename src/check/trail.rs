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
    /// All, in the order in which a check passes them.
    pub const ALL: [Self; 12] = [
        Self::Route,
        Self::Credential,
        Self::Token,
        Self::Issuer,
        Self::Key,
        Self::Signature,
        Self::Introspection,
        Self::Claims,
        Self::Revocation,
        Self::Proof,
        Self::Policy,
        Self::Forward,
    ];

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

impl Verdict {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Noted => "noted",
        }
    }

    const fn is_last(self) -> bool {
        matches!(self, Self::Refused | Self::Unknown)
    }
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

/// What each stage came to, without a word: so small that every check keeps it, for whoever records the check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages([Option<Verdict>; Stage::ALL.len()]);

impl Stages {
    /// The stages that came to something, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, Verdict)> {
        Stage::ALL.into_iter().zip(self.0).filter_map(|(stage, verdict)| Some((stage, verdict?)))
    }
}

impl Trail for Stages {
    const IS_KEPT: bool = false;

    fn note(&mut self, stage: Stage, verdict: Verdict, _: impl FnOnce() -> String) {
        // A stage's number is its place in ALL.
        if let Some(its) = self.0.get_mut(stage as usize)
            && verdict != Verdict::Noted
            && !its.is_some_and(Verdict::is_last)
        {
            *its = Some(verdict);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_keep_what_each_came_to_and_a_refusal_is_the_last_word() {
        let mut stages = Stages::default();
        for (stage, verdict) in [
            (Stage::Route, Verdict::Noted),
            (Stage::Policy, Verdict::Passed),
            (Stage::Route, Verdict::Passed),
            (Stage::Policy, Verdict::Refused),
            (Stage::Policy, Verdict::Passed),
        ] {
            stages.note(stage, verdict, || unreachable!("nobody reads it"));
        }
        let kept: Vec<_> = stages.iter().collect();
        assert_eq!(kept, [(Stage::Route, Verdict::Passed), (Stage::Policy, Verdict::Refused)]);
    }

    #[test]
    fn a_stages_number_is_its_place_among_all() {
        for (place, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage as usize, place);
        }
    }
}
