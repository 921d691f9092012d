//! Decides a check from what was found out, or says what else must be.

use std::sync::Arc;

use super::access_token::VerifiedToken;
use super::credential::PresentedToken;
use super::decision::{Decision, DenyReason, Outage, OutageReason};
use super::input::CheckInput;
use super::introspection::{self, Answer};
use super::issuer::{Issuer, IssuerId};
use super::jwt::{self, UnverifiedJwt};
use super::plan::{Facts, Need, Plan, Token, World, denial};
use super::policy::{self, Introspect, Rule};
use super::proof;
use super::trail::{Stage, Trail, Verdict};
use crate::jose::UnixTime;

/// What follows from the facts.
pub enum Step<'a> {
    /// The check is over.
    Decided(Decision),
    /// One thing more must be found out.
    More(Plan<'a>),
}

/// Decides a check.
pub fn decide<'a>(
    plan: Plan<'a>,
    facts: &Facts,
    world: World<'_>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Step<'a> {
    let Plan { input, rule, token, .. } = plan;
    let mut judge = Judge { input, rule, world, now, trail };
    match token {
        Token::None => Step::Decided(judge.public()),
        Token::Unverified(token, presented) => judge.signature(token, presented, facts),
        Token::Verified(token, _) => Step::Decided(judge.confirmation(token, facts)),
        Token::Opaque(id, _) => Step::Decided(judge.opaque(id, facts)),
    }
}

/// What every part of a decision needs.
struct Judge<'a, 'w, T> {
    input: &'a CheckInput,
    rule: &'a Rule,
    world: World<'w>,
    now: UnixTime,
    trail: &'w mut T,
}

impl<'a, 'w, T: Trail> Judge<'a, 'w, T> {
    fn public(&mut self) -> Decision {
        match policy::grant_public(self.world.policy, self.rule, &self.input.headers) {
            Some(grant) => {
                let text = || "the rule is public: no credential is looked for".to_owned();
                self.trail.note(Stage::Policy, Verdict::Passed, text);
                Decision::Allow(grant)
            }
            None => self.deny(DenyReason::CredentialMissing),
        }
    }

    fn signature(
        &mut self,
        token: UnverifiedJwt<'a>,
        presented: PresentedToken<'a>,
        facts: &Facts,
    ) -> Step<'a> {
        let id = token.issuer();
        let keys = match facts {
            Facts::Keys(keys) => keys,
            other => return Step::Decided(self.without(id, other, Stage::Key, OutageReason::KeysMissing)),
        };
        let Some(issuer) = self.issuer(id) else {
            return Step::Decided(self.deny(DenyReason::IssuerUnknown));
        };
        let token = match jwt::verify(token, issuer, keys, self.now, self.trail) {
            Ok(token) => token,
            Err(reason) => return Step::Decided(self.deny(reason)),
        };
        let (input, rule) = (self.input, self.rule);
        let asked = rule.requirement().is_some_and(|its| its.introspect != Introspect::WhenOpaque);
        match (asked, &issuer.introspection) {
            (false, _) => Step::Decided(self.finish(token)),
            (true, Some(_)) => {
                let need = Need::Introspection(id);
                Step::More(Plan { input, rule, token: Token::Verified(token, presented), need })
            }
            (true, None) => {
                Step::Decided(self.unavailable(id, Stage::Introspection, OutageReason::IntrospectionMissing))
            }
        }
    }

    fn confirmation(&mut self, token: VerifiedToken, facts: &Facts) -> Decision {
        self.answered(token.issuer(), facts, |answer, issuer, now, trail| {
            introspection::confirm(token, answer, issuer, now, trail)
        })
    }

    fn opaque(&mut self, id: IssuerId, facts: &Facts) -> Decision {
        self.answered(id, facts, |answer, issuer, now, trail| {
            introspection::accept(answer, id, issuer, now, trail)
        })
    }

    fn answered(
        &mut self,
        id: IssuerId,
        facts: &Facts,
        judge: impl FnOnce(&Answer, &Issuer, UnixTime, &mut T) -> Result<VerifiedToken, DenyReason>,
    ) -> Decision {
        let answer = match facts {
            Facts::Answer(answer) => answer,
            Facts::TooManyUnknownTokens => {
                let reason = DenyReason::TooManyUnknownTokens;
                self.trail.note(Stage::Introspection, Verdict::Refused, || reason.facts().meaning.to_owned());
                return self.deny(reason);
            }
            other => {
                return self.without(id, other, Stage::Introspection, OutageReason::IntrospectionMissing);
            }
        };
        let Some(issuer) = self.issuer(id) else { return self.deny(DenyReason::IssuerUnknown) };
        match judge(answer, issuer, self.now, self.trail) {
            Ok(token) => self.finish(token),
            Err(reason) => self.deny(reason),
        }
    }

    /// The stages that every token passes, however it was vouched for.
    fn finish(&mut self, token: VerifiedToken) -> Decision {
        proof::check(token, self.trail)
            .and_then(|token| {
                policy::evaluate(self.world, self.rule, &token, &self.input.headers, self.trail)
            })
            .map_or_else(|reason| self.deny(reason), Decision::Allow)
    }

    fn issuer(&self, id: IssuerId) -> Option<&'w Issuer> {
        self.world.issuers.at(id)
    }

    fn deny(&self, reason: DenyReason) -> Decision {
        Decision::Deny(denial(reason, Some(self.rule)))
    }

    /// Facts of another kind than what was needed are as good as none.
    fn without(&mut self, id: IssuerId, facts: &Facts, stage: Stage, otherwise: OutageReason) -> Decision {
        let reason = if let Facts::Missing(reason) = facts { *reason } else { otherwise };
        self.unavailable(id, stage, reason)
    }

    fn unavailable(&mut self, id: IssuerId, stage: Stage, reason: OutageReason) -> Decision {
        self.trail.note(stage, Verdict::Unknown, || reason.meaning().to_owned());
        let issuer = self.issuer(id).map(|issuer| Arc::clone(&issuer.name));
        Decision::Unavailable(Outage { reason, rule: Some(Arc::clone(&self.rule.name)), issuer })
    }
}
