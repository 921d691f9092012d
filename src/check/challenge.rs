//! The `WWW-Authenticate` challenge (RFC 6750 §3, RFC 9110 §11.6.1): all that the client hears.

use super::decision::Denial;

/// The challenge for a denial, where one is due.
#[must_use]
pub fn challenge(denial: &Denial) -> Option<String> {
    let facts = denial.reason.facts();
    if !facts.challenge {
        return None;
    }
    let scope = denial.scope.as_deref().filter(|_| facts.error == Some("insufficient_scope"));
    let attributes =
        [("error", facts.error), ("error_description", denial.reason.description()), ("scope", scope)];
    let mut text = String::from("Bearer");
    for (name, value) in attributes.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        text.push_str(if text == "Bearer" { " " } else { ", " });
        // Values are our own texts or scopes checked against RFC 6749 §3.3: none has `"` or `\`.
        text.push_str(&format!("{name}=\"{value}\""));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::super::decision::DenyReason;
    use super::*;

    fn text(reason: DenyReason) -> Option<String> {
        challenge(&Denial { reason, rule: None, scope: Some("orders:read orders:write".into()) })
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
        assert_eq!(text(DenyReason::NoRule), None);
        assert_eq!(text(DenyReason::PathAmbiguous), None);
    }

    #[test]
    fn every_challenge_names_each_attribute_once_in_allowed_characters() {
        for reason in DenyReason::ALL {
            let Some(text) = text(*reason) else { continue };
            for name in ["error=", "error_description=", "scope="] {
                assert!(text.matches(name).count() <= 1, "{text}");
            }
            assert!(text.bytes().all(|byte| (0x20..=0x7e).contains(&byte) && byte != b'\\'), "{text}");
        }
    }
}
