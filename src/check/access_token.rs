//! The claims of an access token (RFC 9068 §4, RFC 8725), whatever vouched for them. The only maker of
//! [`VerifiedToken`]; only [`super::jwt`] calls it, after the signature, and [`super::introspection`], after an
//! issuer's answer. [`super::replay`], which grants nothing, makes one of what was recorded.

use serde_json::Value;

use super::decision::DenyReason;
use super::issuer::{Audiences, IssuerId, Presence, TokenProfile, TokenTypes};
use super::policy::is_scope_token;
use super::trail::{Stage, Trail, Verdict, refuse, shown};
use crate::jose::{ClaimFault, Claims, OneOrMany, UnixTime};

/// A token whose signature and claims hold.
#[derive(Clone, Debug)]
pub struct VerifiedToken {
    issuer: IssuerId,
    claims: Claims,
    client: Option<String>,
    scopes: Vec<String>,
    key: Option<String>,
}

impl VerifiedToken {
    /// What was recorded of a token that had been verified.
    pub(super) fn recorded(
        issuer: IssuerId,
        claims: Claims,
        client: Option<String>,
        scopes: Vec<String>,
    ) -> Self {
        Self { issuer, claims, client, scopes, key: None }
    }

    /// A token with these claims, for tests of what comes later.
    #[cfg(test)]
    pub(crate) fn of_claims(claims: Value) -> Self {
        let Value::Object(members) = claims else { panic!("claims are an object") };
        let issuer = IssuerId::numbered(0);
        Self { issuer, claims: Claims::new(members), client: None, scopes: Vec::new(), key: None }
    }

    /// The issuer whose key signed it.
    #[must_use]
    pub fn issuer(&self) -> IssuerId {
        self.issuer
    }

    /// All claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The client it was issued to.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// Whom it is about.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.claims.string("sub").ok().flatten()
    }

    /// The `kid` of the key that signed it, where one did.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// This token, which the key with this `kid` signed.
    pub(super) fn signed_by(self, kid: Option<&str>) -> Self {
        Self { key: kid.map(str::to_owned), ..self }
    }

    /// This token, with only those of its scopes that are also in `others`.
    pub(super) fn narrowed_to(&self, others: &[String]) -> Self {
        let scopes = self.scopes.iter().filter(|scope| others.contains(scope)).cloned().collect();
        Self { scopes, ..self.clone() }
    }

    /// About as many bytes as it takes in memory.
    pub(super) fn weight(&self) -> usize {
        self.claims.weight()
            + self.scopes.iter().map(|scope| scope.len() + size_of::<String>()).sum::<usize>()
    }

    /// The scopes granted.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The audiences it is meant for.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        self.claims.one_or_many("aud").ok().flatten().into_iter().flat_map(OneOrMany::iter)
    }
}

