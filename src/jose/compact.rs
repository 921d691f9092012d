//! The JWS compact serialization (RFC 7515 §7.1), read strictly and without trusting anything in it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::claims::Claims;
use super::header::Header;
use super::json::{JsonFault, Limits, object};

/// A signed token taken apart. Nothing in it is verified yet.
pub struct Jws<'a> {
    /// The protected header.
    pub header: Header,
    /// The claims, unverified: good for choosing an issuer, for nothing else.
    pub claims: Claims,
    pub(super) signing_input: &'a [u8],
    pub(super) signature: Vec<u8>,
}

impl std::fmt::Debug for Jws<'_> {
    /// Without the signature and what it signs: together they are the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jws")
            .field("header", &self.header)
            .field("claims", &self.claims)
            .finish_non_exhaustive()
    }
}

/// Why a text is not a signed token that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseFault {
    /// Not three non-empty parts (RFC 7515 §3.1).
    #[error("is not three parts separated by dots")]
    NotThreeParts,
    /// Five parts: encrypted (RFC 7516 §3.1), which we do not read.
    #[error("is encrypted (JWE), which is not supported")]
    Encrypted,
    /// A part is not base64url without padding, in its one canonical form.
    #[error("{0} is not canonical base64url without padding")]
    Base64(&'static str),
    /// The header is not acceptable JSON.
    #[error("header {0}")]
    Header(JsonFault),
    /// The claims are not acceptable JSON.
    #[error("payload {0}")]
    Payload(JsonFault),
    /// No `alg` (RFC 7515 §4.1.1).
    #[error("header has no alg")]
    AlgorithmMissing,
    /// `crit` is present (RFC 7515 §4.1.11).
    #[error("header has crit, and no critical extension is understood")]
    Critical,
    /// A header member of the wrong type, or one that a signed access token can't have.
    #[error("header member {0} is malformed or not supported")]
    HeaderMember(&'static str),
}

/// What a credential looks like before anything in it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Three parts, the first a JSON object with `alg`.
    Jwt,
    /// Five parts, the first a JSON object with `enc`.
    Encrypted,
    /// Anything else.
    Opaque,
}

/// Tells a JWT from an opaque token by its form alone.
#[must_use]
pub fn shape(token: &str) -> Shape {
    let mut parts = token.split('.');
    let first = parts.next().unwrap_or_default();
    let members = decode(first, "header").ok().and_then(|bytes| object(&bytes, Limits::TOKEN).ok());
    let has = |name| members.as_ref().is_some_and(|members| members.contains_key(name));
    match parts.count() {
        2 if has("alg") => Shape::Jwt,
        4 if has("enc") => Shape::Encrypted,
        _ => Shape::Opaque,
    }
}

impl<'a> Jws<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// The first fault met; no part of the token is kept in it.
    pub fn parse(token: &'a str) -> Result<Self, ParseFault> {
        let (signing_input, signature) = token.rsplit_once('.').ok_or(ParseFault::NotThreeParts)?;
        let (header, payload) = signing_input.split_once('.').ok_or(ParseFault::NotThreeParts)?;
        if payload.contains('.') {
            let encrypted = payload.matches('.').count() == 2;
            return Err(if encrypted { ParseFault::Encrypted } else { ParseFault::NotThreeParts });
        }
        if header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(ParseFault::NotThreeParts);
        }
        let members = object(&decode(header, "header")?, Limits::TOKEN).map_err(ParseFault::Header)?;
        let header = Header::read(&members)?;
        let claims = object(&decode(payload, "payload")?, Limits::TOKEN).map_err(ParseFault::Payload)?;
        Ok(Self {
            header,
            claims: Claims::new(claims),
            signing_input: signing_input.as_bytes(),
            signature: decode(signature, "signature")?,
        })
    }
}

