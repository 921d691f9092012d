//! Keys that sign tokens: one for each algorithm a token may name, with the public JWK an issuer publishes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _};
use aws_lc_rs::signature::{RsaEncoding, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::der;

/// A private key, the algorithm it signs with and what its JWK says of both. Cloning shares the key.
#[derive(Clone)]
pub struct Signer {
    key: Arc<Key>,
    algorithm: &'static str,
    kid: Option<String>,
    names_algorithm: bool,
}

enum Key {
    Rsa(RsaKeyPair),
    Ec { pair: EcdsaKeyPair, curve: &'static str },
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// Every algorithm a signer can have. `EdDSA` is the older name of `Ed25519`.
    pub const ALGORITHMS: [&str; 11] =
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"];

    /// The one signer of this algorithm that all tests of a process share; its kid is the algorithm's name.
    ///
    /// # Panics
    /// When there is no such algorithm.
    pub fn shared(algorithm: &str) -> Self {
        static SHARED: OnceLock<Mutex<HashMap<String, Signer>>> = OnceLock::new();
        let shared = SHARED.get_or_init(Mutex::default);
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Self::generate(algorithm).kid(algorithm);
        shared.entry(algorithm.into()).or_insert_with(new).clone()
    }

    /// A signer with a key of its own and the kid `"another"`. RSA keys have 2048 bits.
    ///
    /// # Panics
    /// When there is no such algorithm.
    pub fn generate(algorithm: &str) -> Self {
        let key = Arc::new(Key::generate(algorithm));
        Self { key, algorithm: known(algorithm), kid: Some("another".into()), names_algorithm: true }
    }

    /// The same key under this kid.
    pub fn kid(mut self, kid: &str) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// The same key without a kid, in its JWK and in the tokens it signs.
    pub fn without_kid(mut self) -> Self {
        self.kid = None;
        self
    }

    /// The same key, whose JWK leaves `alg` out.
    pub fn without_alg(mut self) -> Self {
        self.names_algorithm = false;
        self
    }

    /// The same key, which signs with another algorithm of its type, and says so.
    ///
    /// # Panics
    /// When there is no such algorithm, or at [`Signer::sign`] when it is for another type of key.
    pub fn with_alg(mut self, algorithm: &str) -> Self {
        self.algorithm = known(algorithm);
        self
    }

    /// The name of its algorithm.
    pub fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// What names its key.
    pub fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Its public key as an issuer publishes it (RFC 7517).
    pub fn jwk(&self) -> Value {
        let mut jwk = self.key.jwk();
        jwk["use"] = "sig".into();
        if let Some(kid) = &self.kid {
            jwk["kid"] = kid.as_str().into();
        }
        if self.names_algorithm {
            jwk["alg"] = self.algorithm.into();
        }
        jwk
    }

    /// The signature in the form of JWS (RFC 7518 §3.3 to §3.5, RFC 8037 §3.1).
    ///
    /// # Panics
    /// When [`Signer::with_alg`] has given it an algorithm for another type of key.
    pub fn sign(&self, input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &*self.key {
            Key::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding(self.algorithm), &random, input, &mut signature).unwrap();
                signature
            }
            Key::Ec { pair, .. } => pair.sign(&random, input).unwrap().as_ref().into(),
            Key::Ed25519(pair) => pair.sign(input).as_ref().into(),
        }
    }

    /// Its public key in PEM: what a forger would take for an HMAC secret.
    pub fn public_pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = match &*self.key {
            Key::Rsa(pair) => pair.public_key().as_der(),
            Key::Ec { pair, .. } => pair.public_key().as_der(),
            Key::Ed25519(pair) => pair.public_key().as_der(),
        }
        .unwrap();
        pem("PUBLIC KEY", der.as_ref())
    }

    /// Its private key in PEM (PKCS #8), for a client that signs assertions.
    pub fn private_pem(&self) -> String {
        let der: Vec<u8> = match &*self.key {
            Key::Rsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair).unwrap().as_ref().into(),
            Key::Ec { pair, .. } => pair.to_pkcs8v1().unwrap().as_ref().into(),
            Key::Ed25519(pair) => pair.to_pkcs8v1().unwrap().as_ref().into(),
        };
        pem("PRIVATE KEY", &der)
    }
}

impl Key {
    fn generate(algorithm: &str) -> Self {
        match algorithm {
            "ES256" => Self::ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
            "ES384" => Self::ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
            "ES512" => Self::ec(&signature::ECDSA_P521_SHA512_FIXED_SIGNING, "P-521"),
            "Ed25519" | "EdDSA" => Self::Ed25519(Ed25519KeyPair::generate().unwrap()),
            _ => Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        }
    }

    fn ec(algorithm: &'static EcdsaSigningAlgorithm, curve: &'static str) -> Self {
        Self::Ec { pair: EcdsaKeyPair::generate(algorithm).unwrap(), curve }
    }

    fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa(pair) => {
                let (n, e) = der::rsa_public_key(pair.public_key().as_ref());
                json!({ "kty": "RSA", "n": text(n), "e": text(e) })
            }
            Self::Ec { pair, curve } => {
                // SEC 1 §2.3.3: 04, then both coordinates.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
                json!({ "kty": "EC", "crv": curve, "x": text(x), "y": text(y) })
            }
            Self::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) })
            }
        }
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn padding(algorithm: &str) -> &'static dyn RsaEncoding {
    match algorithm {
        "RS256" => &signature::RSA_PKCS1_SHA256,
        "RS384" => &signature::RSA_PKCS1_SHA384,
        "RS512" => &signature::RSA_PKCS1_SHA512,
        "PS256" => &signature::RSA_PSS_SHA256,
        "PS384" => &signature::RSA_PSS_SHA384,
        "PS512" => &signature::RSA_PSS_SHA512,
        other => panic!("{other} is no algorithm of an RSA key"),
    }
}

fn known(algorithm: &str) -> &'static str {
    let found = Signer::ALGORITHMS.into_iter().find(|known| *known == algorithm);
    found.unwrap_or_else(|| panic!("no signer has the algorithm {algorithm}"))
}
