//! What a rule requires of a token beyond being a good access token, and whether one meets it.

use std::sync::Arc;

use super::RequestFacts;
use super::authentication::Authentication;
use super::claim::ClaimRequirement;
use super::condition::Condition;
use crate::check::access_token::VerifiedToken;
use crate::check::decision::DenyReason;
use crate::check::issuer::Issuers;
use crate::check::revocation::WhenStale;
use crate::check::trail::{Stage, Trail, Verdict, refuse, shown};
use crate::jose::UnixTime;

/// What a rule requires of a token. What is empty requires nothing.
#[derive(Debug, Default)]
pub struct Requirement {
    /// The names of the issuers whose tokens are accepted.
    pub issuers: Vec<Arc<str>>,
    /// Audiences of which the token must have at least one, besides those of its issuer.
    pub audiences: Vec<String>,
    /// The clients that it may have been issued to.
    pub clients: Vec<String>,
    /// The subjects that it may be about.
    pub subjects: Vec<String>,
    /// The scopes.
    pub scopes: ScopeRequirement,
    /// Other claims; all of these.
    pub claims: Vec<ClaimRequirement>,
    /// How the person behind it must have authenticated.
    pub authentication: Option<Authentication>,
    /// An expression that must hold.
    pub condition: Option<Arc<Condition>>,
    /// Whether the issuer is asked about a token that verifies by itself.
    pub introspect: Introspect,
    /// Whether an older answer may serve while the issuer can't be asked.
    pub stale: Stale,
    /// What happens while revocations may be missing, where that is stricter than what holds for all.
    pub when_stale: Option<WhenStale>,
}

impl Requirement {
    /// Checks a token, from what makes it the wrong token to what another one of the same kind could have.
    ///
    /// # Errors
    /// The first part that is not met.
    pub(in crate::check) fn check(
        &self,
        token: &VerifiedToken,
        issuers: &Issuers,
        request: RequestFacts<'_>,
        now: UnixTime,
        trail: &mut impl Trail,
    ) -> Result<(), DenyReason> {
        self.check_issuer(token, issuers, trail)?;
        self.check_audience(token, trail)?;
        check_listed("client", &self.clients, token.client(), DenyReason::ClientNotAccepted, trail)?;
        check_listed("subject", &self.subjects, token.subject(), DenyReason::SubjectNotAccepted, trail)?;
        self.check_scopes(token, trail)?;
        self.check_claims(token, trail)?;
        self.check_authentication(token, now, trail)?;
        self.check_condition(token, request, now, trail)
    }

    fn check_issuer(
        &self,
        token: &VerifiedToken,
        issuers: &Issuers,
        trail: &mut impl Trail,
    ) -> Result<(), DenyReason> {
        let issuer = issuers.at(token.issuer()).map(|issuer| &issuer.name);
        if self.issuers.is_empty() || issuer.is_some_and(|issuer| self.issuers.contains(issuer)) {
            return Ok(());
        }
        Err(refuse(trail, Stage::Policy, DenyReason::IssuerMismatch, || {
            let issuer = issuer.map(AsRef::as_ref).unwrap_or("");
            format!("the rule wants a token of {:?}; this one is of {issuer:?}", self.issuers)
        }))
    }

    fn check_audience(&self, token: &VerifiedToken, trail: &mut impl Trail) -> Result<(), DenyReason> {
        let wanted = &self.audiences;
        if wanted.is_empty() || token.audiences().any(|audience| wanted.iter().any(|its| its == audience)) {
            return Ok(());
        }
        Err(refuse(trail, Stage::Policy, DenyReason::AudienceMismatch, || {
            let audiences = token.audiences().collect::<Vec<_>>();
            format!("the rule wants an audience of {wanted:?}; the token has {audiences:?}")
        }))
    }

    fn check_scopes(&self, token: &VerifiedToken, trail: &mut impl Trail) -> Result<(), DenyReason> {
        if let Some(missing) = self.scopes.missing(token.scopes()) {
            return Err(refuse(trail, Stage::Policy, DenyReason::ScopeInsufficient, || {
                format!("scope {missing} is required; the token has {:?}", token.scopes())
            }));
        }
        trail.note(Stage::Policy, Verdict::Passed, || format!("scopes {:?} are enough", token.scopes()));
        Ok(())
    }

    fn check_claims(&self, token: &VerifiedToken, trail: &mut impl Trail) -> Result<(), DenyReason> {
        for claim in &self.claims {
            if let Some(test) = claim.unmet(token.claims()) {
                return Err(refuse(trail, Stage::Policy, DenyReason::ClaimUnmet, || {
                    let found = claim.path.found(token.claims());
                    format!("claim {} must be {test}; the token has {found}", claim.path.text())
                }));
            }
            trail.note(Stage::Policy, Verdict::Passed, || {
                format!("claim {} is as required", claim.path.text())
            });
        }
        Ok(())
    }