fn decode(part: &str, name: &'static str) -> Result<Vec<u8>, ParseFault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| ParseFault::Base64(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn b64(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    fn token(header: &str, payload: &str) -> String {
        format!("{}.{}.{}", b64(header), b64(payload), b64("signature"))
    }

    fn fault(token: &str) -> ParseFault {
        Jws::parse(token).unwrap_err()
    }

    #[test]
    fn reads_header_and_claims() {
        let token = token(r#"{"alg":"ES256","typ":"application/AT+jwt","kid":"k"}"#, r#"{"iss":"i"}"#);
        let jws = Jws::parse(&token).unwrap();
        assert_eq!(jws.header.media_type().as_deref(), Some("at+jwt"));
        assert_eq!(jws.header.kid.as_deref(), Some("k"));
        assert_eq!(jws.claims.string("iss"), Ok(Some("i")));
        assert_eq!(jws.signature, b"signature");
    }

    #[test]
    fn refuses_any_number_of_parts_but_three() {
        for text in ["", ".", "..", "a", "a.b", "a..c", ".b.c", "a.b.", "a.b.c.d", "a.b.c.d.e.f"] {
            assert_eq!(fault(text), ParseFault::NotThreeParts, "{text}");
        }
        assert_eq!(fault("a.b.c.d.e"), ParseFault::Encrypted);
    }

    #[test]
    fn refuses_padding_foreign_characters_and_loose_trailing_bits() {
        let good = token(r#"{"alg":"ES256"}"#, "{}");
        let (rest, _) = good.rsplit_once('.').unwrap();
        for signature in ["c2ln=", "c2ln==", "c2l n", "c2ln\n", "c2+n", "c2/n", "QR", "Q"] {
            assert_eq!(fault(&format!("{rest}.{signature}")), ParseFault::Base64("signature"), "{signature}");
        }
    }

    #[test]
    fn refuses_critical_and_foreign_header_members() {
        for crit in [r#"["b64"]"#, "[]", "null", r#"["exp"]"#, r#""exp""#] {
            let header = format!(r#"{{"alg":"ES256","crit":{crit},"exp":1}}"#);
            assert_eq!(fault(&token(&header, "{}")), ParseFault::Critical, "{crit}");
        }
        for (member, value) in [
            ("b64", "false"),
            ("b64", "true"),
            ("enc", "\"A128GCM\""),
            ("zip", "\"DEF\""),
            ("cty", "\"JWT\""),
        ] {
            let header = format!(r#"{{"alg":"ES256","{member}":{value}}}"#);
            assert_eq!(fault(&token(&header, "{}")), ParseFault::HeaderMember(member));
        }
    }

    #[test]
    fn refuses_wrongly_typed_header_members() {
        for (header, expected) in [
            (r#"{"typ":"at+jwt"}"#, ParseFault::AlgorithmMissing),
            (r#"{"alg":1}"#, ParseFault::HeaderMember("alg")),
            (r#"{"alg":["ES256"]}"#, ParseFault::HeaderMember("alg")),
            (r#"{"alg":"ES256","typ":null}"#, ParseFault::HeaderMember("typ")),
            (r#"{"alg":"ES256","kid":7}"#, ParseFault::HeaderMember("kid")),
            (r#"[{"alg":"ES256"}]"#, ParseFault::Header(JsonFault::NotAnObject)),
            (r#"{"alg":"none","alg":"ES256"}"#, ParseFault::Header(JsonFault::RepeatedMember)),
        ] {
            assert_eq!(fault(&token(header, "{}")), expected, "{header}");
        }
    }

    #[test]
    fn tells_shapes_apart() {
        assert_eq!(shape(&token(r#"{"alg":"ES256"}"#, "{}")), Shape::Jwt);
        assert_eq!(shape(&token(r#"{"typ":"x"}"#, "{}")), Shape::Opaque);
        assert_eq!(shape(&format!("{}.a.b.c.d", b64(r#"{"alg":"dir","enc":"A128GCM"}"#))), Shape::Encrypted);
        for text in ["", "opaque", "a.b.c", "v2.local.payload"] {
            assert_eq!(shape(text), Shape::Opaque, "{text}");
        }
    }
}
