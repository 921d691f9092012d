//! What the access tokens of well-known authorization servers look like.
//!
//! Each preset is a starting point that an issuer's own keys override. Where `typ` says nothing, a preset
//! asks for a claim that the same server's ID tokens do not have.

use serde_json::{Value, json};

use crate::check::issuer::TokenTypes;

/// A kind of authorization server.
#[derive(Clone, Debug)]
pub struct Preset {
    /// What `preset:` says.
    pub name: &'static str,
    /// Accepted header types.
    pub types: TokenTypes,
    /// Claims that must be there, besides `iss` and `exp`.
    pub mandatory_claims: &'static [&'static str],
    /// Claims that must have one of these values.
    pub required_values: Vec<(&'static str, Vec<Value>)>,
    /// Claims that carry scopes.
    pub scope_claims: &'static [&'static str],
    /// Claims that name the client.
    pub client_claims: &'static [&'static str],
}

const JWT: TokenTypes = TokenTypes { at_jwt: false, jwt: true, absent: false };
const EITHER: TokenTypes = TokenTypes { at_jwt: true, jwt: true, absent: false };
const ABSENT: TokenTypes = TokenTypes { at_jwt: false, jwt: false, absent: true };

impl Preset {
    /// RFC 9068, for every issuer that names no other.
    #[must_use]
    pub fn strict() -> Self {
        Self {
            name: "rfc9068",
            types: TokenTypes::STRICT,
            mandatory_claims: &["sub", "client_id", "iat", "jti"],
            required_values: vec![],
            scope_claims: &["scope"],
            client_claims: &["client_id"],
        }
    }

    /// All presets; the first is the default.
    #[must_use]
    pub fn all() -> [Self; 7] {
        [
            Self::strict(),
            Self {
                name: "keycloak",
                types: EITHER,
                mandatory_claims: &["iat", "jti", "azp"],
                required_values: vec![("typ", vec![json!("Bearer")])],
                scope_claims: &["scope"],
                client_claims: &["azp", "client_id"],
            },
            Self {
                name: "auth0",
                types: JWT,
                mandatory_claims: &["sub", "iat", "azp"],
                required_values: vec![],
                scope_claims: &["scope", "permissions"],
                client_claims: &["azp", "client_id"],
            },
            Self {
                name: "okta",
                types: ABSENT,
                mandatory_claims: &["sub", "iat", "jti", "cid"],
                required_values: vec![],
                scope_claims: &["scp"],
                client_claims: &["cid"],
            },
            Self {
                name: "entra",
                types: JWT,
                mandatory_claims: &["sub", "iat", "azp", "tid"],
                required_values: vec![("ver", vec![json!("2.0")])],
                scope_claims: &["scp", "roles"],
                client_claims: &["azp", "appid"],
            },
            Self {
                name: "cognito",
                types: ABSENT,
                mandatory_claims: &["sub", "iat", "jti", "client_id"],
                required_values: vec![("token_use", vec![json!("access")])],
                scope_claims: &["scope"],
                client_claims: &["client_id"],
            },
            Self {
                name: "hydra",
                types: JWT,
                mandatory_claims: &["sub", "iat", "jti", "client_id"],
                required_values: vec![],
                scope_claims: &["scp"],
                client_claims: &["client_id"],
            },
        ]
    }

    /// The preset of this name; without a name, the default.
    #[must_use]
    pub fn named(name: Option<&str>) -> Option<Self> {
        match name {
            None => Some(Self::strict()),
            Some(name) => Self::all().into_iter().find(|preset| preset.name == name),
        }
    }
}
