//! What can be done to a finished token: taken apart, rearranged, and written in forms that are no JWS
//! compact serialization.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use serde_json::json;

/// The three parts of a token in their encoded form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compact {
    pub header: String,
    pub payload: String,
    pub signature: String,
}

impl Compact {
    /// Takes a token apart.
    ///
    /// # Panics
    /// When it has not three parts.
    pub fn of(token: &str) -> Self {
        let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
            panic!("a token has three parts")
        };
        Self { header: header.into(), payload: payload.into(), signature: signature.into() }
    }

    /// Puts it together again.
    pub fn join(&self) -> String {
        [&*self.header, &*self.payload, &*self.signature].join(".")
    }

    /// The signature itself.
    pub fn signature_bytes(&self) -> Vec<u8> {
        decode(&self.signature)
    }

    /// This signature in place of its own.
    pub fn with_signature(&self, signature: impl AsRef<[u8]>) -> Self {
        Self { signature: BASE64_URL_SAFE_NO_PAD.encode(signature), ..self.clone() }
    }

    /// Every part with its padding.
    pub fn padded(&self) -> String {
        self.encoded_by(|bytes| BASE64_URL_SAFE.encode(bytes))
    }

    /// Every part in the alphabet with `+` and `/`.
    pub fn in_standard_base64(&self) -> String {
        self.encoded_by(|bytes| BASE64_STANDARD.encode(bytes).trim_end_matches('=').into())
    }

    /// The signature with one of the bits set that its last character does not need; `None` when its last
    /// character needs all of them.
    pub fn with_loose_bits(&self) -> Option<String> {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        if self.signature.len().is_multiple_of(4) {
            return None;
        }
        let (rest, last) = self.signature.split_at(self.signature.len() - 1);
        let position = ALPHABET.iter().position(|one| last.as_bytes() == [*one])?;
        let loose = char::from(ALPHABET[position + 1]);
        Some(Self { signature: format!("{rest}{loose}"), ..self.clone() }.join())
    }

    /// The flattened JSON serialization (RFC 7515 §7.2.2).
    pub fn flattened(&self) -> String {
        json!({ "protected": self.header, "payload": self.payload, "signature": self.signature }).to_string()
    }

    /// The general JSON serialization (RFC 7515 §7.2.1).
    pub fn general(&self) -> String {
        let signatures = json!([{ "protected": self.header, "signature": self.signature }]);
        json!({ "payload": self.payload, "signatures": signatures }).to_string()
    }

    /// Five parts with the header of a JWE (RFC 7516 §7.1); the other parts are those of this token.
    pub fn encrypted(&self) -> String {
        let header = json!({ "alg": "dir", "enc": "A256GCM", "typ": "at+jwt" }).to_string();
        let header = BASE64_URL_SAFE_NO_PAD.encode(header);
        [&*header, "", &*self.payload, &*self.payload, &*self.signature].join(".")
    }

    fn encoded_by(&self, encode: impl Fn(Vec<u8>) -> String) -> String {
        [&self.header, &self.payload, &self.signature].map(|part| encode(decode(part))).join(".")
    }
}

fn decode(part: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(part).expect("the factory writes base64url")
}
