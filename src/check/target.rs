//! The one normaliser of host and path: what policy matches, and what is refused as ambiguous.
//!
//! Whatever Envoy, gatepost and the service behind could read differently is refused instead of
//! guessed: `//`, dot segments, encoded slashes and backslashes, double encoding, `;` parameters.
//! Host and path come from Envoy's attributes only, never from a header of the client.

/// A path taken apart: decoded segments, compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    segments: Vec<String>,
    trailing_slash: bool,
    query_has_token: bool,
}

/// Why a request target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetFault {
    /// Empty (CONNECT), `*`, or an absolute URL.
    #[error("it does not start with a slash")]
    NoPath,
    /// `//`.
    #[error("it has an empty segment (//)")]
    EmptySegment,
    /// `.` or `..`, encoded or not.
    #[error("it has a dot segment (. or ..); Envoy resolves them before it asks where normalize_path is on")]
    DotSegment,
    /// `#`, which no client sends and readers cut at differently.
    #[error("it has a fragment (#)")]
    Fragment,
    /// A backslash, a control character, a blank or a byte outside ASCII, not encoded.
    #[error("it has a character that must be percent-encoded")]
    RawCharacter,
    /// `%` without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("its percent-encoding is malformed or not UTF-8")]
    BadEncoding,
    /// An encoded slash, backslash or control character.
    #[error("it has an encoded slash, backslash or control character")]
    EncodedSeparator,
    /// `%25` before two hexadecimal digits: decoded twice it is something else.
    #[error("it is percent-encoded twice")]
    DoubleEncoding,
    /// `;`, which some servers cut off a segment and others keep.
    #[error("it has a path parameter (;), which servers read differently")]
    PathParameter,
}

/// How request targets are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetRules {
    /// Take `;` for an ordinary character, because the service behind does.
    pub allow_path_parameters: bool,
}

impl Target {
    /// Reads a request target in origin form (RFC 9112 §3.2.1).
    ///
    /// # Errors
    /// The first reason to refuse it.
    pub fn read(raw: &str, rules: TargetRules) -> Result<Self, TargetFault> {
        // No URL parser: on an origin-form target it would take `//x/y` for an authority.
        if raw.contains('#') {
            return Err(TargetFault::Fragment);
        }
        let (path, query) = raw.split_once('?').unwrap_or((raw, ""));
        let rest = path.strip_prefix('/').ok_or(TargetFault::NoPath)?;
        let (rest, trailing_slash) = match rest.strip_suffix('/') {
            Some(rest) => (rest, true),
            None => (rest, rest.is_empty()),
        };
        let segments = match (rest, path) {
            ("", "/") => Vec::new(),
            _ => rest.split('/').map(|raw| segment(raw, rules)).collect::<Result<_, _>>()?,
        };
        Ok(Self { segments, trailing_slash, query_has_token: query_has_token(query) })
    }

    /// The decoded segments; none for `/`.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// The decoded path, as rules match it.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = String::new();
        for segment in &self.segments {
            path.push('/');
            path.push_str(segment);
        }
        if self.trailing_slash {
            path.push('/');
        }
        path
    }

    /// Whether the path ends with a slash.
    #[must_use]
    pub fn trailing_slash(&self) -> bool {
        self.trailing_slash
    }

    /// Whether the query has a parameter `access_token` (RFC 6750 §2.3).
    #[must_use]
    pub fn query_has_token(&self) -> bool {
        self.query_has_token
    }
}

impl std::fmt::Display for Target {
    /// The path that policy saw, safe to print.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for segment in &self.segments {
            write!(f, "/{}", segment.escape_debug())?;
        }
        if self.trailing_slash { f.write_str("/") } else { Ok(()) }
    }
}

fn segment(raw: &str, rules: TargetRules) -> Result<String, TargetFault> {
    if raw.is_empty() {
        return Err(TargetFault::EmptySegment);
    }
    if raw.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
        return Err(TargetFault::RawCharacter);
    }
    let decoded = decode(raw).ok_or(TargetFault::BadEncoding)?;
    // Servers that cut parameters off read `..;x` as `..`.
    if matches!(decoded.split(';').next(), Some("." | "..")) {
        return Err(TargetFault::DotSegment);
    }
    if decoded.chars().any(|character| matches!(character, '/' | '\\') || character.is_control()) {
        return Err(TargetFault::EncodedSeparator);
    }
    if has_percent_encoding(&decoded) {
        return Err(TargetFault::DoubleEncoding);
    }
    if decoded.contains(';') && !rules.allow_path_parameters {
        return Err(TargetFault::PathParameter);
    }
    Ok(decoded)
}

/// Strict percent-decoding (RFC 3986 §2.1); the usual decoders let a malformed `%` stand.
fn decode(raw: &str) -> Option<String> {
    let well_formed = raw.split('%').skip(1).all(starts_with_two_hex_digits);
    let bytes = percent_encoding::percent_decode_str(raw);
    if well_formed { bytes.decode_utf8().ok().map(std::borrow::Cow::into_owned) } else { None }
}

fn has_percent_encoding(text: &str) -> bool {
    text.split('%').skip(1).any(starts_with_two_hex_digits)
}

