//! One rule: what it matches and what it asks for.

use std::sync::Arc;

use super::forward::Forward;
use super::pattern::{HostPattern, PathPattern};
use crate::check::target::Target;

/// A rule of the policy.
#[derive(Debug)]
pub struct Rule {
    /// Its unique name, as in logs and metrics.
    pub name: Arc<str>,
    /// The hosts it covers; empty means every host.
    pub hosts: Vec<HostPattern>,
    /// The methods it covers; empty means every method.
    pub methods: Vec<String>,
    /// The paths it covers.
    pub paths: Vec<PathPattern>,
    /// What a matching request needs.
    pub access: Access,
    /// What the service behind is told.
    pub forward: Vec<Forward>,
}

/// What a matching request needs.
#[derive(Debug)]
pub enum Access {
    /// Nothing: no credential is looked for.
    Public,
    /// A token that meets these requirements.
    Token(Requirement),
}

/// What a rule requires of a token beyond being a good access token.
#[derive(Debug, Default)]
pub struct Requirement {
    /// The scopes.
    pub scopes: ScopeRequirement,
    /// Audiences of which the token must have at least one; empty means that the issuer's are enough.
    pub audiences: Vec<String>,
    /// The names of the issuers whose tokens are accepted; empty means all.
    pub issuers: Vec<Arc<str>>,
    /// Whether the issuer is asked about a token that verifies by itself.
    pub introspect: Introspect,
    /// Whether an older answer may serve while the issuer can't be asked.
    pub stale: Stale,
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
#[derive(Debug, Default)]
pub struct ScopeRequirement {
    /// Each of these.
    pub all: Vec<String>,
    /// At least one of these, where there are any.
    pub any: Vec<String>,
    /// Both lists in the form of the challenge's `scope` attribute (RFC 6750 §3).
    challenge: Option<Arc<str>>,
}

impl ScopeRequirement {
    /// From lists of scope tokens, each checked with [`is_scope_token`].
    #[must_use]
    pub fn new(all: Vec<String>, any: Vec<String>) -> Self {
        let named: Vec<_> = all.iter().chain(&any).map(String::as_str).collect();
        let challenge = (!named.is_empty()).then(|| named.join(" ").into());
        Self { all, any, challenge }
    }

    /// The scopes to name in a challenge.
    #[must_use]
    pub fn challenge(&self) -> Option<&Arc<str>> {
        self.challenge.as_ref()
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

impl Rule {
    /// Why this rule does not match; none when it does.
    ///
    /// A slash at the end of a path is ignored, because most services ignore it, except by a public rule:
    /// that one never opens more than what was written.
    #[must_use]
    pub fn mismatch(&self, host: &str, method: &str, target: &Target) -> Option<&'static str> {
        let exact = matches!(self.access, Access::Public);
        if !self.hosts.is_empty() && !self.hosts.iter().any(|pattern| pattern.matches(host)) {
            return Some("host does not match");
        }
        if !self.methods.is_empty() && !self.methods.iter().any(|its| its == method) {
            return Some("method does not match");
        }
        if !self.paths.iter().any(|pattern| pattern.matches(target, exact)) {
            return Some("path does not match");
        }
        None
    }

    /// What it requires of a token; none where it is public.
    #[must_use]
    pub fn requirement(&self) -> Option<&Requirement> {
        match &self.access {
            Access::Public => None,
            Access::Token(requirement) => Some(requirement),
        }
    }

    /// The scopes to name in a challenge.
    #[must_use]
    pub fn challenge_scope(&self) -> Option<&Arc<str>> {
        self.requirement().and_then(|requirement| requirement.scopes.challenge())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn all_and_any_are_both_asked() {
        let requirement = ScopeRequirement::new(strings(&["a"]), strings(&["b", "c"]));
        assert_eq!(requirement.missing(&strings(&["a", "c"])), None);
        assert_eq!(requirement.missing(&strings(&["b"])).as_deref(), Some("`a`"));
        assert_eq!(requirement.missing(&strings(&["a"])).as_deref(), Some("one of `b`, `c`"));
        assert_eq!(ScopeRequirement::default().missing(&[]), None);
    }

    #[test]
    fn scopes_compare_whole_and_with_case() {
        let requirement = ScopeRequirement::new(strings(&["orders:read"]), vec![]);
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
