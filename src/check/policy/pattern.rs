//! Patterns of hosts and paths: whole labels and whole segments, never a regular expression.

use std::fmt;

use crate::check::target::{Target, TargetFault, TargetRules};

/// A path pattern: literal segments, `*` for exactly one, `**` at the end for any number, none included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    pub(super) segments: Vec<Segment>,
    pub(super) open_ended: bool,
    pub(super) trailing_slash: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(String),
    Any,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    /// Does not begin with a slash.
    #[error("a path pattern begins with a slash")]
    NoSlash,
    /// `**` before the end.
    #[error("`**` stands only at the end of a path pattern")]
    OpenInside,
    /// `*` beside other characters.
    #[error("`*` stands for a whole segment; `{0}` has it beside other characters")]
    PartialWildcard(String),
    /// Percent-encoding, which the matched path no longer has.
    #[error("patterns are matched after decoding: write the character itself instead of `%…`")]
    Encoded,
    /// A path that gatepost refuses before any rule is tried.
    #[error("no request can match it: {0}")]
    Unreachable(TargetFault),
    /// Not a host name or `*.` before one.
    #[error("write a host name, or `*.` before one for every name below it, without scheme, port or path")]
    Host,
}

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it could never match, or does not mean what it looks like.
    pub fn read(text: &str, rules: TargetRules) -> Result<Self, PatternFault> {
        let rest = text.strip_prefix('/').ok_or(PatternFault::NoSlash)?;
        let (rest, open_ended) = match rest.strip_suffix("**") {
            Some("") => ("", true),
            Some(before) if before.ends_with('/') => (before, true),
            Some(_) | None => (rest, false),
        };
        let trailing_slash = !open_ended && (rest.is_empty() || rest.ends_with('/'));
        let segments = if rest.is_empty() {
            Vec::new()
        } else {
            let parts = rest.strip_suffix('/').unwrap_or(rest).split('/');
            parts.map(|part| segment(part, rules)).collect::<Result<_, _>>()?
        };
        Ok(Self { text: text.to_owned(), segments, open_ended, trailing_slash })
    }

    /// Whether it covers this path. `exact` also asks for the trailing slash to be as written.
    #[must_use]
    pub fn matches(&self, target: &Target, exact: bool) -> bool {
        let path = target.segments();
        let long_enough = match self.open_ended {
            true => path.len() >= self.segments.len(),
            false => path.len() == self.segments.len(),
        };
        let slash_fits = !exact || self.open_ended || self.trailing_slash == target.trailing_slash();
        long_enough
            && slash_fits
            && self.segments.iter().zip(path).all(|(segment, part)| segment.matches(part))
    }

    /// Whether it matches every path that `other` matches. Either may be of a rule that asks for the trailing
    /// slash to be as written.
    #[must_use]
    pub fn covers(&self, other: &Self, exact: bool, other_exact: bool) -> bool {
        let reaches = match (self.open_ended, other.open_ended) {
            (true, _) => other.segments.len() >= self.segments.len(),
            (false, false) => other.segments.len() == self.segments.len(),
            (false, true) => false,
        };
        let slash = self.open_ended || !exact || (other_exact && self.trailing_slash == other.trailing_slash);
        let covers = |(its, others): (&Segment, &Segment)| *its == Segment::Any || its == others;
        reaches && slash && self.segments.iter().zip(&other.segments).all(covers)
    }

    /// Whether it is `/**`.
    #[must_use]
    pub fn covers_everything(&self) -> bool {
        self.open_ended && self.segments.is_empty()
    }

    /// The pattern as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Segment {
    fn matches(&self, part: &str) -> bool {
        match self {
            Self::Literal(text) => text == part,
            Self::Any => true,
        }
    }
}

fn segment(part: &str, rules: TargetRules) -> Result<Segment, PatternFault> {
    match part {
        "" => return Err(PatternFault::Unreachable(TargetFault::EmptySegment)),
        "*" => return Ok(Segment::Any),
        "**" => return Err(PatternFault::OpenInside),
        _ if part.contains('*') => return Err(PatternFault::PartialWildcard(part.to_owned())),
        _ if part.contains('%') => return Err(PatternFault::Encoded),
        _ => {}
    }
    // The request's own reader judges the segment, so that no pattern waits for what it refuses.
    let encoded = percent_encoding::utf8_percent_encode(part, &NOT_IN_PATHS).to_string();
    match Target::read(&format!("/{encoded}"), rules) {
        Ok(_) => Ok(Segment::Literal(part.to_owned())),
        Err(fault) => Err(PatternFault::Unreachable(fault)),
    }
}

