//! What the detectors look at of a check that is over.

use core::net::IpAddr;
use std::sync::Arc;

use super::Held;
use crate::check::issuer::Issuers;
use crate::check::{CheckInput, Decided, Decision, DenyReason};

/// One check that is over.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Where it came from.
    pub source: Option<IpAddr>,
    /// The certificate that the client showed.
    pub certificate: Option<&'a str>,
    /// The token as presented.
    pub token: Option<&'a [u8]>,
    /// Whose it is, where it was good.
    pub holder: Option<Holder<'a>>,
    /// Why it was refused, where it was.
    pub refused: Option<DenyReason>,
    /// The rule that applied.
    pub rule: Option<&'a Arc<str>>,
}

/// Whose a token is.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// The configured name of its issuer.
    pub issuer: &'a Arc<str>,
    /// The client it was issued to.
    pub client: Option<&'a str>,
    /// Whom it is about.
    pub subject: Option<&'a str>,
}

impl Holder<'_> {
    pub(super) fn held(self) -> Held {
        let Self { issuer, client, subject } = self;
        Held {
            issuer: Arc::clone(issuer),
            client: client.map(str::to_owned),
            subject: subject.map(str::to_owned),
        }
    }
}

impl<'a> Seen<'a> {
    /// What there is to look at.
    #[must_use]
    pub fn of(input: &'a CheckInput, decided: &'a Decided, issuers: &'a Issuers) -> Self {
        let token = decided.token.as_ref().map(|proven| proven.token());
        let holder = token.and_then(|token| {
            let issuer = &issuers.at(token.issuer())?.name;
            Some(Holder { issuer, client: token.client(), subject: token.subject() })
        });
        Self {
            source: input.source,
            certificate: input.certificate.as_deref(),
            token: presented(input),
            holder,
            refused: match &decided.decision {
                Decision::Deny(denial) => Some(denial.reason),
                Decision::Allow(_) | Decision::Unavailable(_) | Decision::Answer(_) => None,
            },
            rule: decided.decision.rule(),
        }
    }

    /// What tells a token from another one. Of a JWT, all but the signature: from an ECDSA signature anybody can make
    /// a second one that verifies, and would have another token each time.
    pub(super) fn signed_part(&self) -> &'a [u8] {
        let token = self.token.unwrap_or_default();
        let looks_like_a_jwt = token.first() == Some(&b'e');
        let end = token.iter().rposition(|byte| *byte == b'.').filter(|_| looks_like_a_jwt);
        let signed = end.and_then(|end| token.get(..end));
        signed.filter(|signed| signed.iter().filter(|byte| **byte == b'.').count() == 1).unwrap_or(token)
    }
}

/// The token after the scheme in the one `Authorization` field that a request with a good token has.
fn presented(input: &CheckInput) -> Option<&[u8]> {
    let field = input.headers.all("authorization").next()?;
    let scheme = field.iter().position(|byte| *byte == b' ')?;
    Some(field.get(scheme..)?.trim_ascii_start())
}
