//! What a token says of itself. It is not verified: whoever revokes it need not know whether it is genuine.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

use super::Arguments;
use super::aim::{Aim, Kept, named, names};
use crate::check::credential::is_token68;
use crate::check::revocation::{Notice, RevocationClaims, Target};
use crate::cli::terminal::{read_token, visible};
use crate::config::{Config, RevocationSettings, TrustedIssuer};
use crate::jose::{Algorithm, Claims, Jws, KeyType, Shape, UnixTime, shape};
use crate::secret::Secret;

/// The token in a file.
///
/// # Errors
/// Why it can't be revoked by itself, and what can be done instead.
pub(super) fn aim(
    arguments: &Arguments,
    file: &Path,
    config: &Config,
    settings: &RevocationSettings,
    now: UnixTime,
) -> Result<Aim, String> {
    let token = Secret::new(read_token(file)?);
    let reading = Reading { arguments, config, settings, now };
    let aim = match shape(token.expose()) {
        _ if !is_token68(token.expose()) => {
            Err("there is not one token in it: write the token alone, without `Bearer`".to_owned())
        }
        Shape::Opaque => reading.opaque(&token),
        Shape::Jwt => reading.jwt(&token),
        Shape::Encrypted => Err("the token is encrypted, and such ones are refused anyway".to_owned()),
    };
    aim.map_err(|why| format!("--token-file: {}", visible(&why)))
}

struct Reading<'a> {
    arguments: &'a Arguments,
    config: &'a Config,
    settings: &'a RevocationSettings,
    now: UnixTime,
}

impl Reading<'_> {
    fn opaque(&self, token: &Secret) -> Result<Aim, String> {
        let name = self.arguments.issuer.as_deref();
        let trusted = name.map(|name| named(name, &self.config.issuers)).transpose()?;
        Ok(self.by_digest(token, trusted, None))
    }

    fn jwt(&self, token: &Secret) -> Result<Aim, String> {
        let jws = Jws::parse(token.expose()).map_err(|fault| format!("the token {fault}"))?;
        let trusted = self.issuer_of(&jws.claims)?;
        let expires_at = jws.claims.time("exp").map_err(|fault| fault.to_string())?;
        if self.arguments.by_digest {
            return match Algorithm::from_name(&jws.header.alg).map(Algorithm::key_type) {
                Some(KeyType::Ec(_)) => Err(MALLEABLE.to_owned()),
                _ => Ok(self.by_digest(token, Some(trusted), expires_at)),
            };
        }
        let jti = jws.claims.string("jti").map_err(|fault| fault.to_string())?;
        let jti = jti.ok_or_else(|| self.without_jti(trusted, &jws.claims))?;
        let issuer = trusted.issuer.identifier.as_str();
        let mut aim = self.aim(&Target::Token { issuer, jti }, Some(trusted), expires_at);
        aim.remarks.insert(0, UNVERIFIED.to_owned());
        Ok(aim)
    }

    fn by_digest(
        &self,
        token: &Secret,
        trusted: Option<&TrustedIssuer>,
        expires_at: Option<UnixTime>,
    ) -> Aim {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, token.expose().as_bytes()).as_ref());
        self.aim(&Target::TokenDigest(&sha256), trusted, expires_at)
    }

    fn aim(&self, target: &Target<'_>, trusted: Option<&TrustedIssuer>, expires_at: Option<UnixTime>) -> Aim {
        let lifetimes = &self.settings.terms.lifetimes;
        let lifetime =
            trusted.map_or(lifetimes.longest(), |trusted| lifetimes.of(&trusted.issuer.identifier));
        // Rounded up, so that the message says exactly what is shown.
        let expiry = expires_at.map(|time| UnixTime::from_seconds((time.as_millis() + 999).div_euclid(1000)));
        let end = expiry.unwrap_or(self.now.plus(lifetime));
        let expired = expires_at.filter(|time| *time <= self.now);
        Aim {
            notice: Notice::new(target, None, Some(end)),
            issuer: trusted.map(|trusted| trusted.issuer.name.to_string()),
            claims: RevocationClaims::default(),
            kept: if expires_at.is_some() { Kept::UntilExpiry } else { Kept::Lifetime(lifetime) },
            remarks: expired
                .map(|time| format!("the token says that it expired at {time}"))
                .into_iter()
                .collect(),
        }
    }

    /// Whose token it says it is; whoever revokes may say it too.
    fn issuer_of(&self, claims: &Claims) -> Result<&TrustedIssuer, String> {
        let issuers = &self.config.issuers;
        let iss = claims.string("iss").map_err(|fault| fault.to_string())?.ok_or("the token has no `iss`")?;
        let trusted = issuers.iter().find(|trusted| trusted.issuer.identifier == iss);
        let trusted = trusted.ok_or_else(|| {
            format!(
                "the token is of {iss}, which is no issuer here ({}): it is refused anyway",
                names(issuers)
            )
        })?;
        match self.arguments.issuer.as_deref() {
            Some(name) if *name != *trusted.issuer.name => {
                Err(format!("the token is of \"{}\", and --issuer says \"{name}\"", trusted.issuer.name))
            }
            _ => Ok(trusted),
        }
    }

    fn without_jti(&self, trusted: &TrustedIssuer, claims: &Claims) -> String {
        let usual = RevocationClaims::default();
        let names = self.settings.terms.claims.get(&trusted.issuer.identifier).unwrap_or(&usual);
        let text = |name: &str| claims.string(name).ok().flatten();
        let session = text(&names.session).map(|session| format!("--session '{session}'"));
        let subject = text("sub").map(|subject| format!("--subject '{subject}'"));
        let ways: Vec<_> = session.into_iter().chain(subject).chain(["--by-digest".to_owned()]).collect();
        format!("the token has no `jti`, so it can't be named. Revoke with {}", ways.join(", or "))
    }
}

const UNVERIFIED: &str = "the token was not verified: this is what it says of itself";

/// Who has `(r, s)` has `(r, n - s)` too, and both verify.
const MALLEABLE: &str = "an ECDSA signature can be rewritten by whoever holds the token, and then has another \
                         SHA-256. Revoke without --by-digest";
