//! One rule: what it matches and what it asks for.

use std::sync::Arc;

use super::RequestFacts;
use super::forward::Forward;
use super::pattern::{HostPattern, PathPattern};
use super::requirement::Requirement;
use crate::check::challenge::Hints;
use crate::check::input::Headers;

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
    /// Whether it covers only CORS preflights, of the requests that it matches.
    pub preflight: bool,
    /// Whether it is only tried out: what it would decide is counted, and another rule decides.
    pub shadow: bool,
    /// What the service behind is told.
    pub forward: Vec<Forward>,
    /// What Envoy is told for its access log and its other filters.
    pub metadata: Vec<Forward>,
    /// What the client is told beside an allowed answer.
    pub response_headers: Vec<Forward>,
    /// What a client that is refused is told.
    pub hints: Option<Arc<Hints>>,
    /// Which of its checks are recorded, where it says so.
    pub audit: Option<RuleAudit>,
}

/// Which checks of a rule are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAudit {
    /// All.
    All,
    /// Those that were not allowed, and those that a policy on trial would have decided otherwise.
    Denials,
    /// None.
    None,
}

/// What a matching request needs.
#[derive(Debug)]
pub enum Access {
    /// Nothing: no credential is looked for.
    Public,
    /// A token that meets these requirements.
    Token(Box<Requirement>),
}

impl Rule {
    /// A rule for these paths of every host and with every method, that hands nothing on.
    #[must_use]
    pub fn new(name: &str, paths: Vec<PathPattern>, access: Access) -> Self {
        Self {
            name: name.into(),
            hosts: Vec::new(),
            methods: Vec::new(),
            paths,
            access,
            preflight: false,
            shadow: false,
            forward: Vec::new(),
            metadata: Vec::new(),
            response_headers: Vec::new(),
            hints: None,
            audit: None,
        }
    }

    /// Why this rule does not match; none when it does.
    ///
    /// A slash at the end of a path is ignored, because most services ignore it, except by a public rule:
    /// that one never opens more than what was written.
    #[must_use]
    pub fn mismatch(&self, request: RequestFacts<'_>) -> Option<&'static str> {
        let RequestFacts { method, host, target, .. } = request;
        if !self.hosts.is_empty() && !self.hosts.iter().any(|pattern| pattern.matches(host)) {
            return Some("host does not match");
        }
        if !self.methods.is_empty() && !self.methods.iter().any(|its| its == method) {
            return Some("method does not match");
        }
        if !self.paths.iter().any(|pattern| pattern.matches(target, self.is_exact())) {
            return Some("path does not match");
        }
        if self.preflight && !is_preflight(request) {
            return Some("the request is no CORS preflight");
        }
        None
    }

    /// Whether it matches every request that `other` matches. Two rules that together cover another are not seen.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let hosts = self.hosts.is_empty()
            || !other.hosts.is_empty()
                && other.hosts.iter().all(|host| self.hosts.iter().any(|its| its.covers(host)));
        let methods = self.methods.is_empty()
            || !other.methods.is_empty() && other.methods.iter().all(|method| self.methods.contains(method));
        let (exact, other_exact) = (self.is_exact(), other.is_exact());
        let covered = |path: &PathPattern| self.paths.iter().any(|its| its.covers(path, exact, other_exact));
        hosts && methods && (!self.preflight || other.preflight) && other.paths.iter().all(covered)
    }

    /// Whether a slash at the end of a path must be as written.
    pub(super) fn is_exact(&self) -> bool {
        matches!(self.access, Access::Public)
    }

    /// What it requires of a token; none where it is public.
    #[must_use]
    pub fn requirement(&self) -> Option<&Requirement> {
        match &self.access {
            Access::Public => None,
            Access::Token(requirement) => Some(requirement),
        }
    }
}

/// The CORS protocol (Fetch, "CORS-preflight request"): OPTIONS, sent by a browser that names what it wants to
/// send. The headers only narrow what the rule covers.
pub(super) fn is_preflight(request: RequestFacts<'_>) -> bool {
    request.method == "OPTIONS"
        && is_one(request.headers, "origin")
        && is_one(request.headers, "access-control-request-method")
}

/// Whether a header stands there once, with one value. Envoy joins repetitions of some headers with a comma, and
/// neither an origin nor a method has commas or blanks.
fn is_one(headers: &Headers, name: &str) -> bool {
    let mut values = headers.all(name);
    let value = values.next().unwrap_or_default();
    let single = !value.is_empty() && !value.iter().any(|byte| b", \t".contains(byte));
    single && values.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::target::{Target, TargetRules};

    fn preflight(method: &str, headers: &[(&str, &str)]) -> bool {
        let target = Target::read("/", TargetRules::default()).unwrap();
        let headers = headers.iter().copied().collect();
        is_preflight(RequestFacts { method, host: "a.example", target: &target, headers: &headers })
    }

    #[test]
    fn a_preflight_names_one_origin_and_one_method() {
        let (origin, method) = (("origin", "https://a.example"), ("access-control-request-method", "PUT"));
        assert!(preflight("OPTIONS", &[origin, method]));
        assert!(preflight("OPTIONS", &[("origin", "null"), method]));
        for (name, headers) in [
            ("no method", vec![origin]),
            ("no origin", vec![method]),
            ("twice", vec![origin, origin, method]),
            ("joined by Envoy", vec![("origin", "https://a.example,https://b.example"), method]),
            ("a joined method", vec![origin, ("access-control-request-method", "PUT, GET")]),
            ("two origins (RFC 6454)", vec![("origin", "https://a.example https://b.example"), method]),
            ("an empty one", vec![("origin", ""), method]),
        ] {
            assert!(!preflight("OPTIONS", &headers), "{name}");
        }
        assert!(!preflight("GET", &[origin, method]));
    }
}
