//! Decides a check from what was found out, or says what else must be.

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

use super::access_token::VerifiedToken;
use super::credential::{PresentedToken, TokenKind};
use super::decision::{Decision, DenyReason, Outage, OutageReason};
use super::input::CheckInput;
use super::introspection::{self, Answer};
use super::issuer::{Issuer, IssuerId};
use super::jwt::{self, UnverifiedJwt};
use super::plan::{Facts, Need, Plan, Token, World, denial};
use super::policy::{self, Introspect};
use super::proof::{self, ProvenToken};
use super::revocation::{self, Fingerprint, WhenStale};
use super::route::Route;
use super::trail::{Stage, Trail, Verdict};
use crate::jose::UnixTime;

/// What follows from the facts.
pub enum Step<'a> {
    /// The check is over.
    Decided(Decided),
    /// One thing more must be found out.
    More(Plan<'a>),
}

/// A check that is over.
#[derive(Debug)]
pub struct Decided {
    /// What it came to.
    pub decision: Decision,
    /// The token that it was decided on, where one was proven.
    pub token: Option<ProvenToken>,
    /// Whether the token's issuer was asked about it.
    pub asked: bool,
    /// The mark that revokes the token, where one does.
    pub revoked_by: Option<Fingerprint>,
    /// What kind of token was presented.
    pub token_kind: TokenKind,
}

impl From<Decision> for Decided {
    fn from(decision: Decision) -> Self {
        Self { decision, token: None, asked: false, revoked_by: None, token_kind: TokenKind::None }
    }
}

/// Decides a check.
pub fn decide<'a>(
    plan: Plan<'a>,
    facts: &Facts,
    world: World<'_>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Step<'a> {
    let Plan { input, route, token, .. } = plan;
    let token_kind = token.kind();
    let mut judge = Judge { input, route: &route, world, now, trail };
    let vouched = match token {
        Token::None => Break(judge.public().into()),
        Token::Unverified(token, presented) => {
            judge.signature(token, presented, facts).map_continue(|token| (token, presented))
        }
        Token::Known(token, presented) => {
            judge.vouched(token, presented).map_continue(|token| (token, presented))
        }
        Token::Verified(token, presented) => Break(judge.confirmation(token, presented, facts)),
        Token::Opaque(id, presented) => Break(judge.opaque(id, presented, facts)),
    };
    match vouched {
        Break(decided) => Step::Decided(Decided { token_kind, ..decided }),
        Continue((token, presented)) => {
            let need = Need::Introspection(token.issuer());
            let token = Token::Verified(token, presented);
            Step::More(Plan { input, doubted: world.doubts(route.rule), route, token, need })
        }
    }
}

/// What every part of a decision needs.
struct Judge<'a, 'w, T> {
    input: &'a CheckInput,
    route: &'w Route<'a>,
    world: World<'w>,
    now: UnixTime,
    trail: &'w mut T,
}

impl<'a, 'w, T: Trail> Judge<'a, 'w, T> {
    fn public(&mut self) -> Decision {
        match policy::grant_public(self.world.policy, self.route.rule, &self.input.headers) {
            Some(grant) => {
                let text = || "the rule is public: no credential is looked for".to_owned();
                self.trail.note(Stage::Policy, Verdict::Passed, text);
                Decision::Allow(grant)
            }
            None => self.deny(DenyReason::CredentialMissing),
        }
    }

    /// Goes on with a token that its issuer must be asked about.
    fn signature(
        &mut self,
        token: UnverifiedJwt<'a>,
        presented: PresentedToken<'_>,
        facts: &Facts,
    ) -> ControlFlow<Decided, Arc<VerifiedToken>> {
        let id = token.issuer();
        let keys = match facts {
            Facts::Keys(keys) => keys,
            other => return Break(self.without(id, other, Stage::Key, OutageReason::KeysMissing).into()),
        };
        let Some(issuer) = self.issuer(id) else { return Break(self.deny(DenyReason::IssuerUnknown).into()) };
        let token = match jwt::verify(token, issuer, keys, self.now, self.trail) {
            Ok(token) => Arc::new(token),
            Err(reason) => return Break(self.deny(reason).into()),
        };
        if let Some(known) = self.world.known {
            known.keep(presented, &token, keys);
        }
        self.vouched(token, presented)
    }

