//! How a record names people, clients and tokens: enough to tell them apart, and no more.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;

/// Bytes of a digest that are kept: 128 bits, so that no two are alike by chance.
const KEPT: usize = 16;

/// The shortest key, in bytes (NIST SP 800-107 asks for at least the strength wanted).
pub const MIN_KEY_BYTES: usize = 16;

/// How subjects and clients are written.
#[derive(Clone)]
pub enum Identities {
    /// As the token has them.
    Plain,
    /// As HMAC-SHA-256 of them (RFC 2104), with one key.
    Hashed(Box<HashKey>),
}

/// The key of a keyed hash. It is never shown.
#[derive(Clone)]
pub struct HashKey {
    key: hmac::Key,
    id: String,
}

impl Identities {
    /// Hashed with this key.
    #[must_use]
    pub fn hashed(key: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let id = hex(hmac::sign(&key, b"gatepost audit key").as_ref(), 4);
        Self::Hashed(Box::new(HashKey { key, id }))
    }

    /// The name of a subject or client as it is written.
    #[must_use]
    pub fn shown(&self, name: &str) -> String {
        match self {
            Self::Plain => name.to_owned(),
            Self::Hashed(its) => {
                format!("hmac:{}", hex(hmac::sign(&its.key, name.as_bytes()).as_ref(), KEPT))
            }
        }
    }

    /// Tells which key was used, and not what it is: records with the same one can be compared. None where names are
    /// plain.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        match self {
            Self::Plain => None,
            Self::Hashed(its) => Some(&its.id),
        }
    }
}

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Identities").field(&self.key_id()).finish()
    }
}

/// The digest by which a token is known: the first half of its SHA-256. A token is too long to be guessed from it.
#[must_use]
pub fn token_digest(token: &str) -> String {
    format!("sha256:{}", hex(digest(&SHA256, token.as_bytes()).as_ref(), KEPT))
}

fn hex(bytes: &[u8], kept: usize) -> String {
    use std::fmt::Write as _;
    bytes.iter().take(kept).fold(String::with_capacity(2 * kept), |mut text, byte| {
        // A String takes every write.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Claims that say who somebody is: registered ones (RFC 7519, RFC 7662, RFC 8693, RFC 9068), those of OpenID Connect
/// Core §5.1, and those that large authorization servers add.
const PERSONAL: [&str; 34] = [
    "act",
    "address",
    "appid",
    "azp",
    "birthdate",
    "cid",
    "client_id",
    "email",
    "entity_id",
    "family_name",
    "given_name",
    "jti",
    "login",
    "may_act",
    "middle_name",
    "mobile",
    "name",
    "nickname",
    "oid",
    "phone_number",
    "picture",
    "preferred_username",
    "profile",
    "puid",
    "sid",
    "sub",
    "sub_id",
    "uid",
    "unique_name",
    "upn",
    "user_id",
    "user_name",
    "username",
    "website",
];

/// Whether a claim says who somebody is, so that it is not recorded where names are hashed.
#[must_use]
pub fn is_personal(claim: &str) -> bool {
    PERSONAL.binary_search(&claim).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_openssl_does() {
        // printf %s alice | openssl dgst -sha256 -hmac 0123456789abcdef
        let hashed = Identities::hashed(b"0123456789abcdef");
        assert_eq!(hashed.shown("alice"), "hmac:fdbf8b1cacd3d578e062d0e41104357d");
        assert_eq!(token_digest("abc"), "sha256:ba7816bf8f01cfea414140de5dae2223");
        assert_eq!(Identities::Plain.shown("alice"), "alice");
    }

    #[test]
    fn a_key_is_known_by_its_id_and_not_shown() {
        let (one, two) = (Identities::hashed(&[1; 32]), Identities::hashed(&[2; 32]));
        assert_ne!(one.key_id(), two.key_id());
        assert_ne!(one.shown("alice"), two.shown("alice"));
        assert_eq!(format!("{one:?}"), format!("Identities(Some({:?}))", one.key_id().unwrap()));
    }

    #[test]
    fn knows_personal_claims() {
        assert!(PERSONAL.is_sorted() && is_personal("sub") && is_personal("email") && !is_personal("tenant"));
    }
}
