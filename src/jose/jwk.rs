//! One JSON Web Key (RFC 7517 §4) made ready to verify with, or the reason why it can't be used.

use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use serde_json::{Map, Value};

use super::algorithm::{Algorithm, KeyType, Verifier};
use super::compact::Jws;
use super::header::MAX_KID_BYTES;
use super::json::{JsonFault, Limits, object};
use super::roca;

/// A public key, parsed once for each algorithm it may be used with.
#[derive(Debug)]
pub struct VerificationKey {
    kid: Option<String>,
    thumbprint: String,
    parsed: Vec<(Algorithm, ParsedPublicKey)>,
}

/// Why a JWK is not used. It costs only that key (RFC 7517 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// The entry is not an acceptable JSON object.
    #[error("entry {0}")]
    Json(JsonFault),
    /// A member is missing or of the wrong type.
    #[error("member {0} is missing or malformed")]
    Member(&'static str),
    /// `kty` or `crv` is none that we verify with; `oct` is never taken from a key set.
    #[error("key type or curve is not supported")]
    Unsupported,
    /// `use` is not `sig`, or `key_ops` lacks `verify`.
    #[error("key is not meant for signatures")]
    NotForSignatures,
    /// `alg` is none that exists here, or does not fit the key.
    #[error("alg is not supported or does not fit the key")]
    Algorithm,
    /// A good key that the issuer's configuration leaves out: no fault of the issuer's.
    #[error("its algorithm is not among those configured for the issuer")]
    NotConfigured,
    /// A private member stands in a published key: whoever read it can sign.
    #[error("entry contains the private key, which is now public")]
    PrivatePublished,
    /// RSA below 2048 or above 8192 bits, or a public exponent that is even or below 3 (RFC 7518 §3.3).
    #[error("RSA key is too small, too large or has a weak exponent")]
    WeakRsa,
    /// The modulus has the fingerprint of CVE-2017-15361.
    #[error("RSA modulus is from a generator with a known weakness (ROCA)")]
    Roca,
    /// The point or modulus was rejected.
    #[error("key material is invalid")]
    Invalid,
    /// Another key of the set has the same `kid` and algorithm.
    #[error("another key has the same kid and algorithm")]
    RepeatedKid,
    /// More keys in the set than are read.
    #[error("set has too many keys")]
    TooMany,
}

impl VerificationKey {
    pub(super) fn read(entry: &[u8], allowed: &[Algorithm]) -> Result<Self, KeyFault> {
        let jwk = object(entry, Limits::DOCUMENT).map_err(KeyFault::Json)?;
        refuse_unfit(&jwk)?;
        let material = Material::read(&jwk)?;
        let algorithms = algorithms(&jwk, &material, allowed)?;
        let parsed = algorithms
            .into_iter()
            .map(|algorithm| Ok((algorithm, material.parse(algorithm)?)))
            .collect::<Result<_, KeyFault>>()?;
        let kid = member(&jwk, "kid")?.map(str::to_owned);
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Err(KeyFault::Member("kid"));
        }
        Ok(Self { kid, thumbprint: thumbprint(&jwk)?, parsed })
    }

    /// The key's id, where it has one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// What names the key to a person: its `kid`, else its RFC 7638 thumbprint.
    #[must_use]
    pub fn label(&self) -> &str {
        self.kid.as_deref().unwrap_or(&self.thumbprint)
    }

    /// Whether another entry is this key again.
    pub(super) fn is_the_same_as(&self, other: &Self) -> bool {
        self.kid == other.kid && self.thumbprint == other.thumbprint
    }

    /// Takes over what another entry of this key allows.
    pub(super) fn merge(&mut self, other: Self) {
        let new =
            |(algorithm, _): &(Algorithm, ParsedPublicKey)| !self.algorithms().any(|its| its == *algorithm);
        let more: Vec<_> = other.parsed.into_iter().filter(new).collect();
        self.parsed.extend(more);
    }

    /// The algorithms it verifies.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.parsed.iter().map(|(algorithm, _)| *algorithm)
    }

    /// Whether this key made the token's signature with this algorithm.
    #[must_use]
    pub fn verifies(&self, jws: &Jws<'_>, algorithm: Algorithm) -> bool {
        self.verifies_bytes(jws.signing_input, &jws.signature, algorithm)
    }

    /// Whether this key made this signature of these bytes with this algorithm.
    #[must_use]
    pub fn verifies_bytes(&self, signed: &[u8], signature: &[u8], algorithm: Algorithm) -> bool {
        let fitting = self.parsed.iter().filter(|(its, _)| *its == algorithm);
        fitting.into_iter().any(|(_, key)| key.verify_sig(signed, signature).is_ok())
    }
}

fn refuse_unfit(jwk: &Map<String, Value>) -> Result<(), KeyFault> {
    if member(jwk, "use")?.is_some_and(|usage| usage != "sig") {
        return Err(KeyFault::NotForSignatures);
    }
    if let Some(operations) = jwk.get("key_ops") {
        let operations = operations.as_array().ok_or(KeyFault::Member("key_ops"))?;
        if !operations.iter().any(|operation| operation == "verify") {
            return Err(KeyFault::NotForSignatures);
        }
    }
    let asymmetric = jwk.get("kty").is_some_and(|kty| kty != "oct");
    if asymmetric
        && ["d", "p", "q", "dp", "dq", "qi", "oth", "priv"].iter().any(|name| jwk.contains_key(*name))
    {
        return Err(KeyFault::PrivatePublished);
    }
    Ok(())
}

