//! Which claims and headers the rules of policies read, so that a record of a request holds what is needed to judge
//! it again.

use std::collections::BTreeSet;

use super::requirement::Requirement;
use super::rule::Rule;
use super::{Forward, Policy};

/// What policies read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    claims: BTreeSet<String>,
    all_claims: bool,
    headers: BTreeSet<String>,
}

impl Reads {
    /// What these policies read together.
    #[must_use]
    pub fn of<'a>(policies: impl IntoIterator<Item = &'a Policy>) -> Self {
        let mut reads = Self::default();
        policies.into_iter().flat_map(Policy::rules).for_each(|rule| reads.add(rule));
        reads
    }

    /// What one rule reads.
    #[must_use]
    pub fn of_rule(rule: &Rule) -> Self {
        let mut reads = Self::default();
        reads.add(rule);
        reads
    }

    /// The claims that they name.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.claims.iter().map(String::as_str)
    }

    /// Whether they may read claims that they do not name.
    #[must_use]
    pub fn may_read_any_claim(&self) -> bool {
        self.all_claims
    }

    /// The headers that they read.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(String::as_str)
    }

    fn add(&mut self, rule: &Rule) {
        if rule.preflight {
            self.headers.extend(["origin", "access-control-request-method"].map(str::to_owned));
        }
        let Some(requirement) = rule.requirement() else { return };
        self.add_claims(requirement);
        let forwarded = rule.forward.iter().chain(&rule.metadata).chain(&rule.response_headers);
        self.claims.extend(forwarded.filter_map(Forward::must_have).map(str::to_owned));
        if let Some(condition) = &requirement.condition {
            self.headers.extend(condition.headers().iter().cloned());
            match condition.claims() {
                Some(claims) => self.claims.extend(claims.iter().cloned()),
                None => self.all_claims = true,
            }
        }
    }

    fn add_claims(&mut self, requirement: &Requirement) {
        self.claims.extend(requirement.claims.iter().map(|claim| claim.path.claim().to_owned()));
        if !requirement.subjects.is_empty() {
            self.claims.insert("sub".to_owned());
        }
        if let Some(authentication) = &requirement.authentication {
            self.claims.extend((!authentication.acr.is_empty()).then(|| "acr".to_owned()));
            self.claims.extend(authentication.max_age.map(|_| "auth_time".to_owned()));
        }
    }
}
