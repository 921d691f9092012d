//! Plans a check: which rule, which credential, which issuer, and what must be found out.

mod reading;

use std::sync::Arc;

use super::access_token::VerifiedToken;
use super::credential::{PresentedToken, TokenKind};
use super::decide::Decided;
use super::decision::{Decision, Denial, DenyReason, OutageReason};
use super::input::CheckInput;
use super::introspection::Answer;
use super::issuer::{IssuerId, Issuers, KnownKeys};
use super::jwt::UnverifiedJwt;
use super::known_tokens::KnownTokens;
use super::policy::{Introspect, Policy, Rule, Stale};
use super::resource::ProtectedResource;
use super::revocation::{Screen, WhenStale};
use super::route::{Place, Route, place, rule_for};
use super::trail::{Stage, Trail, Verdict};
use crate::jose::{KeySet, Lookup, UnixTime};

/// What a check is decided from: one consistent view for its whole life.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// The rules.
    pub policy: &'a Policy,
    /// The service as clients find it.
    pub resource: Option<&'a ProtectedResource>,
    /// Whom we trust.
    pub issuers: &'a Issuers,
    /// Their keys as last read.
    pub keys: &'a KnownKeys,
    /// What tokens are screened against, where anything is configured.
    pub screen: Option<Screen<'a>>,
    /// The tokens that verified lately, where they are kept.
    pub known: Option<&'a KnownTokens>,
    /// The longest token that is looked at, in bytes.
    pub max_token_bytes: usize,
}

/// How a request will be decided.
pub struct Plan<'a> {
    pub(super) input: &'a CheckInput,
    pub(super) route: Route<'a>,
    pub(super) token: Token<'a>,
    pub(super) need: Need,
    /// Whether revocations may be missing, so that only what the issuer says now counts.
    pub(super) doubted: bool,
}

/// What is known of the token so far.
pub(super) enum Token<'a> {
    /// The rule is public.
    None,
    /// A JWT whose signature is to be verified.
    Unverified(UnverifiedJwt<'a>, PresentedToken<'a>),
    /// A JWT that verified, and that its issuer is to be asked about.
    Verified(Arc<VerifiedToken>, PresentedToken<'a>),
    /// A JWT that verified before, with the keys that are known now.
    Known(Arc<VerifiedToken>, PresentedToken<'a>),
    /// A token that only its issuer can tell about.
    Opaque(IssuerId, PresentedToken<'a>),
}

impl Token<'_> {
    pub(super) const fn kind(&self) -> TokenKind {
        match self {
            Self::None => TokenKind::None,
            Self::Unverified(..) | Self::Verified(..) | Self::Known(..) => TokenKind::Jwt,
            Self::Opaque(..) => TokenKind::Opaque,
        }
    }
}

/// What must be found out before a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: the request is for a public rule, or its token verified before.
    Nothing,
    /// The issuer's keys as they are known.
    Keys(IssuerId),
    /// The issuer's keys, asked for anew: the token names one that is not known, or none are.
    FreshKeys(IssuerId),
    /// What the issuer says of the token.
    Introspection(IssuerId),
}

/// What was found out.
#[derive(Clone, Debug)]
pub enum Facts {
    /// Nothing was needed.
    Nothing,
    /// The issuer's keys.
    Keys(Arc<KeySet>),
    /// The issuer's answer about the token.
    Answer(Arc<Answer>),
    /// The issuer was not asked, because this client has made us ask too often.
    TooManyUnknownTokens,
    /// What was needed could not be had.
    Missing(OutageReason),
}

impl<'a> Plan<'a> {
    /// What must be found out.
    #[must_use]
    pub fn need(&self) -> Need {
        self.need
    }

    /// The token to ask the issuer about.
    #[must_use]
    pub fn presented(&self) -> Option<PresentedToken<'a>> {
        match &self.token {
            Token::None => None,
            Token::Unverified(_, presented)
            | Token::Verified(_, presented)
            | Token::Known(_, presented)
            | Token::Opaque(_, presented) => Some(*presented),
        }
    }

    /// Whether the token is a JWT whose signature holds.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        matches!(self.token, Token::Verified(..) | Token::Known(..))
    }

    /// The request.
    #[must_use]
    pub fn input(&self) -> &'a CheckInput {
        self.input
    }

    /// When the rule wants the issuer asked.
    #[must_use]
    pub fn introspect(&self) -> Introspect {
        if self.doubted {
            return Introspect::Always;
        }
        self.route.rule.requirement().map(|requirement| requirement.introspect).unwrap_or_default()
    }

    /// Whether the rule lets an older answer serve.
    #[must_use]
    pub fn stale(&self) -> Stale {
        if self.doubted {
            return Stale::Never;
        }
        self.route.rule.requirement().map(|requirement| requirement.stale).unwrap_or_default()
    }

    /// The `kid` of a token whose signature is to be verified, where it names one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        match &self.token {
            Token::Unverified(token, _) => token.kid(),
            Token::None | Token::Verified(..) | Token::Known(..) | Token::Opaque(..) => None,
        }
    }

    /// Whether this key set can tell about the token, so that asking for a newer one is not needed.
    #[must_use]
    pub fn is_answered_by(&self, keys: &KeySet) -> bool {
        match &self.token {
            Token::Unverified(token, _) => !matches!(token.lookup(keys), Lookup::Unknown),
            Token::None | Token::Verified(..) | Token::Known(..) | Token::Opaque(..) => true,
        }
    }
}

