//! Where a request goes: host, method and path, and the rule that applies to them.

use super::decision::DenyReason;
use super::input::CheckInput;
use super::policy::{self, Policy, RequestFacts, Rule};
use super::target::{self, Target, TargetRules};
use super::trail::{Stage, Trail, refuse};

/// Where a request goes, and the rule for it.
pub(super) struct Route<'a> {
    pub(super) place: Place,
    pub(super) rule: &'a Rule,
}

/// What a request asks for, read in the only way in which it can be read.
pub(super) struct Place {
    pub(super) host: String,
    pub(super) target: Target,
}

impl Route<'_> {
    /// What a rule knows of a request that goes there.
    pub(super) fn facts<'b>(&'b self, input: &'b CheckInput) -> RequestFacts<'b> {
        self.place.facts(input)
    }
}

impl Place {
    fn facts<'a>(&'a self, input: &'a CheckInput) -> RequestFacts<'a> {
        let Self { host, target } = self;
        RequestFacts { method: &input.method, host, target, headers: &input.headers }
    }
}

/// Finds the rule for a request.
pub(super) fn route<'a>(
    input: &CheckInput,
    policy: &'a Policy,
    trail: &mut impl Trail,
) -> Result<Route<'a>, DenyReason> {
    let place = place(input, policy.target_rules(), trail)?;
    rule_for(place, input, policy, trail)
}

/// Finds the rule for a request of which host and path are read.
pub(super) fn rule_for<'a>(
    place: Place,
    input: &CheckInput,
    policy: &'a Policy,
    trail: &mut impl Trail,
) -> Result<Route<'a>, DenyReason> {
    let rule = policy::route(policy, place.facts(input), trail).ok_or(DenyReason::NoRule)?;
    Ok(Route { place, rule })
}

/// Reads host, method and path.
pub(super) fn place(
    input: &CheckInput,
    rules: TargetRules,
    trail: &mut impl Trail,
) -> Result<Place, DenyReason> {
    let host = target::host(&input.host);
    let (Some(host), true) = (host, is_method(&input.method)) else {
        let text = || "the method or the host is malformed".to_owned();
        return Err(refuse(trail, Stage::Route, DenyReason::RequestMalformed, text));
    };
    let target = Target::read(&input.target, rules).map_err(|fault| {
        let text = || format!("the path is refused: {fault}");
        refuse(trail, Stage::Route, DenyReason::PathAmbiguous, text)
    })?;
    Ok(Place { host, target })
}

/// RFC 9110 §9.1: a method is a token.
fn is_method(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
