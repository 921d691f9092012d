//! Verifies a JWT access token: form, issuer, type, algorithm and signature (RFC 9068 §4, RFC 8725).

use super::access_token::{self, VerifiedToken};
use super::decision::DenyReason;
use super::issuer::{Issuer, IssuerId, Issuers};
use super::trail::{Stage, Trail, Verdict, refuse, shown};
use crate::jose::{Algorithm, Jws, KeySet, Lookup, ParseFault, Shape, UnixTime, shape};

/// A JWT whose issuer, type and algorithm are acceptable. Its signature is not verified.
#[derive(Debug)]
pub struct UnverifiedJwt<'a> {
    jws: Jws<'a>,
    issuer: IssuerId,
    algorithm: Algorithm,
}

impl UnverifiedJwt<'_> {
    /// The issuer that it names.
    #[must_use]
    pub fn issuer(&self) -> IssuerId {
        self.issuer
    }

    /// The key that it names, if any.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.jws.header.kid.as_deref()
    }

    /// What this key set has for it.
    #[must_use]
    pub fn lookup<'k>(&self, keys: &'k KeySet) -> Lookup<'k> {
        keys.lookup(self.kid(), self.algorithm)
    }
}

/// Reads a token and chooses its issuer. What needs no key is refused here, so that no invented token makes
/// us ask an issuer.
///
/// # Errors
/// The first reason to refuse it.
pub fn read<'a>(
    token: &'a str,
    issuers: &Issuers,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<UnverifiedJwt<'a>, DenyReason> {
    let jws = parse(token, trail)?;
    let (issuer_id, issuer) = select(&jws, issuers, trail)?;
    let algorithm = acceptable(&jws, issuer, trail)?;
    access_token::check_times(&jws.claims, &issuer.profile, now, trail)?;
    Ok(UnverifiedJwt { jws, issuer: issuer_id, algorithm })
}

/// Looks again at a token that verified before: what it says has not changed, but it may have expired.
///
/// # Errors
/// When it has, or when its issuer is not trusted any longer.
pub(super) fn read_again(
    token: &VerifiedToken,
    issuers: &Issuers,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<(), DenyReason> {
    let issuer = issuers.at(token.issuer()).ok_or(DenyReason::IssuerUnknown)?;
    access_token::check_times(token.claims(), &issuer.profile, now, trail)?;
    for stage in [Stage::Token, Stage::Issuer, Stage::Signature, Stage::Claims] {
        let text = || format!("verified before, with the keys of \"{}\" that are known now", issuer.name);
        trail.note(stage, Verdict::Passed, text);
    }
    Ok(())
}

fn parse<'a>(token: &'a str, trail: &mut impl Trail) -> Result<Jws<'a>, DenyReason> {
    Jws::parse(token).map_err(|fault| {
        let reason = match (fault, shape(token)) {
            (ParseFault::Encrypted, Shape::Encrypted) => DenyReason::TokenEncrypted,
            (_, Shape::Jwt) => DenyReason::TokenMalformed,
            _ if token.split('.').count() == 3 => DenyReason::TokenMalformed,
            _ => DenyReason::TokenOpaque,
        };
        refuse(trail, Stage::Token, reason, || format!("not a signed JWT: it {fault}"))
    })
}

fn select<'i>(
    jws: &Jws<'_>,
    issuers: &'i Issuers,
    trail: &mut impl Trail,
) -> Result<(IssuerId, &'i Issuer), DenyReason> {
    let identifier = jws.claims.string("iss").ok().flatten();
    match identifier.and_then(|identifier| issuers.select(identifier)) {
        Some(found) => {
            trail.note(Stage::Issuer, Verdict::Passed, || {
                format!("\"{}\" ({})", found.1.name, found.1.identifier)
            });
            Ok(found)
        }
        None => Err(refuse(trail, Stage::Issuer, DenyReason::IssuerUnknown, || match identifier {
            Some(other) => format!("iss {other:?} is no configured issuer"),
            None => "iss is missing or is not a string".to_owned(),
        })),
    }
}

fn acceptable(jws: &Jws<'_>, issuer: &Issuer, trail: &mut impl Trail) -> Result<Algorithm, DenyReason> {
    let profile = &issuer.profile;
    let media_type = jws.header.media_type();
    if !profile.types.accepts(media_type.as_deref()) {
        return Err(refuse(trail, Stage::Token, DenyReason::TypeNotAccepted, || match &jws.header.typ {
            Some(typ) => format!("typ {typ:?} is no access token type of this issuer (token_types)"),
            None => "there is no typ, which this issuer's access tokens must have (token_types)".to_owned(),
        }));
    }
    let algorithm = Algorithm::from_name(&jws.header.alg).filter(|its| profile.algorithms.contains(its));
    let Some(algorithm) = algorithm else {
        return Err(refuse(trail, Stage::Token, DenyReason::AlgorithmNotAccepted, || {
            let allowed: Vec<_> = profile.algorithms.iter().map(|its| its.name()).collect();
            format!("alg {:?} is not one of the issuer's: {}", jws.header.alg, allowed.join(", "))
        }));
    };
    trail.note(Stage::Token, Verdict::Passed, || {
        format!(
            "JWT, typ {}, alg {algorithm}, kid {}",
            shown(jws.header.typ.as_deref()),
            shown(jws.header.kid.as_deref())
        )
    });
    Ok(algorithm)
}

/// Verifies signature and claims.
///
/// # Errors
/// The first reason to refuse it.
pub fn verify(
    token: UnverifiedJwt<'_>,
    issuer: &Issuer,
    keys: &KeySet,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<VerifiedToken, DenyReason> {
    let candidates = match token.lookup(keys) {
        Lookup::Found(candidates) => candidates,
        Lookup::OtherAlgorithm => {
            let text = || format!("the key is not for {}", token.algorithm);
            return Err(refuse(trail, Stage::Key, DenyReason::AlgorithmNotAccepted, text));
        }
        Lookup::Unknown => {
            let known = || keys.keys().iter().map(|key| key.label()).collect::<Vec<_>>().join(", ");
            let text = || {
                format!(
                    "kid {} is not published; the issuer has: {}",
                    shown(token.jws.header.kid.as_deref()),
                    known()
                )
            };
            return Err(refuse(trail, Stage::Key, DenyReason::KeyUnknown, text));
        }
    };
    let signer = candidates.iter().find(|key| key.verifies(&token.jws, token.algorithm));
    let Some(signer) = signer else {
        let tried = || candidates.iter().map(|key| key.label()).collect::<Vec<_>>().join(", ");
        return Err(refuse(trail, Stage::Signature, DenyReason::SignatureInvalid, || {
            format!("not made by key {}", tried())
        }));
    };
    trail.note(Stage::Signature, Verdict::Passed, || format!("made by key {}", signer.label()));
    let accepted = access_token::accept(token.issuer, token.jws.claims, &issuer.profile, now, trail)?;
    // The key's own name: a header need not tell it.
    Ok(accepted.signed_by(signer.kid()))
}
