//! The platform team's policy: which rule applies to a request, and whether a token meets it.
//!
//! `route` and `evaluate` are the only ways to a [`Grant`]: the first for a public rule, the second with
//! a [`ProvenToken`](super::proof::ProvenToken).

mod authentication;
mod claim;
mod condition;
mod evaluate;
mod forward;
mod index;
mod pattern;
mod reads;
mod requirement;
mod rule;

pub use authentication::Authentication;
pub use claim::{ClaimPath, ClaimPathFault, ClaimRequirement, ClaimTest};
pub use condition::{Condition, ConditionFault, SyntaxFault};
pub use evaluate::{Grant, evaluate, grant_public};
pub use forward::{Forward, ForwardSource, ListForm, Missing, OwnedHeaders};
pub use index::RouteIndex;
pub use pattern::{HostPattern, PathPattern, PatternFault};
pub use reads::Reads;
pub use requirement::{Introspect, Requirement, ScopeRequirement, Stale, is_scope_token};
pub use rule::{Access, Rule, RuleAudit};

use std::sync::Arc;

use super::input::Headers;
use super::target::{Target, TargetRules};
use super::trail::{Stage, Trail, Verdict};

/// What a rule knows of the request that it judges.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// The method as sent.
    pub method: &'a str,
    /// The host in lower case, without port.
    pub host: &'a str,
    /// The path as rules match it.
    pub target: &'a Target,
    /// The header fields.
    pub headers: &'a Headers,
}

/// All rules in order, with what holds for every request.
#[derive(Debug, Default)]
pub struct Policy {
    rules: Vec<Arc<Rule>>,
    index: RouteIndex,
    /// For CORS preflights, where there are rules for them: those rules and all others.
    preflights: Option<RouteIndex>,
    owned_headers: OwnedHeaders,
    target_rules: TargetRules,
}

impl Policy {
    /// A policy of these rules, of which the first that matches decides.
    #[must_use]
    pub fn new(rules: Vec<Arc<Rule>>, target_rules: TargetRules) -> Self {
        let set = rules.iter().flat_map(|rule| &rule.forward).map(|forward| forward.name.as_str());
        let owned_headers = OwnedHeaders::new(set);
        let placed = || rules.iter().map(AsRef::as_ref).enumerate();
        let index = RouteIndex::new(placed().filter(|(_, rule)| !rule.preflight));
        let preflights = rules.iter().any(|rule| rule.preflight).then(|| RouteIndex::new(placed()));
        Self { rules, index, preflights, owned_headers, target_rules }
    }

    /// The rules in order.
    #[must_use]
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// The header names that only gatepost may set: those that any rule forwards.
    #[must_use]
    pub fn owned_headers(&self) -> &OwnedHeaders {
        &self.owned_headers
    }

    /// How request targets are read.
    #[must_use]
    pub fn target_rules(&self) -> TargetRules {
        self.target_rules
    }

    /// Whether there are rules for CORS preflights.
    #[must_use]
    pub fn has_preflights(&self) -> bool {
        self.preflights.is_some()
    }

    fn find(&self, request: RequestFacts<'_>) -> Option<usize> {
        let index = self.preflights.as_ref().filter(|_| rule::is_preflight(request)).unwrap_or(&self.index);
        index.find(&self.rules, request)
    }
}

/// The first rule that matches, or none: then the request is refused.
pub fn route<'a, T: Trail>(policy: &'a Policy, request: RequestFacts<'_>, trail: &mut T) -> Option<&'a Rule> {
    let found = policy.find(request);
    if T::IS_KEPT {
        note_mismatches(policy.rules.iter().take(found.unwrap_or(usize::MAX)), request, trail);
    }
    match found.and_then(|place| policy.rules.get(place)) {
        Some(rule) => {
            trail.note(Stage::Route, Verdict::Passed, || format!("rule \"{}\" applies", rule.name));
            Some(rule)
        }
        None => {
            let RequestFacts { method, host, target, .. } = request;
            let text = || format!("no rule matches {method} {target} of {host}");
            trail.note(Stage::Route, Verdict::Refused, text);
            None
        }
    }
}

/// Why each of these rules does not apply. The index never looks at them, so only a reader pays for it.
fn note_mismatches<'a>(
    rules: impl Iterator<Item = &'a Arc<Rule>>,
    request: RequestFacts<'_>,
    trail: &mut impl Trail,
) {
    for rule in rules {
        if let Some(why) = rule.mismatch(request) {
            trail.note(Stage::Route, Verdict::Noted, || format!("rule \"{}\": {why}", rule.name));
        }
    }
}