    fn check_authentication(
        &self,
        token: &VerifiedToken,
        now: UnixTime,
        trail: &mut impl Trail,
    ) -> Result<(), DenyReason> {
        let Some(authentication) = &self.authentication else { return Ok(()) };
        if let Some(unmet) = authentication.unmet(token.claims(), now) {
            return Err(refuse(trail, Stage::Policy, DenyReason::AuthenticationInsufficient, || unmet));
        }
        trail.note(Stage::Policy, Verdict::Passed, || {
            "the authentication is strong and recent enough".to_owned()
        });
        Ok(())
    }

    fn check_condition(
        &self,
        token: &VerifiedToken,
        request: RequestFacts<'_>,
        now: UnixTime,
        trail: &mut impl Trail,
    ) -> Result<(), DenyReason> {
        let Some(condition) = &self.condition else { return Ok(()) };
        let text = condition.text();
        match condition.holds(token, request, now) {
            Ok(true) => {
                trail.note(Stage::Policy, Verdict::Passed, || format!("condition holds: {text}"));
                Ok(())
            }
            Ok(false) => Err(refuse(trail, Stage::Policy, DenyReason::ConditionUnmet, || {
                format!("condition does not hold: {text}")
            })),
            Err(fault) => Err(refuse(trail, Stage::Policy, DenyReason::ConditionFailed, || {
                format!("condition fails: {fault}: {text}")
            })),
        }
    }
}

fn check_listed(
    what: &str,
    accepted: &[String],
    found: Option<&str>,
    reason: DenyReason,
    trail: &mut impl Trail,
) -> Result<(), DenyReason> {
    if accepted.is_empty() {
        return Ok(());
    }
    if found.is_some_and(|found| accepted.iter().any(|its| its == found)) {
        trail.note(Stage::Policy, Verdict::Passed, || format!("{what} {} is accepted", shown(found)));
        return Ok(());
    }
    Err(refuse(trail, Stage::Policy, reason, || {
        format!("the rule wants a {what} of {accepted:?}; the token has {}", shown(found))
    }))
}

/// When an issuer is asked about a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Introspect {
    /// When the token is opaque.
    #[default]
    WhenOpaque,
    /// For every token; a recent answer is enough.
    Cached,
    /// For every token, each time.
    Always,
}

/// Whether an older answer may serve while the issuer can't be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stale {
    /// As the issuer's configuration says.
    #[default]
    AsConfigured,
    /// Never, whatever the issuer's configuration says.
    Never,
}

/// Which scopes are enough.
#[derive(Clone, Debug, Default)]
pub struct ScopeRequirement {
    /// Each of these.
    pub all: Vec<String>,
    /// At least one of these, where there are any.
    pub any: Vec<String>,
}

impl ScopeRequirement {
    /// Both lists in the form of the challenge's `scope` attribute (RFC 6750 §3).
    #[must_use]
    pub fn challenge(&self) -> Option<String> {
        let named: Vec<_> = self.all.iter().chain(&self.any).map(String::as_str).collect();
        (!named.is_empty()).then(|| named.join(" "))
    }

    /// What is missing of these scopes, in words; none when they are enough.
    #[must_use]
    pub fn missing(&self, granted: &[String]) -> Option<String> {
        let has = |scope: &String| granted.contains(scope);
        if let Some(scope) = self.all.iter().find(|scope| !has(scope)) {
            return Some(format!("`{scope}`"));
        }
        let met = self.any.is_empty() || self.any.iter().any(has);
        (!met).then(|| format!("one of `{}`", self.any.join("`, `")))
    }
}

/// RFC 6749 §3.3: one scope, without blanks, quotes or backslashes.
#[must_use]
pub fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn all_and_any_are_both_asked() {
        let requirement = ScopeRequirement { all: strings(&["a"]), any: strings(&["b", "c"]) };
        assert_eq!(requirement.missing(&strings(&["a", "c"])), None);
        assert_eq!(requirement.missing(&strings(&["b"])).as_deref(), Some("`a`"));
        assert_eq!(requirement.missing(&strings(&["a"])).as_deref(), Some("one of `b`, `c`"));
        assert_eq!(ScopeRequirement::default().missing(&[]), None);
    }

    #[test]
    fn scopes_compare_whole_and_with_case() {
        let requirement = ScopeRequirement { all: strings(&["orders:read"]), any: vec![] };
        for granted in ["orders:rea", "orders:read2", "Orders:Read", "orders", ""] {
            assert!(requirement.missing(&strings(&[granted])).is_some(), "{granted}");
        }
    }

    #[test]
    fn knows_scope_tokens() {
        assert!(is_scope_token("https://a/b.c:d") && is_scope_token("!"));
        for text in ["", "a b", "a\"", "a\\", "é", "a\n"] {
            assert!(!is_scope_token(text), "{text}");
        }
    }
}
