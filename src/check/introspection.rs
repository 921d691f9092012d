//! What an issuer's introspection endpoint says of a token (RFC 7662, RFC 9701), read and judged.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::access_token::{self, VerifiedToken};
use super::decision::DenyReason;
use super::issuer::{Audiences, Introspection, Issuer, IssuerId, Presence};
use super::trail::{Stage, Trail, Verdict, refuse, shown};
use crate::jose::{Algorithm, Claims, Jws, KeySet, Limits, Lookup, UnixTime, object};

/// What the issuer says of a token.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is not active. Why is not said (RFC 7662 §2.2).
    Inactive,
    /// It is active, with these claims.
    Active(Claims),
}

/// Why a text is no answer. It says nothing about the token, so it is an outage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerFault {
    /// Not an object with a boolean `active`.
    #[error("the answer is not a JSON object with a boolean `active`")]
    NoActive,
    /// A signed answer was required, and this one is not.
    #[error("the answer is not signed (RFC 9701), as `signed: required` wants it")]
    Unsigned,
    /// Not a well-formed JWT of this type.
    #[error("the signed answer is not a JWT of type token-introspection+jwt")]
    NotASignedAnswer,
    /// Its signature does not hold.
    #[error("the signed answer was not made by a key of the issuer")]
    Signature,
    /// It is from another issuer, for another client, or not of now.
    #[error("the signed answer's {0} is not what it must be")]
    Claim(&'static str),
}

/// Reads a plain answer (RFC 7662 §2.2).
///
/// # Errors
/// When it is not one.
pub fn read(body: &[u8]) -> Result<Answer, AnswerFault> {
    object(body, Limits::TOKEN).map_err(|_| AnswerFault::NoActive).and_then(from_members)
}

fn from_members(members: Map<String, Value>) -> Result<Answer, AnswerFault> {
    match members.get("active") {
        Some(Value::Bool(true)) => Ok(Answer::Active(Claims::new(members))),
        Some(Value::Bool(false)) => Ok(Answer::Inactive),
        _ => Err(AnswerFault::NoActive),
    }
}

/// How far a signed answer's `iat` may be from now, in seconds: it was made for this very question.
const SIGNED_ANSWER_WINDOW: std::time::Duration = std::time::Duration::from_secs(60);

/// Reads a signed answer (RFC 9701 §5) made for this client.
///
/// # Errors
/// When it is not one that this issuer made, just now, for this client.
pub fn read_signed(
    body: &[u8],
    issuer: &Issuer,
    client_id: &str,
    keys: &KeySet,
    now: UnixTime,
) -> Result<Answer, AnswerFault> {
    let text = std::str::from_utf8(body).map_err(|_| AnswerFault::NotASignedAnswer)?;
    let jws = Jws::parse(text.trim_end()).map_err(|_| AnswerFault::NotASignedAnswer)?;
    // RFC 9701 §5, RFC 8725 §3.11: no other kind of JWT can stand for an answer.
    if jws.header.media_type().as_deref() != Some("token-introspection+jwt") {
        return Err(AnswerFault::NotASignedAnswer);
    }
    let algorithm = Algorithm::from_name(&jws.header.alg).ok_or(AnswerFault::Signature)?;
    let Lookup::Found(candidates) = keys.lookup(jws.header.kid.as_deref(), algorithm) else {
        return Err(AnswerFault::Signature);
    };
    if !candidates.iter().any(|key| key.verifies(&jws, algorithm)) {
        return Err(AnswerFault::Signature);
    }
    check_envelope(&jws.claims, issuer, client_id, now)?;
    match jws.claims.raw("token_introspection") {
        Some(Value::Object(members)) => from_members(members.clone()),
        _ => Err(AnswerFault::NoActive),
    }
}

fn check_envelope(
    claims: &Claims,
    issuer: &Issuer,
    client_id: &str,
    now: UnixTime,
) -> Result<(), AnswerFault> {
    if claims.string("iss") != Ok(Some(issuer.identifier.as_str())) {
        return Err(AnswerFault::Claim("iss"));
    }
    let audiences = claims.one_or_many("aud").ok().flatten();
    if !audiences.is_some_and(|audiences| audiences.iter().any(|audience| audience == client_id)) {
        return Err(AnswerFault::Claim("aud"));
    }
    let made = claims.time("iat").ok().flatten().ok_or(AnswerFault::Claim("iat"))?;
    if made > now.plus(SIGNED_ANSWER_WINDOW) || now > made.plus(SIGNED_ANSWER_WINDOW) {
        return Err(AnswerFault::Claim("iat"));
    }
    match claims.time("exp") {
        Ok(None) => Ok(()),
        Ok(Some(expires)) if now < expires => Ok(()),
        Ok(Some(_)) | Err(_) => Err(AnswerFault::Claim("exp")),
    }
}

