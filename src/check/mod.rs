//! The request path: plan → gather → decide. Everything here is pure: no waiting, no clock, no network.
//!
//! [`plan`] finds the rule, the credential and the issuer, and says what must be known to decide.
//! Whoever can wait gathers that into [`Facts`]. [`decide`] verifies and evaluates. A [`Grant`] can be made
//! only from a [`proof::ProvenToken`], and that only from a [`access_token::VerifiedToken`], so the compiler refuses
//! a path that skips a stage.

pub mod access_token;
pub mod challenge;
pub mod credential;
pub mod decision;
pub mod input;
pub mod issuer;
pub mod jwt;
pub mod policy;
pub mod proof;
pub mod target;
pub mod trail;

use std::sync::Arc;

pub use decision::{Decision, Denial, DenyReason, Outage, OutageReason};
pub use input::{CheckInput, Headers};
pub use policy::Grant;

use crate::jose::{KeySet, Lookup, UnixTime};
use issuer::{IssuerId, Issuers, KnownKeys};
use jwt::UnverifiedJwt;
use policy::{Access, Policy, Rule};
use target::Target;
use trail::{Stage, Trail, Verdict};

/// What a check is decided from: one consistent view for its whole life.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// The rules.
    pub policy: &'a Policy,
    /// Whom we trust.
    pub issuers: &'a Issuers,
    /// Their keys as last read.
    pub keys: &'a KnownKeys,
    /// The longest token that is looked at, in bytes.
    pub max_token_bytes: usize,
}

/// How a request will be decided.
#[derive(Debug)]
pub struct Plan<'a> {
    input: &'a CheckInput,
    rule: &'a Rule,
    token: Option<UnverifiedJwt<'a>>,
    need: Need,
}

/// What must be found out before a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: the request is for a public rule.
    Nothing,
    /// The issuer's keys as they are known.
    Keys(IssuerId),
    /// The issuer's keys, asked for anew: the token names one that is not known, or none are.
    FreshKeys(IssuerId),
}

/// What was found out.
#[derive(Clone, Debug)]
pub enum Facts {
    /// Nothing was needed.
    Nothing,
    /// The issuer's keys.
    Keys(Arc<KeySet>),
    /// What was needed could not be had.
    Missing(OutageReason),
}

impl Plan<'_> {
    /// What must be found out.
    #[must_use]
    pub fn need(&self) -> Need {
        self.need
    }

    /// Whether this key set can tell about the token, so that asking for a newer one is not needed.
    #[must_use]
    pub fn is_answered_by(&self, keys: &KeySet) -> bool {
        self.token.as_ref().is_none_or(|token| !matches!(token.lookup(keys), Lookup::Unknown))
    }
}

fn denial(reason: DenyReason, rule: Option<&Rule>) -> Denial {
    Denial {
        reason,
        rule: rule.map(|rule| Arc::clone(&rule.name)),
        scope: rule.and_then(|rule| rule.challenge_scope().cloned()),
    }
}

/// Plans a check.
///
/// # Errors
/// The denial, when the request can be refused without knowing anything more.
pub fn plan<'a>(
    input: &'a CheckInput,
    world: World<'a>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<Plan<'a>, Denial> {
    let (target, rule) = route(input, world.policy, trail).map_err(|reason| denial(reason, None))?;
    if matches!(rule.access, Access::Public) {
        return Ok(Plan { input, rule, token: None, need: Need::Nothing });
    }
    let token = read_token(input, &target, world, now, trail).map_err(|reason| denial(reason, Some(rule)))?;
    let need = key_need(&token, world.keys, now);
    Ok(Plan { input, rule, token: Some(token), need })
}

fn route<'a>(
    input: &CheckInput,
    policy: &'a Policy,
    trail: &mut impl Trail,
) -> Result<(Target, &'a Rule), DenyReason> {
    let host = target::host(&input.host);
    let (Some(host), true) = (host, is_method(&input.method)) else {
        let text = || "the method or the host is malformed".to_owned();
        return Err(trail::refuse(trail, Stage::Route, DenyReason::RequestMalformed, text));
    };
    let target = Target::read(&input.target, policy.target_rules).map_err(|fault| {
        trail::refuse(trail, Stage::Route, DenyReason::PathAmbiguous, || {
            format!("the path is refused: {fault}")
        })
    })?;
    let rule = policy::route(policy, &host, &input.method, &target, trail).ok_or(DenyReason::NoRule)?;
    Ok((target, rule))
}

/// RFC 9110 §9.1: a method is a token.
fn is_method(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn read_token<'a>(
    input: &'a CheckInput,
    target: &Target,
    world: World<'_>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<UnverifiedJwt<'a>, DenyReason> {
    let token = credential::extract(&input.headers, target, world.max_token_bytes).map_err(|reason| {
        trail::refuse(trail, Stage::Credential, reason, || reason.facts().meaning.to_owned())
    })?;
    trail.note(Stage::Credential, Verdict::Passed, || {
        format!("one bearer token, {} bytes", token.expose().len())
    });
    jwt::read(token.expose(), world.issuers, now, trail)
}

fn key_need(token: &UnverifiedJwt<'_>, keys: &KnownKeys, now: UnixTime) -> Need {
    let id = token.issuer();
    match keys.of(id) {
        Some(known) if known.stale_at.is_none_or(|stale_at| now < stale_at) => match token.lookup(&known.set)
        {
            Lookup::Unknown => Need::FreshKeys(id),
            Lookup::Found(_) | Lookup::OtherAlgorithm => Need::Keys(id),
        },
        _ => Need::FreshKeys(id),
    }
}

/// Decides a check.
pub fn decide(
    plan: Plan<'_>,
    facts: &Facts,
    world: World<'_>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Decision {
    let Plan { input, rule, token, .. } = plan;
    let Some(token) = token else { return decide_public(input, rule, world, trail) };
    let keys = match facts {
        Facts::Keys(keys) => keys,
        Facts::Missing(reason) => return unavailable(rule, token.issuer(), *reason, world, trail),
        Facts::Nothing => return unavailable(rule, token.issuer(), OutageReason::KeysMissing, world, trail),
    };
    let Some(issuer) = world.issuers.at(token.issuer()) else {
        return Decision::Deny(denial(DenyReason::IssuerUnknown, Some(rule)));
    };
    jwt::verify(token, issuer, keys, now, trail)
        .and_then(|token| proof::check(token, trail))
        .and_then(|token| policy::evaluate(world.policy, rule, &token, &input.headers, trail))
        .map_or_else(|reason| Decision::Deny(denial(reason, Some(rule))), Decision::Allow)
}

fn decide_public(input: &CheckInput, rule: &Rule, world: World<'_>, trail: &mut impl Trail) -> Decision {
    match policy::grant_public(world.policy, rule, &input.headers) {
        Some(grant) => {
            trail.note(Stage::Policy, Verdict::Passed, || {
                "the rule is public: no credential is looked for".to_owned()
            });
            Decision::Allow(grant)
        }
        None => Decision::Deny(denial(DenyReason::CredentialMissing, Some(rule))),
    }
}

fn unavailable(
    rule: &Rule,
    id: IssuerId,
    reason: OutageReason,
    world: World<'_>,
    trail: &mut impl Trail,
) -> Decision {
    trail.note(Stage::Key, Verdict::Unknown, || reason.meaning().to_owned());
    let issuer = world.issuers.at(id).map(|issuer| Arc::clone(&issuer.name));
    Decision::Unavailable(Outage { reason, rule: Some(Arc::clone(&rule.name)), issuer })
}
