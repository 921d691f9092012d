//! Whether a proven token meets a rule, and the grant that follows: the only place that makes one.

use std::sync::Arc;

use super::rule::{Access, Requirement, Rule};
use super::{Forward, Policy};
use crate::check::World;
use crate::check::access_token::VerifiedToken;
use crate::check::decision::DenyReason;
use crate::check::input::Headers;
use crate::check::issuer::Issuers;
use crate::check::proof::ProvenToken;
use crate::check::trail::{Stage, Trail, Verdict, refuse};

/// Permission to pass, with what Envoy must do to the request. Only this module makes one.
#[derive(Debug)]
pub struct Grant {
    rule: Arc<str>,
    set: Vec<(String, String)>,
    remove: Vec<String>,
}

impl Grant {
    /// The name of the rule that allowed it.
    #[must_use]
    pub fn rule(&self) -> &Arc<str> {
        &self.rule
    }

    /// Headers to overwrite.
    #[must_use]
    pub fn set(&self) -> &[(String, String)] {
        &self.set
    }

    /// Headers to take off; none of them is in [`Grant::set`], because Envoy removes last.
    #[must_use]
    pub fn remove(&self) -> &[String] {
        &self.remove
    }
}

/// The grant of a public rule; none when the rule asks for a token.
#[must_use]
pub fn grant_public(policy: &Policy, rule: &Rule, seen: &Headers) -> Option<Grant> {
    match rule.access {
        Access::Public => Some(grant(policy, rule, Vec::new(), seen)),
        Access::Token(_) => None,
    }
}

/// Evaluates a rule for a token.
///
/// # Errors
/// The first requirement that is not met.
pub fn evaluate(
    world: World<'_>,
    rule: &Rule,
    token: &ProvenToken,
    seen: &Headers,
    trail: &mut impl Trail,
) -> Result<Grant, DenyReason> {
    let token = token.token();
    if let Access::Token(requirement) = &rule.access {
        comes_from_named_issuer(requirement, token, world.issuers, trail)?;
        meets(requirement, token, trail)?;
    }
    let set = forward(&rule.forward, token, trail)?;
    Ok(grant(world.policy, rule, set, seen))
}

fn comes_from_named_issuer(
    requirement: &Requirement,
    token: &VerifiedToken,
    issuers: &Issuers,
    trail: &mut impl Trail,
) -> Result<(), DenyReason> {
    let named = &requirement.issuers;
    let issuer = issuers.at(token.issuer()).map(|issuer| &issuer.name);
    if named.is_empty() || issuer.is_some_and(|issuer| named.contains(issuer)) {
        return Ok(());
    }
    Err(refuse(trail, Stage::Policy, DenyReason::IssuerMismatch, || {
        format!(
            "the rule wants a token of {named:?}; this one is of {:?}",
            issuer.map(AsRef::as_ref).unwrap_or("")
        )
    }))
}

fn meets(requirement: &Requirement, token: &VerifiedToken, trail: &mut impl Trail) -> Result<(), DenyReason> {
    let wanted = &requirement.audiences;
    if !wanted.is_empty() && !token.audiences().any(|audience| wanted.iter().any(|its| its == audience)) {
        return Err(refuse(trail, Stage::Policy, DenyReason::AudienceMismatch, || {
            format!(
                "the rule wants an audience of {wanted:?}; the token has {:?}",
                token.audiences().collect::<Vec<_>>()
            )
        }));
    }
    if let Some(missing) = requirement.scopes.missing(token.scopes()) {
        return Err(refuse(trail, Stage::Policy, DenyReason::ScopeInsufficient, || {
            format!("scope {missing} is required; the token has {:?}", token.scopes())
        }));
    }
    trail.note(Stage::Policy, Verdict::Passed, || format!("scopes {:?} are enough", token.scopes()));
    Ok(())
}

fn forward(
    forwards: &[Forward],
    token: &VerifiedToken,
    trail: &mut impl Trail,
) -> Result<Vec<(String, String)>, DenyReason> {
    let mut set = Vec::with_capacity(forwards.len());
    for Forward { header, source } in forwards {
        match source.value(token) {
            Ok(Some(value)) => {
                trail.note(Stage::Forward, Verdict::Passed, || format!("{header}: {value}"));
                set.push((header.clone(), value));
            }
            Ok(None) => {
                trail.note(Stage::Forward, Verdict::Noted, || format!("{header}: left out, no such claim"))
            }
            Err(fault) => {
                let text = || format!("{header} can't be set from the claim: {fault}");
                return Err(refuse(trail, Stage::Forward, DenyReason::ForwardRefused, text));
            }
        }
    }
    Ok(set)
}

fn grant(policy: &Policy, rule: &Rule, set: Vec<(String, String)>, seen: &Headers) -> Grant {
    let remove = policy.owned_headers.removals(&set, seen);
    Grant { rule: Arc::clone(&rule.name), set, remove }
}