/// RFC 8725 §3.1: a key is used with its own `alg`; without one, with those that its type allows.
fn algorithms(
    jwk: &Map<String, Value>,
    material: &Material,
    allowed: &[Algorithm],
) -> Result<Vec<Algorithm>, KeyFault> {
    let named = match member(jwk, "alg")? {
        Some(name) => Some(Algorithm::from_name(name).ok_or(KeyFault::Algorithm)?),
        None => None,
    };
    let fits = |algorithm: &Algorithm| {
        algorithm.key_type() == material.key_type() && named.is_none_or(|named| named == *algorithm)
    };
    if !Algorithm::ALL.iter().any(fits) {
        return Err(KeyFault::Algorithm);
    }
    let usable: Vec<_> = allowed.iter().copied().filter(fits).collect();
    if usable.is_empty() { Err(KeyFault::NotConfigured) } else { Ok(usable) }
}

enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    Ec { curve: &'static str, point: Vec<u8> },
    Ed25519(Vec<u8>),
}

impl Material {
    fn read(jwk: &Map<String, Value>) -> Result<Self, KeyFault> {
        match member(jwk, "kty")?.ok_or(KeyFault::Member("kty"))? {
            "RSA" => Self::read_rsa(jwk),
            "EC" => Self::read_ec(jwk),
            "OKP" if member(jwk, "crv")? == Some("Ed25519") => Ok(Self::Ed25519(bytes(jwk, "x")?)),
            _ => Err(KeyFault::Unsupported),
        }
    }

    fn read_rsa(jwk: &Map<String, Value>) -> Result<Self, KeyFault> {
        let (modulus, exponent) =
            (without_leading_zeros(bytes(jwk, "n")?), without_leading_zeros(bytes(jwk, "e")?));
        let bits = modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize);
        let odd = exponent.last().is_some_and(|last| last % 2 == 1);
        if !(2048..=8192).contains(&bits) || !odd || exponent == [1] {
            return Err(KeyFault::WeakRsa);
        }
        // A product of odd primes is odd.
        if modulus.last().is_none_or(|last| last % 2 == 0) {
            return Err(KeyFault::Invalid);
        }
        if roca::has_fingerprint(&modulus) {
            return Err(KeyFault::Roca);
        }
        Ok(Self::Rsa { modulus, exponent })
    }

    fn read_ec(jwk: &Map<String, Value>) -> Result<Self, KeyFault> {
        let (curve, width) = match member(jwk, "crv")?.ok_or(KeyFault::Member("crv"))? {
            "P-256" => ("P-256", 32),
            "P-384" => ("P-384", 48),
            "P-521" => ("P-521", 66),
            _ => return Err(KeyFault::Unsupported),
        };
        let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
        // RFC 7518 §6.2.1.2: coordinates have the full width of the curve.
        if x.len() != width || y.len() != width {
            return Err(KeyFault::Invalid);
        }
        Ok(Self::Ec { curve, point: [&[4], x.as_slice(), y.as_slice()].concat() })
    }

    fn key_type(&self) -> KeyType {
        match self {
            Self::Rsa { .. } => KeyType::Rsa,
            Self::Ec { curve, .. } => KeyType::Ec(curve),
            Self::Ed25519(_) => KeyType::Ed25519,
        }
    }

    fn parse(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, KeyFault> {
        let verifier = algorithm.verifier();
        let parsed = match (self, &verifier) {
            (Self::Rsa { modulus, exponent }, Verifier::Rsa(parameters)) => {
                RsaPublicKeyComponents { n: modulus, e: exponent }.to_parsed_public_key(parameters)
            }
            (Self::Ec { point, .. }, Verifier::Ecdsa(_)) => ParsedPublicKey::new(verifier.algorithm(), point),
            (Self::Ed25519(key), Verifier::EdDsa(_)) => ParsedPublicKey::new(verifier.algorithm(), key),
            _ => return Err(KeyFault::Algorithm),
        };
        parsed.map_err(|_| KeyFault::Invalid)
    }
}

fn member<'a>(jwk: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, KeyFault> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(KeyFault::Member(name)),
    }
}

fn bytes(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, KeyFault> {
    let text = member(jwk, name)?.ok_or(KeyFault::Member(name))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyFault::Member(name))
}

/// Some issuers write a sign byte before `n`, which RFC 7518 §6.3.1.1 forbids; the number is the same.
fn without_leading_zeros(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

fn thumbprint(jwk: &Map<String, Value>) -> Result<String, KeyFault> {
    // Only the members that RFC 7638 §3.2 hashes, so that an odd optional one can't fail the reading.
    let required = ["kty", "crv", "x", "y", "n", "e"];
    let members = jwk.iter().filter(|(name, _)| required.contains(&name.as_str()));
    let minimal = Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect());
    let jwk: Jwk = serde_json::from_value(minimal).map_err(|_| KeyFault::Invalid)?;
    jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| KeyFault::Invalid)
}