    /// Goes on with a token whose signature holds, if its issuer must be asked about it too.
    fn vouched(
        &mut self,
        token: Arc<VerifiedToken>,
        presented: PresentedToken<'_>,
    ) -> ControlFlow<Decided, Arc<VerifiedToken>> {
        let id = token.issuer();
        let Some(issuer) = self.issuer(id) else { return Break(self.deny(DenyReason::IssuerUnknown).into()) };
        let requirement = self.route.rule.requirement();
        let asked = requirement.is_some_and(|its| its.introspect != Introspect::WhenOpaque);
        let doubted = self.world.doubts(self.route.rule);
        match (asked || doubted, &issuer.introspection) {
            (false, _) => Break(self.finish(token, presented)),
            (true, Some(_)) => Continue(token),
            (true, None) if !asked => Break(self.stale(id).into()),
            (true, None) => {
                let reason = OutageReason::IntrospectionMissing;
                Break(self.unavailable(id, Stage::Introspection, reason).into())
            }
        }
    }

    fn confirmation(
        &mut self,
        token: Arc<VerifiedToken>,
        presented: PresentedToken<'_>,
        facts: &Facts,
    ) -> Decided {
        self.answered(token.issuer(), presented, facts, |answer, issuer, now, trail| {
            introspection::confirm(token, answer, issuer, now, trail)
        })
    }

    fn opaque(&mut self, id: IssuerId, presented: PresentedToken<'_>, facts: &Facts) -> Decided {
        self.answered(id, presented, facts, |answer, issuer, now, trail| {
            introspection::accept(answer, id, issuer, now, trail).map(Arc::new)
        })
    }

    fn answered(
        &mut self,
        id: IssuerId,
        presented: PresentedToken<'_>,
        facts: &Facts,
        judge: impl FnOnce(&Answer, &Issuer, UnixTime, &mut T) -> Result<Arc<VerifiedToken>, DenyReason>,
    ) -> Decided {
        let answer = match facts {
            Facts::Answer(answer) => answer,
            Facts::TooManyUnknownTokens => {
                let reason = DenyReason::TooManyUnknownTokens;
                self.trail.note(Stage::Introspection, Verdict::Refused, || reason.facts().meaning.to_owned());
                return self.deny(reason).into();
            }
            other => {
                let reason = OutageReason::IntrospectionMissing;
                return self.without(id, other, Stage::Introspection, reason).into();
            }
        };
        let Some(issuer) = self.issuer(id) else {
            return self.deny(DenyReason::IssuerUnknown).into();
        };
        match judge(answer, issuer, self.now, self.trail) {
            Ok(token) => Decided { asked: true, ..self.finish(token, presented) },
            Err(reason) => self.deny(reason).into(),
        }
    }

    /// The stages that every token passes, however it was vouched for.
    fn finish(&mut self, token: Arc<VerifiedToken>, presented: PresentedToken<'_>) -> Decided {
        let id = token.issuer();
        if self.world.when_stale(self.route.rule) == WhenStale::Deny {
            return self.stale(id).into();
        }
        let Some(issuer) = self.issuer(id) else { return self.deny(DenyReason::IssuerUnknown).into() };
        let screened =
            revocation::screen(token, issuer, presented.expose(), self.world.screen, self.now, self.trail);
        let screened = match screened {
            Ok(token) => token,
            Err(why) => return Decided { revoked_by: why.by, ..self.deny(why.reason).into() },
        };
        let token = match proof::check(screened, self.trail) {
            Ok(token) => token,
            Err(reason) => return self.deny(reason).into(),
        };
        let Route { rule, .. } = self.route;
        let request = self.route.facts(self.input);
        let granted = policy::evaluate(self.world, rule, &token, request, self.now, self.trail);
        let decision = granted.map_or_else(|reason| self.deny(reason), Decision::Allow);
        Decided { token: Some(token), ..decision.into() }
    }

    fn stale(&mut self, id: IssuerId) -> Decision {
        self.unavailable(id, Stage::Revocation, OutageReason::RevocationsStale)
    }

    fn issuer(&self, id: IssuerId) -> Option<&'w Issuer> {
        self.world.issuers.at(id)
    }

    fn deny(&self, reason: DenyReason) -> Decision {
        Decision::Deny(denial(reason, Some(self.route.rule)))
    }

    /// Facts of another kind than what was needed are as good as none.
    fn without(&mut self, id: IssuerId, facts: &Facts, stage: Stage, otherwise: OutageReason) -> Decision {
        let reason = if let Facts::Missing(reason) = facts { *reason } else { otherwise };
        self.unavailable(id, stage, reason)
    }

    fn unavailable(&mut self, id: IssuerId, stage: Stage, reason: OutageReason) -> Decision {
        self.trail.note(stage, Verdict::Unknown, || reason.meaning().to_owned());
        let issuer = self.issuer(id).map(|issuer| Arc::clone(&issuer.name));
        Decision::Unavailable(Outage { reason, rule: Some(Arc::clone(&self.route.rule.name)), issuer })
    }
}
