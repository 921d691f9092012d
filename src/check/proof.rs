//! Proof of possession: whether whoever presents a token may use it.

use std::sync::Arc;

use super::access_token::VerifiedToken;
use super::decision::DenyReason;
use super::revocation::Screened;
use super::trail::{Stage, Trail, Verdict, refuse};

/// A token whose bearer is entitled to it.
#[derive(Debug)]
pub struct ProvenToken(Arc<VerifiedToken>);

impl ProvenToken {
    /// The token.
    #[must_use]
    pub fn token(&self) -> &VerifiedToken {
        &self.0
    }
}

/// Checks a token presented as a plain bearer token.
///
/// # Errors
/// When it is bound to a key or a certificate: whatever the binding is, a bearer has not proved it
/// (RFC 9449 §7.2, RFC 8705 §3, RFC 7800 §3).
pub fn check(token: Screened, trail: &mut impl Trail) -> Result<ProvenToken, DenyReason> {
    let token = token.into_token();
    if token.claims().raw("cnf").is_some() {
        return Err(refuse(trail, Stage::Proof, DenyReason::TokenBound, || {
            "the token has cnf, and a plain bearer token proves nothing".to_owned()
        }));
    }
    trail.note(Stage::Proof, Verdict::Passed, || "a bearer token, not bound to a key".to_owned());
    Ok(ProvenToken(token))
}
