//! A token that revocation does not stand against: the only way from a verified token to a proof of possession.

use std::sync::Arc;

use super::fingerprint::Fingerprint;
use super::terms::Screen;
use crate::check::access_token::VerifiedToken;
use crate::check::decision::DenyReason;
use crate::check::issuer::Issuer;
use crate::check::trail::Trail;
use crate::jose::UnixTime;

/// A verified token that was screened, where there is anything to screen it against.
#[derive(Debug)]
pub struct Screened(Arc<VerifiedToken>);

impl Screened {
    pub(super) fn by_marks(token: Arc<VerifiedToken>) -> Self {
        Self(token)
    }

    /// The token.
    pub(in crate::check) fn into_token(self) -> Arc<VerifiedToken> {
        self.0
    }
}

/// Why a token does not pass the screen.
#[derive(Clone, Copy, Debug)]
pub(in crate::check) struct Refused {
    /// Why.
    pub(in crate::check) reason: DenyReason,
    /// The mark that fits it.
    pub(in crate::check) by: Option<Fingerprint>,
}

/// Screens a token; without `revocation` in the configuration there is nothing to screen it against.
///
/// # Errors
/// When it is revoked.
pub(in crate::check) fn screen(
    token: Arc<VerifiedToken>,
    issuer: &Issuer,
    presented: &str,
    against: Option<Screen<'_>>,
    now: UnixTime,
    trail: &mut impl Trail,
) -> Result<Screened, Refused> {
    match against {
        Some(against) => against.check(token, issuer, presented, now, trail),
        None => Ok(Screened(token)),
    }
}