/// Checks the claims of a token that its issuer has vouched for.
///
/// # Errors
/// The first reason to refuse it.
pub(super) fn accept(
    issuer: IssuerId,
    claims: Claims,
    profile: &TokenProfile,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<VerifiedToken, DenyReason> {
    check_times(&claims, profile, now, trail)?;
    check_kind(&claims, trail)?;
    check_present(&claims, profile, trail)?;
    check_audience(&claims, profile, trail)?;
    check_required_values(&claims, profile, trail)?;
    let client = client(&claims, profile, trail)?;
    let scopes = scopes(&claims, profile).map_err(|fault| malformed(trail, &fault))?;
    trail.note(Stage::Claims, Verdict::Passed, || summary(&claims, client.as_deref()));
    Ok(VerifiedToken { issuer, client, scopes, claims, key: None })
}

fn summary(claims: &Claims, client: Option<&str>) -> String {
    let until = claims.time("exp").ok().flatten().map(|exp| exp.to_string()).unwrap_or_default();
    let subject = claims.string("sub").ok().flatten();
    format!(
        "an access token for this service: subject {}, client {}, valid until {until}",
        shown(subject),
        shown(client)
    )
}

fn malformed(trail: &mut impl Trail, fault: &ClaimFault) -> DenyReason {
    refuse(trail, Stage::Claims, DenyReason::ClaimMalformed, || fault.to_string())
}

/// RFC 7519 §4.1.4 to §4.1.6. A token from the future could dodge a revocation by time, so `iat` is held to
/// the clock too.
pub(super) fn check_times(
    claims: &Claims,
    profile: &TokenProfile,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<(), DenyReason> {
    match claims.time("exp").map_err(|fault| malformed(trail, &fault))? {
        None if profile.expiry == Presence::Required => return Err(missing(trail, "exp")),
        Some(expires) if now >= expires.plus(profile.expiry_leeway) => {
            return Err(refuse(trail, Stage::Claims, DenyReason::TokenExpired, || {
                format!("exp {expires} has passed; it is {now}")
            }));
        }
        None | Some(_) => {}
    }
    for name in ["nbf", "iat"] {
        let time = claims.time(name).map_err(|fault| malformed(trail, &fault))?;
        if let Some(time) = time.filter(|time| *time > now.plus(profile.leeway)) {
            return Err(refuse(trail, Stage::Claims, DenyReason::TokenNotYetValid, || {
                format!("{name} {time} is in the future; it is {now}, leeway {:?}", profile.leeway)
            }));
        }
    }
    Ok(())
}

fn missing(trail: &mut impl Trail, name: &str) -> DenyReason {
    refuse(trail, Stage::Claims, DenyReason::ClaimMissing, || format!("{name} is missing"))
}

/// Claims that only other kinds of JWT have. They tell an ID token (OpenID Connect Core §3.1.3.6, §3.3.2.11) or
/// a security event (RFC 8417 §2.2) from an access token, whatever the `typ` says.
const FOREIGN_CLAIMS: [&str; 6] = ["at_hash", "c_hash", "s_hash", "events", "token_introspection", "htu"];

fn check_kind(claims: &Claims, trail: &mut impl Trail) -> Result<(), DenyReason> {
    match FOREIGN_CLAIMS.into_iter().find(|name| claims.raw(name).is_some()) {
        None => Ok(()),
        Some(name) => Err(refuse(trail, Stage::Claims, DenyReason::NotAnAccessToken, || {
            format!("claim {name} belongs to another kind of token")
        })),
    }
}

/// Presence of what must be there, and the type of what is there (RFC 9068 §2.2).
fn check_present(claims: &Claims, profile: &TokenProfile, trail: &mut impl Trail) -> Result<(), DenyReason> {
    for name in ["iss", "sub", "jti"] {
        claims.string(name).map_err(|fault| malformed(trail, &fault))?;
    }
    match profile.mandatory_claims.iter().find(|name| claims.raw(name).is_none()) {
        Some(name) => Err(missing(trail, name)),
        None => Ok(()),
    }
}

/// RFC 9068 §4, RFC 8725 §3.9.
pub(super) fn check_audience(
    claims: &Claims,
    profile: &TokenProfile,
    trail: &mut impl Trail,
) -> Result<(), DenyReason> {
    // Some servers write an empty list where a token is for nobody in particular.
    let for_nobody = claims.raw("aud").and_then(Value::as_array).is_some_and(Vec::is_empty);
    if profile.audiences == Audiences::Any && for_nobody {
        return Ok(());
    }
    let audiences = claims.one_or_many("aud").map_err(|fault| malformed(trail, &fault))?;
    let Audiences::OneOf(accepted) = &profile.audiences else { return Ok(()) };
    let Some(audiences) = audiences else { return Err(missing(trail, "aud")) };
    if audiences.iter().any(|audience| accepted.iter().any(|its| its == audience)) {
        return Ok(());
    }
    Err(refuse(trail, Stage::Claims, DenyReason::AudienceMismatch, || {
        format!("meant for {:?}; accepted here: {accepted:?}", audiences.iter().collect::<Vec<_>>())
    }))
}

fn check_required_values(
    claims: &Claims,
    profile: &TokenProfile,
    trail: &mut impl Trail,
) -> Result<(), DenyReason> {
    for (name, accepted) in &profile.required_values {
        match claims.raw(name) {
            Some(value) if accepted.contains(value) => {}
            Some(_) => {
                return Err(refuse(trail, Stage::Claims, DenyReason::RequiredClaimMismatch, || {
                    format!("{name} is none of {}", Value::from(accepted.clone()))
                }));
            }
            None => return Err(missing(trail, name)),
        }
    }
    Ok(())
}

/// Two claims that name different clients refuse the token: which of them was meant can't be told.
fn client(
    claims: &Claims,
    profile: &TokenProfile,
    trail: &mut impl Trail,
) -> Result<Option<String>, DenyReason> {
    let mut client: Option<&str> = None;
    for name in &profile.client_claims {
        let Some(named) = claims.string(name).map_err(|fault| malformed(trail, &fault))? else { continue };
        if client.is_some_and(|client| client != named) {
            return Err(refuse(trail, Stage::Claims, DenyReason::ClaimMalformed, || {
                format!("the client claims {:?} disagree", profile.client_claims)
            }));
        }
        client = Some(named);
    }
    Ok(client.map(str::to_owned))
}

/// The union of all scope claims. `scope` is one string (RFC 9068 §2.2.3, RFC 6749 §3.3), and for an issuer
/// that follows RFC 9068 nothing else; what others call theirs may be a list, in which entries that are no
/// scopes grant nothing.
fn scopes(claims: &Claims, profile: &TokenProfile) -> Result<Vec<String>, ClaimFault> {
    let mut granted: Vec<String> = Vec::new();
    for name in &profile.scope_claims {
        let malformed = || ClaimFault { claim: name.clone(), wanted: "a list of scopes (RFC 6749 §3.3)" };
        let strict = name == "scope" && profile.types == TokenTypes::STRICT;
        match claims.raw(name) {
            None => {}
            Some(Value::String(text)) => {
                let found: Vec<_> = text.split(' ').filter(|scope| !scope.is_empty()).collect();
                if !found.iter().all(|scope| is_scope_token(scope)) {
                    return Err(malformed());
                }
                granted.extend(found.into_iter().map(str::to_owned));
            }
            Some(Value::Array(list)) if !strict => {
                let found =
                    list.iter().map(Value::as_str).collect::<Option<Vec<_>>>().ok_or_else(malformed)?;
                granted.extend(found.into_iter().filter(|text| is_scope_token(text)).map(str::to_owned));
            }
            Some(Value::Null) if !strict => {}
            Some(_) => return Err(malformed()),
        }
    }
    Ok(granted)
}
