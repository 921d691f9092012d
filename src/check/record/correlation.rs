//! What ties a record to other logs, and what must not get into it: a request can carry its token in any place.

use percent_encoding::percent_decode_str;

use crate::check::input::{CheckInput, Headers};
use crate::check::record::token_digest;

/// A request id is shorter, or none of ours to repeat.
const MAX_REQUEST_ID_BYTES: usize = 64;

/// A longer part of a path may be a token: no identifier of people or things is longer than a SHA-256 in hex.
const MAX_SEGMENT_BYTES: usize = 64;

/// RFC 1035 §2.3.4.
const MAX_LABEL_BYTES: usize = 63;

/// A longer method is none.
const MAX_METHOD_BYTES: usize = 32;

/// A shorter credential is none, and would be found everywhere.
const MIN_CREDENTIAL_BYTES: usize = 6;

/// What a request presents as credentials, to be kept out of what is recorded of it.
pub(super) struct Presented<'a> {
    credentials: Vec<&'a str>,
}

/// A text without what must not be shown, and whether there was any.
pub(super) struct Cleared {
    pub(super) text: String,
    pub(super) hidden: bool,
}

impl<'a> Presented<'a> {
    pub(super) fn by(headers: &'a Headers) -> Self {
        let values =
            ["authorization", "proxy-authorization", "dpop"].into_iter().flat_map(|name| headers.all(name));
        let words = values
            .filter_map(|value| str::from_utf8(value).ok())
            .flat_map(|value| value.split([' ', ',', '\t']))
            .filter(|word| word.len() >= MIN_CREDENTIAL_BYTES && !is_scheme(word));
        Self { credentials: words.collect() }
    }

    /// Whether a text is free of them, as it is and decoded.
    pub(super) fn is_clear(&self, text: &str) -> bool {
        let decoded = percent_decode_str(text).decode_utf8_lossy();
        !self.credentials.iter().any(|credential| text.contains(credential) || decoded.contains(credential))
    }

    /// The method.
    pub(super) fn method(&self, method: &str) -> Cleared {
        self.parts(method, None, MAX_METHOD_BYTES)
    }

    /// The host, label by label.
    pub(super) fn host(&self, host: &str) -> Cleared {
        self.parts(host, Some('.'), MAX_LABEL_BYTES)
    }

    /// The path, segment by segment.
    pub(super) fn path(&self, path: &str) -> Cleared {
        self.parts(path, Some('/'), MAX_SEGMENT_BYTES)
    }

    fn parts(&self, text: &str, separator: Option<char>, longest: usize) -> Cleared {
        let mut cleared = Cleared { text: String::with_capacity(text.len()), hidden: false };
        for (number, part) in text.split(|its| Some(its) == separator).enumerate() {
            cleared.text.extend(separator.filter(|_| number > 0));
            if part.len() > longest || !self.is_clear(part) {
                cleared.text.push_str(&in_place_of(part));
                cleared.hidden = true;
            } else {
                cleared.text.push_str(part);
            }
        }
        // A credential with the separator in it, such as base64 with a slash, lies across several parts.
        if self.is_clear(&cleared.text) { cleared } else { Cleared { text: in_place_of(text), hidden: true } }
    }
}

fn in_place_of(text: &str) -> String {
    format!("[{} bytes]", text.len())
}

fn is_scheme(word: &str) -> bool {
    ["bearer", "digest", "negotiate"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// The `x-request-id`, where there is one and it looks like an identifier.
pub(super) fn request_id(input: &CheckInput, presented: &Presented<'_>) -> Option<String> {
    let id = only(&input.headers, "x-request-id")?;
    let fits = !id.is_empty() && id.len() <= MAX_REQUEST_ID_BYTES && presented.is_clear(id);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (fits && id.bytes().all(plain)).then(|| id.to_owned())
}

fn only<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    let mut values = headers.all(name);
    let value = values.next()?;
    if values.next().is_some() { None } else { str::from_utf8(value).ok() }
}

/// The digest of the one bearer token that a request presents in its `Authorization` header.
pub(super) fn credential_digest(headers: &Headers) -> Option<String> {
    let (scheme, token) = only(headers, "authorization")?.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let is_one = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains([' ', ',']);
    is_one.then(|| token_digest(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, values: &[&str]) -> CheckInput {
        CheckInput { headers: values.iter().map(|value| (name, *value)).collect(), ..CheckInput::default() }
    }

    #[test]
    fn a_token_is_hidden_wherever_it_stands() {
        let headers: Headers = [("authorization", "Bearer abc/def+ghi=")].into_iter().collect();
        let presented = Presented::by(&headers);
        for (path, shown) in [
            ("/orders/7", "/orders/7"),
            ("/orders/abc/def+ghi=", "[20 bytes]"),
            ("/orders/abc%2Fdef%2bghi=/x", "/orders/[16 bytes]/x"),
            ("/orders/xabc/def+ghi=x", "[22 bytes]"),
        ] {
            let cleared = presented.path(path);
            assert_eq!((cleared.text.as_str(), cleared.hidden), (shown, path != shown), "{path}");
        }
        let long = "x".repeat(65);
        assert_eq!(presented.path(&format!("/{long}/7")).text, "/[65 bytes]/7");
        assert_eq!(presented.method(&long).text, "[65 bytes]");
        assert_eq!(presented.host(&format!("{long}.example.com")).text, "[65 bytes].example.com");
    }

    #[test]
    fn repeats_a_request_id_only_if_it_looks_like_one() {
        let read = |values: &[&str], credential: &str| {
            let headers: Headers = [("authorization", credential)].into_iter().collect();
            request_id(&input("x-request-id", values), &Presented::by(&headers))
        };
        let id = "7f3c0b1e-6d5a-4f7b-9a58-0f5f0a3a9c11";
        assert_eq!(read(&[id], "").as_deref(), Some(id));
        let long = "a".repeat(65);
        for values in [&[][..], &[""], &[id, id], &["a b"], &["a\n"], &["é"], &["a.b.c"], &[&long]] {
            assert_eq!(read(values, ""), None, "{values:?}");
        }
        assert_eq!(read(&["opaquetoken1"], "Bearer opaquetoken1"), None);
    }

    #[test]
    fn knows_a_token_by_its_digest() {
        let digest = |values: &[&str]| credential_digest(&input("authorization", values).headers);
        assert_eq!(digest(&["bearer  abc"]).as_deref(), Some("sha256:ba7816bf8f01cfea414140de5dae2223"));
        for values in
            [&[][..], &["abc"], &["DPoP abc"], &["Bearer "], &["Bearer a b"], &["Bearer a", "Bearer b"]]
        {
            assert_eq!(digest(values), None, "{values:?}");
        }
    }
}
