//! The JOSE header of a signed token (RFC 7515 §4): the few members that matter, the ones that refuse it.

use serde_json::{Map, Value};

use super::compact::ParseFault;

/// What a check reads of a header. `jwk`, `jku`, `x5u` and `x5c` are not read at all: a token never
/// brings its own key and never causes a fetch (RFC 8725 §3.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// `alg` as written.
    pub alg: String,
    /// `typ` as written.
    pub typ: Option<String>,
    /// `kid` as written; only ever compared.
    pub kid: Option<String>,
}

/// A longer `kid` names no real key and only costs memory and log space.
pub(super) const MAX_KID_BYTES: usize = 512;

impl Header {
    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, ParseFault> {
        refuse_extensions(members)?;
        let alg = text(members, "alg")?.ok_or(ParseFault::AlgorithmMissing)?;
        let kid = text(members, "kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Err(ParseFault::HeaderMember("kid"));
        }
        Ok(Self { alg, typ: text(members, "typ")?, kid })
    }

    /// `typ` in lower case without the `application/` that may be left out (RFC 7515 §4.1.9).
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        let typ = self.typ.as_ref()?.to_ascii_lowercase();
        Some(match typ.strip_prefix("application/") {
            Some(rest) if !rest.contains('/') => rest.to_owned(),
            _ => typ,
        })
    }
}

/// We understand no extension, so each that changes what the token means refuses it.
fn refuse_extensions(members: &Map<String, Value>) -> Result<(), ParseFault> {
    // RFC 7515 §4.1.11: a critical extension that is not understood, or a malformed list of them.
    if members.contains_key("crit") {
        return Err(ParseFault::Critical);
    }
    // RFC 7797 §7 (`b64`), RFC 7516 §4.1 (`enc`, `zip`).
    for name in ["b64", "enc", "zip"] {
        if members.contains_key(name) {
            return Err(ParseFault::HeaderMember(name));
        }
    }
    // RFC 7519 §5.2: a token in a token.
    let nested =
        members.get("cty").is_some_and(|cty| cty.as_str().is_none_or(|cty| cty.eq_ignore_ascii_case("jwt")));
    if nested { Err(ParseFault::HeaderMember("cty")) } else { Ok(()) }
}

fn text(members: &Map<String, Value>, name: &'static str) -> Result<Option<String>, ParseFault> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ParseFault::HeaderMember(name)),
    }
}