pub(super) fn denial(reason: DenyReason, rule: Option<&Rule>) -> Denial {
    Denial {
        reason,
        rule: rule.map(|rule| Arc::clone(&rule.name)),
        hints: rule.and_then(|rule| rule.hints.clone()),
    }
}

/// Plans a check.
///
/// # Errors
/// What the check came to, when it can be decided without knowing anything more.
#[expect(clippy::result_large_err, reason = "a plan is larger")]
pub fn plan<'a>(
    input: &'a CheckInput,
    world: World<'a>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<Plan<'a>, Decided> {
    let refused = |reason| Decided::from(Decision::Deny(denial(reason, None)));
    let place = place(input, world.policy.target_rules(), trail).map_err(refused)?;
    if let Some(document) = metadata(input, &place, world.resource, trail) {
        return Err(Decision::Answer(document).into());
    }
    let route = rule_for(place, input, world.policy, trail).map_err(refused)?;
    let refused = |(denial, token_kind)| Decided { token_kind, ..Decision::Deny(denial).into() };
    plan_for(route, input, world, now, trail).map_err(refused)
}

impl World<'_> {
    /// What holds for requests of this rule while revocations may be missing; now, so nothing where none are.
    pub(super) fn when_stale(&self, rule: &Rule) -> WhenStale {
        let asked = rule.requirement().and_then(|requirement| requirement.when_stale);
        self.screen.map(|screen| screen.when_stale(asked)).unwrap_or_default()
    }

    /// Whether a token's issuer must confirm it, because revocations may be missing.
    pub(super) fn doubts(&self, rule: &Rule) -> bool {
        self.when_stale(rule) == WhenStale::Introspect
    }
}

/// Plans a check of which the rule is known. A refusal says what kind of token was refused.
pub(super) fn plan_for<'a>(
    route: Route<'a>,
    input: &'a CheckInput,
    world: World<'a>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<Plan<'a>, (Denial, TokenKind)> {
    let (rule, Place { host, target }) = (route.rule, &route.place);
    let Some(requirement) = rule.requirement() else {
        return Ok(Plan { input, route, token: Token::None, need: Need::Nothing, doubted: false });
    };
    let refused = |reason, kind| (denial(reason, Some(rule)), kind);
    let presented =
        reading::presented(input, target, world, trail).map_err(|reason| refused(reason, TokenKind::None))?;
    let kind = TokenKind::of(presented);
    let token = reading::read(presented, kind, host, requirement, world, now, trail)
        .map_err(|reason| refused(reason, kind))?;
    let need = need(&token, world.keys, now);
    Ok(Plan { input, doubted: world.doubts(rule), route, token, need })
}

/// The metadata of the resource, if that is what is asked for: no rule and no credential have a say in it.
fn metadata(
    input: &CheckInput,
    place: &Place,
    resource: Option<&ProtectedResource>,
    trail: &mut impl Trail,
) -> Option<Arc<str>> {
    let document = resource?.answer(&place.host, &input.method, &place.target)?;
    let text =
        || "the protected resource metadata, which gatepost answers itself: no rule is tried".to_owned();
    trail.note(Stage::Route, Verdict::Passed, text);
    Some(document)
}

fn need(token: &Token<'_>, keys: &KnownKeys, now: UnixTime) -> Need {
    match token {
        Token::None | Token::Known(..) => Need::Nothing,
        Token::Unverified(token, _) => key_need(token, keys, now),
        Token::Verified(token, _) => Need::Introspection(token.issuer()),
        Token::Opaque(id, _) => Need::Introspection(*id),
    }
}

fn key_need(token: &UnverifiedJwt<'_>, keys: &KnownKeys, now: UnixTime) -> Need {
    let id = token.issuer();
    match keys.usable(id, now).map(|known| token.lookup(&known.set)) {
        Some(Lookup::Found(_) | Lookup::OtherAlgorithm) => Need::Keys(id),
        Some(Lookup::Unknown) | None => Need::FreshKeys(id),
    }
}