const NOT_IN_PATHS: percent_encoding::AsciiSet =
    percent_encoding::CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'?').add(b'#').add(b'`');

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A host pattern: a name, or `*.` before one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// Exactly this host, in lower case.
    Exact(String),
    /// Every host that ends with this text, which begins with a dot.
    Below(String),
}

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is no host name.
    pub fn read(text: &str) -> Result<Self, PatternFault> {
        let (name, below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        let host = crate::check::target::host(name).ok_or(PatternFault::Host)?;
        let bare = host.len() == name.trim_end_matches('.').len();
        match (bare, below) {
            (false, _) => Err(PatternFault::Host),
            (true, false) => Ok(Self::Exact(host)),
            (true, true) => Ok(Self::Below(format!(".{host}"))),
        }
    }

    /// Whether it covers this host, which is in lower case without port.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        }
    }

    /// Whether it covers every host that `other` covers.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (its, Self::Exact(name)) => its.matches(name),
            (Self::Below(suffix), Self::Below(others)) => others.ends_with(suffix.as_str()),
            (Self::Exact(_), Self::Below(_)) => false,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(suffix) => write!(f, "*{suffix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, path: &str) -> bool {
        let rules = TargetRules::default();
        PathPattern::read(pattern, rules).unwrap().matches(&Target::read(path, rules).unwrap(), false)
    }

    #[test]
    fn matches_whole_segments() {
        for (pattern, path) in [
            ("/", "/"),
            ("/healthz", "/healthz"),
            ("/healthz", "/healthz/"),
            ("/healthz/", "/healthz"),
            ("/healthz", "/%68ealthz?x=/y"),
            ("/orders/*", "/orders/7"),
            ("/orders/*/refund", "/orders/7/refund"),
            ("/orders/**", "/orders"),
            ("/orders/**", "/orders/"),
            ("/orders/**", "/orders/7/lines/1"),
            ("/**", "/"),
            ("/**", "/a/b"),
            ("/café/a b", "/caf%C3%A9/a%20b"),
        ] {
            assert!(covers(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("/", "/a"),
            ("/healthz", "/healthz2"),
            ("/healthz", "/Healthz"),
            ("/healthz", "/healthz/a"),
            ("/orders/*", "/orders"),
            ("/orders/*", "/orders/7/8"),
            ("/orders/**", "/orders2"),
            ("/orders/*/refund", "/orders/refund"),
        ] {
            assert!(!covers(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn exactly_means_the_slash_too() {
        let rules = TargetRules::default();
        let exact = |pattern, path| {
            PathPattern::read(pattern, rules).unwrap().matches(&Target::read(path, rules).unwrap(), true)
        };
        assert!(exact("/healthz", "/healthz") && exact("/docs/", "/docs/") && exact("/", "/"));
        assert!(!exact("/healthz", "/healthz/") && !exact("/docs/", "/docs"));
        assert!(exact("/docs/**", "/docs") && exact("/docs/**", "/docs/a/"));
    }

    #[test]
    fn knows_which_patterns_are_within_others() {
        let read = |text| PathPattern::read(text, TargetRules::default()).unwrap();
        let covers = |one, other| read(one).covers(&read(other), false, false);
        for (one, other) in
            [("/**", "/**"), ("/**", "/"), ("/a/**", "/a"), ("/a/**", "/a/*/c/**"), ("/*/b", "/a/b")]
        {
            assert!(covers(one, other), "{one} {other}");
        }
        for (one, other) in
            [("/a/**", "/**"), ("/a", "/a/**"), ("/a/*", "/a/**"), ("/a/b", "/a/*"), ("/a", "/b")]
        {
            assert!(!covers(one, other), "{one} {other}");
        }
        assert!(!read("/a").covers(&read("/a"), true, false));
        assert!(read("/a").covers(&read("/a"), true, true) && !read("/a").covers(&read("/a/"), true, true));
        let host = |text| HostPattern::read(text).unwrap();
        assert!(
            host("*.b").covers(&host("a.b"))
                && host("*.b").covers(&host("*.a.b"))
                && host("a").covers(&host("a"))
        );
        assert!(
            !host("*.b").covers(&host("b"))
                && !host("a.b").covers(&host("*.b"))
                && !host("*.a.b").covers(&host("*.b"))
        );
    }

    #[test]
    fn refuses_patterns_that_do_not_mean_what_they_look_like() {
        use PatternFault as F;
        let fault = |text| PathPattern::read(text, TargetRules::default()).unwrap_err();
        assert_eq!(fault("orders"), F::NoSlash);
        assert_eq!(fault(""), F::NoSlash);
        assert_eq!(fault("/a/**/b"), F::OpenInside);
        assert_eq!(fault("/a*"), F::PartialWildcard("a*".into()));
        assert_eq!(fault("/a**"), F::PartialWildcard("a**".into()));
        assert_eq!(fault("/a%20b"), F::Encoded);
        for text in ["//", "/a//b", "/a/../b", "/.", "/a;b", "/a\\b"] {
            assert!(matches!(fault(text), F::Unreachable(_)), "{text}");
        }
    }

    #[test]
    fn hosts_match_by_label() {
        let covers = |pattern, host| HostPattern::read(pattern).unwrap().matches(host);
        assert!(covers("Orders.Example.com.", "orders.example.com"));
        assert!(covers("*.example.com", "a.b.example.com"));
        assert!(!covers("*.example.com", "example.com"));
        assert!(!covers("*.example.com", "badexample.com"));
        for text in ["", "*", "https://a", "a:80", "a/b", "*.*.a", "a b", "*."] {
            assert_eq!(HostPattern::read(text), Err(PatternFault::Host), "{text}");
        }
    }
}
