//! Judges a recorded request again. What was verified then counts as verified: signature, times and proof are not in
//! a record. It can allow nothing: a replay never makes a grant.

use std::sync::Arc;

use super::access_token::{self, VerifiedToken};
use super::decision::DenyReason;
use super::input::CheckInput;
use super::plan::World;
use super::policy::{Introspect, Reads, Requirement, Rule};
use super::record::{Record, RecordedToken};
use super::resource::ProtectedResource;
use super::route::{Route, place, rule_for};
use super::trail::{Stage, Trail, Verdict, refuse};
use crate::jose::{Claims, UnixTime};

/// What a recorded request would come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The rule that would apply.
    pub rule: Option<Arc<str>>,
    /// The answer.
    pub outcome: ReplayOutcome,
}

/// The answer to a recorded request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayOutcome {
    /// It would pass.
    Allow,
    /// gatepost would answer it itself.
    Answer,
    /// It would be refused, for the reason with this label.
    Deny(String),
    /// The record does not have this.
    Unknown(&'static str),
}

impl ReplayOutcome {
    /// `allow`, `answer`, `deny` or `unknown`.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Answer => "answer",
            Self::Deny(_) => "deny",
            Self::Unknown(_) => "unknown",
        }
    }

    /// The reason, or what is missing; empty for an allow.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Allow | Self::Answer => "",
            Self::Deny(reason) => reason,
            Self::Unknown(why) => why,
        }
    }
}

/// Judges a record as of `now`.
pub fn replay(record: &Record, world: World<'_>, now: UnixTime, trail: &mut impl Trail) -> Replayed {
    let input = record.input();
    if record.request.hidden {
        return Replayed { rule: None, outcome: not_recorded("all of method, host and path", trail) };
    }
    if world.policy.has_preflights()
        && input.method == "OPTIONS"
        && !record.request.headers.contains_key("origin")
    {
        return Replayed { rule: None, outcome: not_recorded("the headers of CORS preflights", trail) };
    }
    let place = match place(&input, world.policy.target_rules(), trail) {
        Ok(place) => place,
        Err(reason) => return Replayed { rule: None, outcome: denied(reason) },
    };
    let answers = |resource: &ProtectedResource| resource.answer(&place.host, &input.method, &place.target);
    if world.resource.and_then(answers).is_some() {
        let text = || "gatepost answers with the resource's metadata".to_owned();
        trail.note(Stage::Route, Verdict::Passed, text);
        return Replayed { rule: None, outcome: ReplayOutcome::Answer };
    }
    match rule_for(place, &input, world.policy, trail) {
        Ok(route) => Replayed {
            rule: Some(Arc::clone(&route.rule.name)),
            outcome: judge(record, &input, &route, world, now, trail),
        },
        Err(reason) => Replayed { rule: None, outcome: denied(reason) },
    }
}

fn denied(reason: DenyReason) -> ReplayOutcome {
    ReplayOutcome::Deny(reason.label().to_owned())
}

fn judge(
    record: &Record,
    input: &CheckInput,
    route: &Route<'_>,
    world: World<'_>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> ReplayOutcome {
    let Some(requirement) = route.rule.requirement() else {
        trail.note(Stage::Policy, Verdict::Passed, || "the rule is public".to_owned());
        return ReplayOutcome::Allow;
    };
    match &record.token {
        Some(token) if !token.has_client() && !requirement.clients.is_empty() => {
            not_recorded("the client, which is hashed", trail)
        }
        Some(token) if !is_recorded(record, token, route) => {
            not_recorded("a claim or header that the rule reads", trail)
        }
        Some(token) => match with_token(token, requirement, route, input, world, now, trail) {
            Ok(()) if requirement.introspect != Introspect::WhenOpaque && !token.confirmed => {
                not_recorded("what the issuer says of the token", trail)
            }
            Ok(()) if record.reason == DenyReason::ForwardRefused.label() => {
                not_recorded("the claim that could not be forwarded", trail)
            }
            Ok(()) => ReplayOutcome::Allow,
            Err(reason) => denied(reason),
        },
        // Whatever was wrong with the credential is still wrong.
        None if record.outcome == "deny" && stays_wrong(&record.reason) => {
            let reason = record.reason.clone();
            trail.note(Stage::Credential, Verdict::Refused, || format!("as it was recorded: {reason}"));
            ReplayOutcome::Deny(reason)
        }
        None => not_recorded("the token", trail),
    }
}

/// Whether a credential that was refused for this reason is refused under every configuration. An issuer, an
/// audience or a limit can be another one; a broken or expired token can't.
fn stays_wrong(reason: &str) -> bool {
    const ALWAYS: [DenyReason; 11] = [
        DenyReason::CredentialMissing,
        DenyReason::CredentialRepeated,
        DenyReason::CredentialMalformed,
        DenyReason::TokenEncrypted,
        DenyReason::TokenMalformed,
        DenyReason::NotAnAccessToken,
        DenyReason::SignatureInvalid,
        DenyReason::TokenExpired,
        DenyReason::TokenInactive,
        DenyReason::TokenBound,
        DenyReason::TokenRevoked,
    ];
    ALWAYS.iter().any(|always| always.label() == reason)
}

/// Only what policies read is recorded, and another policy may read more.
fn is_recorded(record: &Record, token: &RecordedToken, route: &Route<'_>) -> bool {
    let reads = Reads::of_rule(route.rule);
    token.has_claims_for(&reads) && record.request.has_headers_for(&reads)
}

fn not_recorded(what: &'static str, trail: &mut impl Trail) -> ReplayOutcome {
    trail.note(Stage::Policy, Verdict::Unknown, || format!("the record does not have {what}"));
    ReplayOutcome::Unknown(what)
}

fn with_token(
    recorded: &RecordedToken,
    requirement: &Requirement,
    route: &Route<'_>,
    input: &CheckInput,
    world: World<'_>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<(), DenyReason> {
    let issuer = world.issuers.iter().find(|(_, issuer)| *issuer.name == *recorded.issuer);
    let Some((id, issuer)) = issuer else {
        return Err(refuse(trail, Stage::Issuer, DenyReason::IssuerUnknown, || {
            format!("no issuer is called {:?}", recorded.issuer)
        }));
    };
    let text = || format!("{:?}; signature, times and proof held when it was recorded", issuer.name);
    trail.note(Stage::Issuer, Verdict::Passed, text);
    let claims = Claims::new(recorded.claims.clone());
    access_token::check_audience(&claims, &issuer.profile, trail)?;
    let token = VerifiedToken::recorded(id, claims, recorded.client.clone(), recorded.scopes.clone());
    requirement.check(&token, world.issuers, route.facts(input), now, trail)?;
    let Rule { forward, metadata, response_headers, .. } = route.rule;
    match forward.iter().chain(metadata).chain(response_headers).find(|forward| forward.is_missed(&token)) {
        None => Ok(()),
        Some(missed) => Err(refuse(trail, Stage::Forward, DenyReason::ForwardMissing, || {
            format!("{} must be set, and the token has no such claim", missed.name)
        })),
    }
}
