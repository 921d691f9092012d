//! Policies that are tried out beside the one that decides: rules with `shadow: true`, and the candidate file.
//!
//! A trial changes no answer, waits for nothing and asks nobody: it judges the token that the check has proven,
//! or what is known of it without asking.

use std::sync::Arc;

use super::decide::{Decided, Step, decide};
use super::decision::{Decision, DenyReason, OutageReason};
use super::input::CheckInput;
use super::plan::{Facts, Need, World, plan_for};
use super::policy::{self, Introspect, Policy};
use super::route::{Route, route};
use super::trail::Trail;
use crate::jose::UnixTime;

/// A policy that is tried out.
#[derive(Debug)]
pub struct Trial {
    /// Which.
    pub kind: TrialKind,
    /// As it would be.
    pub policy: Policy,
}

/// Which policy is tried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrialKind {
    /// The policy in use, as if its shadow rules decided too.
    Shadow,
    /// The one in policy.next.yaml.
    Candidate,
}

/// How a trial's answer differs from the one given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Difference {
    /// Not at all.
    None,
    /// It would refuse what passed.
    WouldDeny,
    /// It would let pass what was refused.
    WouldAllow,
    /// It can't be told without asking the issuer.
    Unknown,
}

/// What a trial came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Which policy.
    pub kind: TrialKind,
    /// The rule of it that would have applied.
    pub rule: Option<Arc<str>>,
    /// The difference.
    pub difference: Difference,
    /// The label of the reason for which it would refuse, or can't tell; empty where it would allow.
    pub reason: &'static str,
}

impl TrialKind {
    /// The value of the metric label `policy`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Candidate => "candidate",
        }
    }
}

impl Difference {
    /// The value of the metric label `difference`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::WouldDeny => "would_deny",
            Self::WouldAllow => "would_allow",
            Self::Unknown => "unknown",
        }
    }
}

/// A trial's own answer.
enum Verdict {
    Allow,
    Deny(DenyReason),
    Unknown(OutageReason),
}

impl Verdict {
    const fn reason(&self) -> &'static str {
        match self {
            Self::Allow => "",
            Self::Deny(reason) => reason.label(),
            Self::Unknown(reason) => reason.label(),
        }
    }

    const fn differs_from(&self, decision: &Decision) -> Difference {
        match (decision, self) {
            (Decision::Unavailable(_), _) | (_, Self::Unknown(_)) => Difference::Unknown,
            (Decision::Allow(_), Self::Deny(_)) => Difference::WouldDeny,
            (Decision::Deny(_), Self::Allow) => Difference::WouldAllow,
            (Decision::Answer(_), _)
            | (Decision::Allow(_), Self::Allow)
            | (Decision::Deny(_), Self::Deny(_)) => Difference::None,
        }
    }
}

impl From<&Decision> for Verdict {
    fn from(decision: &Decision) -> Self {
        match decision {
            Decision::Allow(_) | Decision::Answer(_) => Self::Allow,
            Decision::Deny(denial) => Self::Deny(denial.reason),
            Decision::Unavailable(outage) => Self::Unknown(outage.reason),
        }
    }
}

/// Tries a policy out on a check that is over. None where it has nothing of its own to say: the request was
/// refused before any rule, or the rule that applies is not on trial.
pub fn try_out(
    trial: &Trial,
    input: &CheckInput,
    decided: &Decided,
    world: World<'_>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Option<Tried> {
    if !reached_the_rules(&decided.decision) {
        return None;
    }
    let world = World { policy: &trial.policy, ..world };
    let (rule, verdict) = match route(input, &trial.policy, trail) {
        Ok(route) if trial.kind == TrialKind::Shadow && !route.rule.shadow => return None,
        Ok(route) => (Some(Arc::clone(&route.rule.name)), judge(route, input, decided, world, now, trail)),
        // No rule at all matches, on trial or not.
        Err(_) if trial.kind == TrialKind::Shadow => return None,
        Err(reason) => (None, Verdict::Deny(reason)),
    };
    let difference = verdict.differs_from(&decided.decision);
    Some(Tried { kind: trial.kind, rule, difference, reason: verdict.reason() })
}

/// A request that can't be read, or that gatepost answers itself, is so under every policy.
fn reached_the_rules(decision: &Decision) -> bool {
    match decision {
        Decision::Answer(_) => false,
        Decision::Deny(denial) => denial.rule.is_some() || denial.reason == DenyReason::NoRule,
        Decision::Allow(_) | Decision::Unavailable(_) => true,
    }
}

fn judge(
    route: Route<'_>,
    input: &CheckInput,
    decided: &Decided,
    world: World<'_>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Verdict {
    match (route.rule.requirement(), &decided.token) {
        (None, _) => Verdict::Allow,
        (Some(requirement), Some(token)) => {
            match policy::evaluate(world, route.rule, token, route.facts(input), now, trail) {
                // The issuer would have a say too, and was not asked.
                Ok(_) if requirement.introspect != Introspect::WhenOpaque && !decided.asked => {
                    Verdict::Unknown(OutageReason::IntrospectionUnreachable)
                }
                Ok(_) => Verdict::Allow,
                Err(reason) => Verdict::Deny(reason),
            }
        }
        // What is wrong with the credential itself is wrong under any rule that asks for one.
        (Some(_), None) if failed_on_its_credential(&decided.decision) => Verdict::from(&decided.decision),
        // So is a token that its issuer calls inactive, where the trial would have it asked too.
        (Some(requirement), None) if is_inactive(&decided.decision) => match requirement.introspect {
            Introspect::WhenOpaque => {
                without_asking(route, input, world, now, Verdict::Deny(DenyReason::TokenInactive), trail)
            }
            Introspect::Cached | Introspect::Always => Verdict::from(&decided.decision),
        },
        (Some(_), None) => {
            let unknown = Verdict::Unknown(OutageReason::IntrospectionUnreachable);
            without_asking(route, input, world, now, unknown, trail)
        }
    }
}

/// Which issuer is asked about a token, and whether, is for the rule to say.
fn failed_on_its_credential(decision: &Decision) -> bool {
    let Decision::Deny(denial) = decision else { return false };
    let asked = [DenyReason::TokenOpaque, DenyReason::TokenInactive, DenyReason::TooManyUnknownTokens];
    denial.rule.is_some() && !asked.contains(&denial.reason)
}

fn is_inactive(decision: &Decision) -> bool {
    matches!(decision, Decision::Deny(denial) if denial.reason == DenyReason::TokenInactive)
}

/// Where no token was looked at, because the rule in use is public or there was none.
fn without_asking(
    route: Route<'_>,
    input: &CheckInput,
    world: World<'_>,
    now: UnixTime,
    by_the_issuer: Verdict,
    trail: &mut impl Trail,
) -> Verdict {
    let plan = match plan_for(route, input, world, now, trail) {
        Ok(plan) => plan,
        Err((denial, _)) => return Verdict::Deny(denial.reason),
    };
    let facts = match plan.need() {
        Need::Nothing => Facts::Nothing,
        Need::Keys(id) | Need::FreshKeys(id) => match world.keys.of(id) {
            Some(known) if plan.is_answered_by(&known.set) => Facts::Keys(Arc::clone(&known.set)),
            Some(_) => return Verdict::Unknown(OutageReason::KeysUnreachable),
            None => return Verdict::Unknown(OutageReason::KeysMissing),
        },
        Need::Introspection(_) => return by_the_issuer,
    };
    match decide(plan, &facts, world, now, trail) {
        Step::Decided(decided) => Verdict::from(&decided.decision),
        Step::More(_) => by_the_issuer,
    }
}
