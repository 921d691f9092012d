//! Whether a proven token meets a rule, and the grant that follows: the only place that makes one.

use std::sync::Arc;

use serde_json::Value;

use super::forward::Missing;
use super::rule::{Access, Rule};
use super::{Forward, Policy, RequestFacts};
use crate::check::World;
use crate::check::access_token::VerifiedToken;
use crate::check::decision::DenyReason;
use crate::check::input::Headers;
use crate::check::proof::ProvenToken;
use crate::check::trail::{Stage, Trail, Verdict, refuse};
use crate::jose::UnixTime;

/// Permission to pass, with what Envoy must do to the request. Only this module makes one.
#[derive(Debug)]
pub struct Grant {
    rule: Arc<str>,
    set: Vec<(String, String)>,
    remove: Vec<String>,
    metadata: Vec<(String, Value)>,
    response_headers: Vec<(String, String)>,
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

    /// Values for Envoy's access log and its other filters.
    #[must_use]
    pub fn metadata(&self) -> &[(String, Value)] {
        &self.metadata
    }

    /// Headers to set on the answer to the client.
    #[must_use]
    pub fn response_headers(&self) -> &[(String, String)] {
        &self.response_headers
    }
}

/// The grant of a public rule; none when the rule asks for a token.
#[must_use]
pub fn grant_public(policy: &Policy, rule: &Rule, seen: &Headers) -> Option<Grant> {
    match rule.access {
        Access::Public => Some(Grant {
            rule: Arc::clone(&rule.name),
            set: Vec::new(),
            remove: policy.owned_headers().removals(&[], seen),
            metadata: Vec::new(),
            response_headers: Vec::new(),
        }),
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
    request: RequestFacts<'_>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<Grant, DenyReason> {
    let token = token.token();
    if let Access::Token(requirement) = &rule.access {
        requirement.check(token, world.issuers, request, now, trail)?;
    }
    let set = headers(&rule.forward, token, trail)?;
    let response_headers = headers(&rule.response_headers, token, trail)?;
    let metadata = metadata(&rule.metadata, token, trail)?;
    let remove = world.policy.owned_headers().removals(&set, request.headers);
    Ok(Grant { rule: Arc::clone(&rule.name), set, remove, metadata, response_headers })
}

fn headers(
    forwards: &[Forward],
    token: &VerifiedToken,
    trail: &mut impl Trail,
) -> Result<Vec<(String, String)>, DenyReason> {
    let mut set = Vec::with_capacity(forwards.len());
    for forward in forwards {
        let name = &forward.name;
        match forward.header_value(token) {
            Ok(Some(value)) => {
                trail.note(Stage::Forward, Verdict::Passed, || format!("{name}: {value}"));
                set.push((name.clone(), value));
            }
            Ok(None) => without(forward, trail)?,
            Err(fault) => {
                let text = || format!("{name} can't be set from the claim: {fault}");
                return Err(refuse(trail, Stage::Forward, DenyReason::ForwardRefused, text));
            }
        }
    }
    Ok(set)
}

fn metadata(
    forwards: &[Forward],
    token: &VerifiedToken,
    trail: &mut impl Trail,
) -> Result<Vec<(String, Value)>, DenyReason> {
    let mut set = Vec::with_capacity(forwards.len());
    for forward in forwards {
        match forward.json_value(token) {
            Some(value) => set.push((forward.name.clone(), value)),
            None => without(forward, trail)?,
        }
    }
    Ok(set)
}

fn without(forward: &Forward, trail: &mut impl Trail) -> Result<(), DenyReason> {
    let name = &forward.name;
    match forward.missing {
        Missing::Omit => {
            trail.note(Stage::Forward, Verdict::Noted, || format!("{name}: left out, no such claim"));
            Ok(())
        }
        Missing::Deny => Err(refuse(trail, Stage::Forward, DenyReason::ForwardMissing, || {
            format!("{name} must be set, and the token has no such claim")
        })),
    }
}
