//! The signature algorithms that exist for gatepost: asymmetric ones only.
//!
//! `none` and the HMAC family have no variant, so no configuration can accept them (RFC 8725 §3.1, §3.2).

use aws_lc_rs::signature::{
    self, EcdsaVerificationAlgorithm, EdDSAParameters, RsaParameters, VerificationAlgorithm,
};

/// A JWS signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519, called `EdDSA` by RFC 8037 and `Ed25519` by RFC 9864: one algorithm, two names.
    Ed25519,
}

/// What a key must be for an algorithm (RFC 7518 §6.1, RFC 8037 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// `kty: RSA`.
    Rsa,
    /// `kty: EC` with this `crv`.
    Ec(&'static str),
    /// `kty: OKP` with `crv: Ed25519`.
    Ed25519,
}

/// How aws-lc-rs is told what to verify.
pub(super) enum Verifier {
    Rsa(&'static RsaParameters),
    Ecdsa(&'static EcdsaVerificationAlgorithm),
    EdDsa(&'static EdDSAParameters),
}

impl Verifier {
    pub(super) fn algorithm(&self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Rsa(parameters) => *parameters,
            Self::Ecdsa(algorithm) => *algorithm,
            Self::EdDsa(parameters) => *parameters,
        }
    }
}

impl Algorithm {
    /// Every algorithm, in the order in which documentation lists them.
    pub const ALL: [Self; 10] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Ed25519,
    ];

    /// The algorithm of exactly this name; case matters (RFC 7515 §4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "EdDSA" {
            return Some(Self::Ed25519);
        }
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// The registered name; for Ed25519 the fully specified one of RFC 9864.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// The only kind of key that this algorithm may be used with.
    #[must_use]
    pub fn key_type(self) -> KeyType {
        match self {
            Self::Es256 => KeyType::Ec("P-256"),
            Self::Es384 => KeyType::Ec("P-384"),
            Self::Es512 => KeyType::Ec("P-521"),
            Self::Ed25519 => KeyType::Ed25519,
            _ => KeyType::Rsa,
        }
    }

    pub(super) fn verifier(self) -> Verifier {
        match self {
            Self::Rs256 => Verifier::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Verifier::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Verifier::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Verifier::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Verifier::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Verifier::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Es256 => Verifier::Ecdsa(&signature::ECDSA_P256_SHA256_FIXED),
            Self::Es384 => Verifier::Ecdsa(&signature::ECDSA_P384_SHA384_FIXED),
            Self::Es512 => Verifier::Ecdsa(&signature::ECDSA_P521_SHA512_FIXED),
            Self::Ed25519 => Verifier::EdDsa(&signature::ED25519),
        }
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact_and_case_sensitive() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
            assert_eq!(Algorithm::from_name(&algorithm.name().to_lowercase()), None);
        }
    }

    #[test]
    fn none_and_hmac_do_not_exist() {
        for name in ["none", "None", "NONE", "noNE", "HS256", "HS384", "HS512", "", "RS256 ", "ES256K"] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn both_names_of_ed25519_are_one_algorithm() {
        assert_eq!(Algorithm::from_name("EdDSA"), Some(Algorithm::Ed25519));
        assert_eq!(Algorithm::from_name("Ed25519"), Some(Algorithm::Ed25519));
    }
}
