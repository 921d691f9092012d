//! The token factory: good access tokens by default, and every kind of bad one by saying what differs.

mod compact;
mod der;
mod signer;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

pub use self::compact::Compact;
pub use self::signer::Signer;

/// A token that is being written. [`Token::good`] is an RFC 9068 access token that gatepost takes.
#[derive(Clone)]
pub struct Token {
    header: Part,
    payload: Part,
    seal: Seal,
}

#[derive(Clone)]
enum Part {
    Members(Map<String, Value>),
    Raw(Vec<u8>),
}

#[derive(Clone)]
enum Seal {
    By(Signer),
    /// By the signer, in the form that X.509 uses.
    Der(Signer),
    Hmac(hmac::Algorithm, Vec<u8>),
    Bytes(Vec<u8>),
}

impl Token {
    /// Who issues a good token.
    pub const ISSUER: &str = "https://idp.example.com";
    /// Whom a good token is for.
    pub const AUDIENCE: &str = "https://orders.example.com";

    /// A good token: RS256 by [`Signer::shared`], `orders:read` for alice through the client `web`, issued
    /// now and valid for five minutes, with a `jti` of its own.
    pub fn good() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let payload = json!({
            "iss": Self::ISSUER,
            "aud": Self::AUDIENCE,
            "sub": "alice",
            "client_id": "web",
            "scope": "orders:read",
            "jti": format!("token-{}", COUNT.fetch_add(1, Relaxed)),
        });
        let header = Part::of(json!({ "typ": "at+jwt" }));
        let token = Self { header, payload: Part::of(payload), seal: Seal::Bytes(Vec::new()) };
        token.at(now()).signed_by(&Signer::shared("RS256"))
    }

    /// Issued at this time (seconds since 1970) and valid for five minutes from then.
    pub fn at(self, issued: i64) -> Self {
        self.claim("iat", issued).claim("exp", issued + 300)
    }

    /// With this claim.
    ///
    /// # Panics
    /// After [`Token::raw_payload`]; so do the others that edit claims.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.payload.members().insert(name.into(), value.into());
        self
    }

    /// Without this claim.
    pub fn without(mut self, name: &str) -> Self {
        self.payload.members().remove(name);
        self
    }

    /// With these claims and no others.
    ///
    /// # Panics
    /// When they are not an object.
    pub fn only_claims(mut self, claims: Value) -> Self {
        self.payload = Part::of(claims);
        self
    }

    /// With this header member.
    ///
    /// # Panics
    /// After [`Token::raw_header`]; so do the others that edit the header.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.members().insert(name.into(), value.into());
        self
    }

    /// Without this header member.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.members().remove(name);
        self
    }

    /// With these bytes in place of the claims: no JSON, or JSON with a member twice.
    pub fn raw_payload(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.payload = Part::Raw(text.into());
        self
    }

    /// With these bytes in place of the header. Say first who signs.
    pub fn raw_header(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.header = Part::Raw(text.into());
        self
    }

    /// The claims as JSON text, to write a hostile text from.
    pub fn payload_text(&self) -> String {
        String::from_utf8_lossy(&self.payload.bytes()).into_owned()
    }

    /// The header as JSON text, to write a hostile text from.
    pub fn header_text(&self) -> String {
        String::from_utf8_lossy(&self.header.bytes()).into_owned()
    }

    /// Signed by this key, which the header names with its algorithm and kid.
    pub fn signed_by(mut self, signer: &Signer) -> Self {
        self.seal = Seal::By(signer.clone());
        let token = self.without_header("kid").alg(signer.algorithm());
        match signer.key_id() {
            Some(kid) => token.header("kid", kid),
            None => token,
        }
    }

    /// Signed by this key, while the header stays as it is.
    pub fn forged_by(mut self, signer: &Signer) -> Self {
        self.seal = Seal::By(signer.clone());
        self
    }

    /// With this `alg` in the header; who signs, and how, stays.
    pub fn alg(self, name: &str) -> Self {
        self.header("alg", name)
    }

    /// `alg: HS256`, with a secret that everybody knows.
    pub fn hs256(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.seal = Seal::Hmac(hmac::HMAC_SHA256, secret.as_ref().into());
        self.alg("HS256")
    }

    /// With these bytes for a signature.
    pub fn signature(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.seal = Seal::Bytes(bytes.into());
        self
    }

    /// Signed by this key, with r and s in DER as X.509 has them.
    pub fn signed_in_der_by(self, signer: &Signer) -> Self {
        let mut token = self.signed_by(signer);
        token.seal = Seal::Der(signer.clone());
        token
    }

    /// The token.
    pub fn mint(&self) -> String {
        let part = |part: &Part| BASE64_URL_SAFE_NO_PAD.encode(part.bytes());
        let input = format!("{}.{}", part(&self.header), part(&self.payload));
        let signature = self.seal.over(input.as_bytes());
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        let token = format!("{input}.{signature}");
        // The whole, and what would help to make it: its signature, and its claims as they are sent.
        crate::secrets::remember(&token);
        let telling = [signature, part(&self.payload)].into_iter().filter(|part| part.len() >= 16);
        telling.for_each(|part| crate::secrets::remember(&part));
        token
    }

    /// The token, taken apart.
    pub fn compact(&self) -> Compact {
        Compact::of(&self.mint())
    }
}

