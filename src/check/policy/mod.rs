//! The platform team's policy: which rule applies to a request, and whether a token meets it.
//!
//! `route` and `evaluate` are the only ways to a [`Grant`]: the first for a public rule, the second with
//! a [`ProvenToken`](super::proof::ProvenToken).

mod authentication;
mod claim;
mod condition;
mod evaluate;
mod forward;
mod pattern;
mod reads;
mod requirement;
mod rule;

pub use authentication::Authentication;
pub use claim::{ClaimPath, ClaimPathFault, ClaimRequirement, ClaimTest};
pub use condition::{Condition, ConditionFault, RequestFacts};
pub use evaluate::{Grant, evaluate, grant_public};
pub use forward::{Forward, ForwardSource, ListForm, Missing, OwnedHeaders};
pub use pattern::{HostPattern, PathPattern, PatternFault};
pub use reads::Reads;
pub use requirement::{Introspect, Requirement, ScopeRequirement, Stale, is_scope_token};
pub use rule::{Access, Rule};

use super::input::Headers;
use super::target::{Target, TargetRules};
use super::trail::{Stage, Trail, Verdict};

/// All rules in order, with what holds for every request.
#[derive(Debug, Default)]
pub struct Policy {
    /// The rules; the first that matches decides.
    pub rules: Vec<Rule>,
    /// The header names that only gatepost may set: those that any rule forwards.
    pub owned_headers: OwnedHeaders,
    /// How request targets are read.
    pub target_rules: TargetRules,
}

/// The first rule that matches, or none: then the request is refused.
pub fn route<'a>(
    policy: &'a Policy,
    host: &str,
    method: &str,
    target: &Target,
    headers: &Headers,
    trail: &mut impl Trail,
) -> Option<&'a Rule> {
    for rule in &policy.rules {
        match rule.mismatch(host, method, target, headers) {
            None => {
                trail.note(Stage::Route, Verdict::Passed, || format!("rule \"{}\" applies", rule.name));
                return Some(rule);
            }
            Some(why) => {
                trail.note(Stage::Route, Verdict::Noted, || format!("rule \"{}\": {why}", rule.name))
            }
        }
    }
    trail.note(Stage::Route, Verdict::Refused, || format!("no rule matches {method} {target} of {host}"));
    None
}
