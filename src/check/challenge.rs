//! The `WWW-Authenticate` challenge (RFC 6750 §3, RFC 9110 §11.6.1): all that the client hears.

use super::decision::Denial;

/// What a client that is refused may be told beside the error code; but for `retry_after`, prepared when a rule is
/// compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// The scopes that would be enough (RFC 6750 §3.1).
    pub scope: Option<String>,
    /// How one would have to authenticate: `acr_values` and `max_age`, as attributes (RFC 9470 §3).
    pub authentication: Option<String>,
    /// Where the resource describes itself (RFC 9728 §5.1).
    pub resource_metadata: Option<String>,
    /// After how many seconds it may ask again (RFC 9110 §10.2.3).
    pub retry_after: Option<u64>,
}

/// The challenge for a denial, where one is due.
#[must_use]
pub fn challenge(denial: &Denial) -> Option<String> {
    let facts = denial.reason.facts();
    if !facts.challenge {
        return None;
    }
    let none = Hints::default();
    let hints = denial.hints.as_deref().unwrap_or(&none);
    let scope = hints.scope.as_deref().filter(|_| facts.error == Some("insufficient_scope"));
    let strength = hints.authentication.as_deref();
    let strength = strength.filter(|_| facts.error == Some("insufficient_user_authentication"));
    let named = [
        ("error", facts.error),
        ("error_description", denial.reason.description()),
        ("scope", scope),
        ("resource_metadata", hints.resource_metadata.as_deref()),
    ];
    // Values are our own texts, and scopes, classes and URLs that were checked: none has `"` or `\\`.
    let named = named.into_iter().filter_map(|(name, value)| Some(format!("{name}=\"{}\"", value?)));
    let attributes: Vec<_> = named.chain(strength.map(str::to_owned)).collect();
    Some(format!("Bearer {}", attributes.join(", ")).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::decision::DenyReason;
    use super::*;

    fn text(reason: DenyReason) -> Option<String> {
        let hints = Hints {
            scope: Some("orders:read orders:write".into()),
            authentication: Some("acr_values=\"mfa\", max_age=\"300\"".into()),
            ..Hints::default()
        };
        challenge(&Denial { reason, rule: None, hints: Some(hints.into()) })
    }

    #[test]
    fn says_what_rfc_6750_asks_and_no_more() {
        assert_eq!(text(DenyReason::CredentialMissing).as_deref(), Some("Bearer"));
        assert_eq!(text(DenyReason::CredentialRepeated).as_deref(), Some("Bearer error=\"invalid_request\""));
        assert_eq!(text(DenyReason::SignatureInvalid).as_deref(), Some("Bearer error=\"invalid_token\""));
        assert_eq!(
            text(DenyReason::TokenExpired).as_deref(),
            Some("Bearer error=\"invalid_token\", error_description=\"The access token expired\"")
        );
        assert_eq!(
            text(DenyReason::ScopeInsufficient).as_deref(),
            Some("Bearer error=\"insufficient_scope\", scope=\"orders:read orders:write\"")
        );
        assert_eq!(
            text(DenyReason::AuthenticationInsufficient).as_deref(),
            Some(
                "Bearer error=\"insufficient_user_authentication\", \
                 error_description=\"A different authentication level is required\", \
                 acr_values=\"mfa\", max_age=\"300\""
            )
        );
        assert_eq!(text(DenyReason::ClaimUnmet).as_deref(), Some("Bearer"));
        assert_eq!(text(DenyReason::NoRule), None);
        assert_eq!(text(DenyReason::PathAmbiguous), None);
    }

    #[test]
    fn every_challenge_says_where_the_resource_describes_itself() {
        let url = "https://a.example/.well-known/oauth-protected-resource";
        let hints = Arc::new(Hints { resource_metadata: Some(url.into()), ..Hints::default() });
        for reason in DenyReason::ALL.iter().copied().filter(|reason| reason.facts().challenge) {
            let denial = Denial { reason, rule: None, hints: Some(Arc::clone(&hints)) };
            let text = challenge(&denial).unwrap();
            assert!(text.contains(&format!("resource_metadata=\"{url}\"")), "{text}");
        }
    }

    #[test]
    fn every_challenge_names_each_attribute_once_in_allowed_characters() {
        for reason in DenyReason::ALL {
            let Some(text) = text(*reason) else { continue };
            for name in ["acr_values=", "max_age=", "error=", "error_description=", "scope="] {
                assert!(text.matches(name).count() <= 1, "{text}");
            }
            assert!(text.bytes().all(|byte| (0x20..=0x7e).contains(&byte) && byte != b'\\'), "{text}");
        }
    }
}