fn starts_with_two_hex_digits(text: &str) -> bool {
    text.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

fn query_has_token(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}

/// The host in lower case without port and trailing dot; none when it is no host (RFC 9110 §7.2).
#[must_use]
pub fn host(raw: &str) -> Option<String> {
    let bare = match raw.strip_prefix('[') {
        Some(rest) => raw.get(..rest.find(']')? + 2)?,
        None => raw.split_once(':').map_or(raw, |(host, _)| host),
    };
    let port = raw.strip_prefix(bare)?;
    let port_ok =
        port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()));
    let bare = bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase();
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    (port_ok && !bare.is_empty() && !bare.ends_with('.') && bare.bytes().all(legal)).then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> Result<Target, TargetFault> {
        Target::read(raw, TargetRules::default())
    }

    #[test]
    fn decodes_each_segment_once_and_cuts_the_query() {
        let target = read("/orders/%61%C3%A9~b/?x=//..#".trim_end_matches('#')).unwrap();
        assert_eq!(target.segments(), ["orders", "aé~b"]);
        assert!(target.trailing_slash());
        assert_eq!(read("/").unwrap().segments(), [] as [&str; 0]);
        assert_eq!(read("/?a=/b").unwrap().segments(), [] as [&str; 0]);
        assert_eq!(target.to_string(), "/orders/aé~b/");
    }

    #[test]
    fn refuses_what_readers_read_differently() {
        use TargetFault as F;
        for (raw, expected) in [
            ("", F::NoPath),
            ("*", F::NoPath),
            ("orders", F::NoPath),
            ("http://evil/orders", F::NoPath),
            ("//", F::EmptySegment),
            ("//orders", F::EmptySegment),
            ("/orders//", F::EmptySegment),
            ("/a//b", F::EmptySegment),
            ("/.", F::DotSegment),
            ("/a/../b", F::DotSegment),
            ("/a/..", F::DotSegment),
            ("/a/./b", F::DotSegment),
            ("/a/%2e%2E/b", F::DotSegment),
            ("/a/.%2e", F::DotSegment),
            ("/a#b", F::Fragment),
            ("/a?b#c", F::Fragment),
            ("/a\\b", F::RawCharacter),
            ("/a b", F::RawCharacter),
            ("/a\u{0}", F::RawCharacter),
            ("/é", F::RawCharacter),
            ("/a%", F::BadEncoding),
            ("/a%2", F::BadEncoding),
            ("/a%zz", F::BadEncoding),
            ("/a%c0%af", F::BadEncoding),
            ("/a%ff", F::BadEncoding),
            ("/a%2Fb", F::EncodedSeparator),
            ("/a%2fb", F::EncodedSeparator),
            ("/a%5Cb", F::EncodedSeparator),
            ("/a%00", F::EncodedSeparator),
            ("/a%0d%0a", F::EncodedSeparator),
            ("/a%7f", F::EncodedSeparator),
            ("/a%252fb", F::DoubleEncoding),
            ("/%252e%252e/b", F::DoubleEncoding),
            ("/a;b", F::PathParameter),
            ("/a%3Bb", F::PathParameter),
            ("/a;/../b", F::PathParameter),
            ("/a/..;/b", F::DotSegment),
            ("/a/..;x=1", F::DotSegment),
            ("/a/%2e%2e%3B/b", F::DotSegment),
        ] {
            assert_eq!(read(raw).unwrap_err(), expected, "{raw:?}");
        }
    }

    #[test]
    fn takes_path_parameters_where_allowed() {
        let rules = TargetRules { allow_path_parameters: true };
        for raw in ["/a/..;/b", "/a/.;x/b", "/a/%2e%2e%3Bx/b"] {
            assert_eq!(Target::read(raw, rules), Err(TargetFault::DotSegment), "{raw}");
        }
        assert_eq!(Target::read("/a;v=1/b", rules).unwrap().segments(), ["a;v=1", "b"]);
    }

    #[test]
    fn takes_what_is_unusual_but_clear() {
        for raw in ["/...", "/a.b", "/~", "/a:b@c!$&'()*+,=", "/100%25", "/%25zz", "/{id}|x"] {
            assert!(read(raw).is_ok(), "{raw}");
        }
    }

    #[test]
    fn finds_a_token_in_the_query_however_its_name_is_encoded() {
        for raw in ["/?access_token=x", "/?a=1&access%5Ftoken=", "/?access_token"] {
            assert!(read(raw).unwrap().query_has_token(), "{raw}");
        }
        assert!(!read("/?x_access_token=1&q=access_token").unwrap().query_has_token());
    }

    #[test]
    fn hosts_lose_case_port_and_trailing_dot() {
        for (raw, expected) in [
            ("Orders.Example.COM", "orders.example.com"),
            ("orders.example.com.:8443", "orders.example.com"),
            ("orders.example.com:", "orders.example.com"),
            ("[2001:DB8::1]:80", "[2001:db8::1]"),
            ("[::1]", "[::1]"),
            ("10.0.0.1:80", "10.0.0.1"),
        ] {
            assert_eq!(host(raw).as_deref(), Some(expected), "{raw}");
        }
        for raw in
            ["", ".", ":80", "a b", "user@host", "host:80:90", "host:8x", "[::1", "a/b", "a..", "é", "[::1]x"]
        {
            assert_eq!(host(raw), None, "{raw}");
        }
    }
}
