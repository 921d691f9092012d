//! Finds the one credential of a request: `Authorization: Bearer` and nothing else (RFC 6750 §2.1).

use super::decision::DenyReason;
use super::input::Headers;
use super::target::Target;

/// An access token as presented: well-formed as a credential, and nothing more is known of it.
#[derive(Clone, Copy)]
pub struct PresentedToken<'a>(&'a str);

impl<'a> PresentedToken<'a> {
    /// A token as if it had been presented, for tests of what comes later.
    #[cfg(test)]
    pub(crate) const fn of(text: &'a str) -> Self {
        Self(text)
    }

    /// The token itself. Never log, trace or keep it.
    #[must_use]
    pub fn expose(self) -> &'a str {
        self.0
    }
}

/// What kind of token a check was about, as far as it was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// No token was read: none was needed, none was presented, or not in a form to read it from.
    #[default]
    None,
    /// A JWT, verified or not.
    Jwt,
    /// Any other, which only its issuer can tell about.
    Opaque,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::None, Self::Jwt, Self::Opaque];

    /// The value of the metric label `token_kind`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Jwt => "jwt",
            Self::Opaque => "opaque",
        }
    }

    /// The kind of a token that was presented, by its form.
    #[must_use]
    pub fn of(token: PresentedToken<'_>) -> Self {
        if looks_like_a_jwt(token.0) { Self::Jwt } else { Self::Opaque }
    }
}

/// Base64url of a JSON object begins with `e`; three parts are signed and five encrypted (RFC 7515 §3.1,
/// RFC 7516 §3.1). More count too: some servers read `a.b.c.` as `a.b.c`, and asking them would be a way around
/// our own verification.
fn looks_like_a_jwt(text: &str) -> bool {
    text.starts_with('e') && text.split('.').count() >= 3
}

/// Extracts the access token.
///
/// # Errors
/// No credential, several, one in a form that RFC 6750 does not allow, or one over `max_bytes`.
pub fn extract<'a>(
    headers: &'a Headers,
    target: &Target,
    max_bytes: usize,
) -> Result<PresentedToken<'a>, DenyReason> {
    let mut values = headers.all("authorization");
    let value = values.next().ok_or(DenyReason::CredentialMissing)?;
    // RFC 6750 §2: one method of transmitting the token. A comma is what joins two fields of one name.
    if values.next().is_some() || value.contains(&b',') {
        return Err(DenyReason::CredentialRepeated);
    }
    let value = std::str::from_utf8(value).map_err(|_| DenyReason::CredentialMalformed)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(DenyReason::CredentialMissing);
    }
    if target.query_has_token() {
        return Err(DenyReason::CredentialRepeated);
    }
    let token = token.trim_start_matches(' ');
    if !is_token68(token) {
        return Err(DenyReason::CredentialMalformed);
    }
    if token.len() > max_bytes {
        return Err(DenyReason::TokenTooLarge);
    }
    Ok(PresentedToken(token))
}

/// Whether a text can be presented as a token (RFC 9110 §11.2).
#[must_use]
pub fn is_token68(text: &str) -> bool {
    let bare = text.trim_end_matches('=');
    !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::target::TargetRules;

    fn extracted(values: &[&str], raw_target: &str) -> Result<String, DenyReason> {
        let headers: Headers = values.iter().map(|value| ("Authorization", *value)).collect();
        let target = Target::read(raw_target, TargetRules::default()).unwrap();
        extract(&headers, &target, 100).map(|token| token.expose().to_owned())
    }

    #[test]
    fn takes_the_scheme_in_any_case_and_several_blanks() {
        for value in ["Bearer abc", "bearer abc", "BEARER   abc", "bEaReR abc"] {
            assert_eq!(extracted(&[value], "/").as_deref(), Ok("abc"), "{value}");
        }
        assert_eq!(extracted(&["Bearer a-._~+/9=="], "/").as_deref(), Ok("a-._~+/9=="));
    }

    #[test]
    fn without_a_bearer_credential_there_is_none() {
        for values in [&[][..], &["Basic abc"], &["DPoP abc"], &["Bearerabc"], &[""], &["Token abc"]] {
            assert_eq!(extracted(values, "/"), Err(DenyReason::CredentialMissing), "{values:?}");
        }
        assert_eq!(extracted(&[], "/?access_token=abc"), Err(DenyReason::CredentialMissing));
    }

    #[test]
    fn refuses_more_than_one() {
        for values in
            [&["Bearer a", "Bearer a"][..], &["Bearer a, Bearer b"], &["Bearer a,b"], &["Basic x, Bearer y"]]
        {
            assert_eq!(extracted(values, "/"), Err(DenyReason::CredentialRepeated), "{values:?}");
        }
        assert_eq!(extracted(&["Bearer a"], "/?access_token=a"), Err(DenyReason::CredentialRepeated));
    }

    #[test]
    fn refuses_what_is_no_token68() {
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer a\tb",
            "Bearer ==",
            "Bearer a=b",
            "Bearer \"a\"",
            "Bearer é",
            "Bearer !",
        ] {
            assert_eq!(extracted(&[value], "/"), Err(DenyReason::CredentialMalformed), "{value}");
        }
    }

    #[test]
    fn bounds_the_token() {
        let long = format!("Bearer {}", "a".repeat(101));
        assert_eq!(extracted(&[&long], "/"), Err(DenyReason::TokenTooLarge));
    }
}