/// Judges an answer about an opaque token, as the claims of a JWT are judged.
///
/// # Errors
/// The first reason to refuse the token.
pub fn accept(
    answer: &Answer,
    id: IssuerId,
    issuer: &Issuer,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<VerifiedToken, DenyReason> {
    let (claims, introspection) = active(answer, issuer, trail)?;
    judge(claims, id, issuer, introspection, now, trail)
}

fn active<'a>(
    answer: &'a Answer,
    issuer: &'a Issuer,
    trail: &mut impl Trail,
) -> Result<(&'a Claims, &'a Introspection), DenyReason> {
    let (Answer::Active(claims), Some(introspection)) = (answer, &issuer.introspection) else {
        let text = || format!("\"{}\" says that the token is not active", issuer.name);
        return Err(refuse(trail, Stage::Introspection, DenyReason::TokenInactive, text));
    };
    Ok((claims, introspection))
}

fn judge(
    claims: &Claims,
    id: IssuerId,
    issuer: &Issuer,
    introspection: &Introspection,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<VerifiedToken, DenyReason> {
    check_issuer(claims, issuer, trail)?;
    check_token_type(claims, introspection, trail)?;
    let text = || format!("\"{}\" says that the token is active", issuer.name);
    trail.note(Stage::Introspection, Verdict::Passed, text);
    access_token::accept(id, claims.clone(), &introspection.profile, now, trail)
}

/// What the JWT has proved itself need not be said again (RFC 7662 §2.2): only what is said must fit.
fn what_is_said(introspection: &Introspection, claims: &Claims) -> Introspection {
    let mut said = introspection.clone();
    said.token_type = Presence::Optional;
    said.profile.required_values.retain(|(name, _)| claims.raw(name).is_some());
    if claims.raw("aud").is_none() {
        said.profile.audiences = Audiences::Any;
    }
    said
}

/// Confirms a JWT that verified: it must be active too, be about the same subject, and have no more scopes
/// than the issuer says now.
///
/// # Errors
/// The first reason to refuse the token.
pub fn confirm(
    token: Arc<VerifiedToken>,
    answer: &Answer,
    issuer: &Issuer,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<Arc<VerifiedToken>, DenyReason> {
    let (claims, introspection) = active(answer, issuer, trail)?;
    let said = what_is_said(introspection, claims);
    let confirmed = judge(claims, token.issuer(), issuer, &said, now, trail)?;
    let subject = |token: &VerifiedToken| token.claims().string("sub").ok().flatten().map(str::to_owned);
    if let (Some(said), Some(signed)) = (subject(&confirmed), subject(&token))
        && said != signed
    {
        let text = || format!("the answer is about subject {said:?}, the token about {signed:?}");
        return Err(refuse(trail, Stage::Introspection, DenyReason::ClaimMalformed, text));
    }
    if confirmed.claims().raw("cnf").is_some() && token.claims().raw("cnf").is_none() {
        // The stricter of the two holds; proof::check refuses it.
        return Ok(Arc::new(confirmed));
    }
    let names_scopes = issuer.profile.scope_claims.iter().any(|name| confirmed.claims().raw(name).is_some());
    Ok(if names_scopes { Arc::new(token.narrowed_to(confirmed.scopes())) } else { token })
}

/// RFC 7662 §2.2: `iss` is optional; one that is there must be the issuer that was asked.
fn check_issuer(claims: &Claims, issuer: &Issuer, trail: &mut impl Trail) -> Result<(), DenyReason> {
    match claims.string("iss") {
        Ok(None) => Ok(()),
        Ok(Some(named)) if named == issuer.identifier => Ok(()),
        Ok(Some(_)) | Err(_) => Err(refuse(trail, Stage::Introspection, DenyReason::IssuerUnknown, || {
            "the answer names another issuer than the one that was asked".to_owned()
        })),
    }
}

/// A refresh token is active too, and some servers say so to whoever asks: only an access token's type passes.
fn check_token_type(
    claims: &Claims,
    introspection: &Introspection,
    trail: &mut impl Trail,
) -> Result<(), DenyReason> {
    let text =
        |name: &str| claims.raw(name).map(|value| value.as_str().unwrap_or_default().to_ascii_lowercase());
    let kind = text("token_type");
    let type_fits = match kind.as_deref() {
        None => introspection.token_type == Presence::Optional,
        Some(kind) => matches!(kind, "bearer" | "access_token" | "dpop"),
    };
    let usage = text("token_use");
    let use_fits = usage.as_deref().is_none_or(|usage| matches!(usage, "access" | "access_token"));
    // Keycloak's answers repeat the token's own `typ`.
    let own_type_fits =
        text("typ").is_none_or(|own| !matches!(own.as_str(), "refresh" | "offline" | "id" | "logout"));
    let bound = kind.as_deref() != Some("dpop") || claims.raw("cnf").is_some();
    if type_fits && use_fits && own_type_fits && bound {
        return Ok(());
    }
    Err(refuse(trail, Stage::Introspection, DenyReason::NotAnAccessToken, || {
        format!(
            "token_type {}, token_use {}: not an access token",
            shown(kind.as_deref()),
            shown(usage.as_deref())
        )
    }))
}
