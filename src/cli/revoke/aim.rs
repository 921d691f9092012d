//! What is to be revoked, from the words of the command line.

use std::path::PathBuf;
use std::time::Duration;

use super::{Arguments, token};
use crate::check::revocation::{Notice, RevocationClaims, Target};
use crate::config::{Config, RevocationSettings, TrustedIssuer};
use crate::jose::UnixTime;

/// What is revoked: one of these.
#[derive(clap::Args, Debug)]
#[group(id = "target", required = true, multiple = false)]
pub(super) struct TargetArguments {
    /// Revoke the token with this `jti`.
    #[arg(long, value_name = "JTI")]
    pub(super) jti: Option<String>,
    /// Revoke the token in this file (`-` for standard input): a JWT by its issuer and `jti`, any other by its SHA-256.
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// Revoke the tokens of this session.
    #[arg(long, value_name = "SID")]
    pub(super) session: Option<String>,
    /// Revoke the tokens of this subject that were issued until --before.
    #[arg(long, value_name = "SUB")]
    pub(super) subject: Option<String>,
    /// Revoke the tokens of this client that were issued until --before.
    #[arg(long, value_name = "CLIENT_ID")]
    pub(super) client: Option<String>,
    /// Revoke the tokens of this grant.
    #[arg(long, value_name = "GRANT")]
    pub(super) grant: Option<String>,
    /// Revoke all tokens that this key signed, new ones included.
    #[arg(long, value_name = "KID")]
    pub(super) key: Option<String>,
    /// Revoke ALL tokens of the issuer that were issued until --before.
    #[arg(long)]
    pub(super) all: bool,
}

/// What is to be revoked, and what there is to say of it.
pub(super) struct Aim {
    pub(super) notice: Notice,
    /// The issuer's name; none for a digest.
    pub(super) issuer: Option<String>,
    /// What its tokens call sessions and grants.
    pub(super) claims: RevocationClaims,
    pub(super) kept: Kept,
    /// What whoever revokes should know besides.
    pub(super) remarks: Vec<String>,
}

/// How long sidecars keep the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// As long as the token lives.
    UntilExpiry,
    /// As long as any token that fits can live.
    Lifetime(Duration),
}

impl Aim {
    /// Reads what is to be revoked.
    ///
    /// # Errors
    /// Why nothing is, in words without a token.
    pub(super) fn take(
        arguments: &Arguments,
        config: &Config,
        settings: &RevocationSettings,
        now: UnixTime,
    ) -> Result<Self, String> {
        let now = whole_second(now);
        let mut aim = match &arguments.target.token_file {
            Some(file) => token::aim(arguments, file, config, settings, now)?,
            None => Self::named(arguments, config, settings, now)?,
        };
        let claims = aim.notice.issuer().and_then(|issuer| settings.terms.claims.get(issuer));
        aim.claims = claims.cloned().unwrap_or_default();
        if matches!(aim.notice.target(), Target::Grant { .. }) && aim.claims.grant.is_none() {
            aim.remarks.push(NO_GRANTS.to_owned());
        }
        Ok(aim)
    }

    /// What the command line names.
    fn named(
        arguments: &Arguments,
        config: &Config,
        settings: &RevocationSettings,
        now: UnixTime,
    ) -> Result<Self, String> {
        let trusted = only_or_named(arguments.issuer.as_deref(), &config.issuers)?;
        let issuer = trusted.issuer.identifier.as_str();
        let lifetime = settings.terms.lifetimes.of(issuer);
        let before = arguments.before.map(|time| whole_second(UnixTime::from_millis(time.as_millisecond())));
        let target = target(&arguments.target, issuer).ok_or("name what to revoke")?;
        let (at, expires_at) = match target {
            Target::Token { .. } => (None, Some(now.plus(lifetime))),
            Target::Key { .. } => (None, None),
            _ => (Some(before.unwrap_or(now)), None),
        };
        Ok(Self {
            notice: Notice::new(&target, at, expires_at),
            issuer: Some(trusted.issuer.name.to_string()),
            claims: RevocationClaims::default(),
            kept: Kept::Lifetime(lifetime),
            remarks: Vec::new(),
        })
    }
}

const NO_GRANTS: &str = "it hits nothing where this configuration is used: `revocation.issuers` gives this issuer no \
                         `grant_claim`, so no token is known to be of a grant";

fn target<'a>(arguments: &'a TargetArguments, issuer: &'a str) -> Option<Target<'a>> {
    let TargetArguments { jti, session, subject, client, grant, key, all, token_file: _ } = arguments;
    let targets = [
        jti.as_deref().map(|jti| Target::Token { issuer, jti }),
        session.as_deref().map(|sid| Target::Session { issuer, sid }),
        grant.as_deref().map(|grant| Target::Grant { issuer, grant }),
        key.as_deref().map(|kid| Target::Key { issuer, kid }),
        subject.as_deref().map(|subject| Target::Subject { issuer, subject }),
        client.as_deref().map(|client| Target::Client { issuer, client }),
        all.then_some(Target::Issuer(issuer)),
    ];
    targets.into_iter().flatten().next()
}

/// The issuer with this name, or the only one.
fn only_or_named<'a>(name: Option<&str>, issuers: &'a [TrustedIssuer]) -> Result<&'a TrustedIssuer, String> {
    match (name, issuers) {
        (None, [only]) => Ok(only),
        (None, _) => Err(format!("--issuer: say whose tokens: {}", names(issuers))),
        (Some(name), _) => named(name, issuers),
    }
}

/// The issuer with this name.
pub(super) fn named<'a>(name: &str, issuers: &'a [TrustedIssuer]) -> Result<&'a TrustedIssuer, String> {
    let found = issuers.iter().find(|trusted| &*trusted.issuer.name == name);
    found.ok_or_else(|| format!("--issuer: \"{name}\" is none of {}", names(issuers)))
}

pub(super) fn names(issuers: &[TrustedIssuer]) -> String {
    issuers.iter().map(|trusted| trusted.issuer.name.as_ref()).collect::<Vec<_>>().join(", ")
}

/// Marks count in whole seconds.
fn whole_second(time: UnixTime) -> UnixTime {
    UnixTime::from_seconds(time.as_millis().div_euclid(1000))
}