impl Part {
    fn of(value: Value) -> Self {
        match value {
            Value::Object(members) => Self::Members(members),
            other => panic!("{other} is no object"),
        }
    }

    fn members(&mut self) -> &mut Map<String, Value> {
        match self {
            Self::Members(members) => members,
            Self::Raw(_) => panic!("the text of this part is given: there are no members to edit"),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Members(members) => Value::Object(members.clone()).to_string().into_bytes(),
            Self::Raw(text) => text.clone(),
        }
    }
}

impl Seal {
    fn over(&self, input: &[u8]) -> Vec<u8> {
        match self {
            Self::By(signer) => signer.sign(input),
            Self::Der(signer) => der::ecdsa_signature(&signer.sign(input)),
            Self::Hmac(algorithm, secret) => {
                hmac::sign(&hmac::Key::new(*algorithm, secret), input).as_ref().into()
            }
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

/// The JWK Set of these keys.
pub fn jwks<'a>(signers: impl IntoIterator<Item = &'a Signer>) -> Value {
    json!({ "keys": signers.into_iter().map(Signer::jwk).collect::<Vec<_>>() })
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a good token is issued now")]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    i64::try_from(since.as_secs()).expect("the clock is before the year 292277026596")
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{self, UnparsedPublicKey};

    use super::*;

    fn decode(part: &str) -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn a_good_token_says_what_rfc_9068_asks() {
        let token = Token::good().compact();
        assert_eq!(decode(&token.header), json!({ "alg": "RS256", "kid": "RS256", "typ": "at+jwt" }));
        for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
            assert!(!decode(&token.payload)[name].is_null(), "{name}");
        }
    }

    #[test]
    fn every_algorithm_signs_and_has_a_jwk() {
        for algorithm in Signer::ALGORITHMS {
            let signer = Signer::shared(algorithm);
            assert!(!signer.sign(b"x").is_empty());
            assert_eq!(signer.jwk()["alg"], algorithm);
            assert!(signer.public_pem().starts_with("-----BEGIN PUBLIC KEY-----\nM"));
        }
    }

    #[test]
    fn the_jwk_of_a_curve_is_the_key_that_signs() {
        let signer = Signer::shared("ES256");
        let jwk = signer.jwk();
        let member = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        let point = [vec![4], member("x"), member("y")].concat();
        let key = UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, &point);
        key.verify(b"x", &signer.sign(b"x")).unwrap();
        let key = UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, &point);
        key.verify(b"x", &der::ecdsa_signature(&signer.sign(b"x"))).unwrap();
    }

    #[test]
    fn edits_change_what_they_say_and_nothing_else() {
        let token = Token::good().claim("scope", "a b").without("jti").header("crit", json!(["x"])).compact();
        assert_eq!(decode(&token.payload)["scope"], "a b");
        assert_eq!(decode(&token.payload)["jti"], Value::Null);
        assert_eq!(decode(&token.payload)["sub"], "alice");
        assert_eq!(decode(&token.header)["crit"], json!(["x"]));
    }
}
