//! The access token a test asks for: it says only what differs from a good one.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Request;
use crate::client::percent_encode;

/// By default a good token for reading orders: a JWT signed with RS256, valid for five minutes, issued to
/// `web`.
#[derive(Clone, Debug)]
pub struct Mint<'a> {
    /// The `aud`, a URI (RFC 8707 §2). `""` asks for none, which makes the token opaque and usable nowhere.
    pub audience: &'a str,
    /// Scopes, separated by spaces; every scope is granted.
    pub scope: &'a str,
    /// How long it is valid, in whole seconds, at least one.
    pub ttl: Duration,
    pub format: Format,
    /// One of those of [`crate::AuthorizationServer`]; an opaque token has none.
    pub algorithm: &'a str,
    /// The client it is issued to.
    pub client: &'a str,
    /// The `sub`; the client, when there is none.
    pub subject: Option<&'a str>,
    /// More claims, an object. They come back from introspection too.
    pub claims: Value,
    /// A DPoP proof (RFC 9449) for the token endpoint: binds the token to the proof's key.
    pub dpop_proof: Option<&'a str>,
    /// A certificate in PEM, as if the client had come with it (RFC 8705): binds a token of the client
    /// `bound`.
    pub certificate: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// RFC 9068.
    #[default]
    Jwt,
    /// A reference, which only introspection resolves.
    Opaque,
}

impl Default for Mint<'_> {
    fn default() -> Self {
        Self {
            audience: "https://orders.example.com",
            scope: "orders:read",
            ttl: Duration::from_secs(300),
            format: Format::Jwt,
            algorithm: "RS256",
            client: "web",
            subject: None,
            claims: json!({}),
            dpop_proof: None,
            certificate: None,
        }
    }
}

impl Mint<'_> {
    pub(super) fn request(&self, secret: &str) -> Request {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", self.client),
            ("client_secret", secret),
            ("scope", self.scope),
            ("resource", self.audience),
        ];
        // Empty parameters count as absent (RFC 6749 §3.2).
        let mut request = Request::post("/token").form(&form).header("gatepost-test-shape", self.shape());
        if let Some(proof) = self.dpop_proof {
            request = request.header("DPoP", proof);
        }
        if let Some(certificate) = self.certificate {
            request = request.header("gatepost-test-certificate", percent_encode(certificate));
        }
        request
    }

    fn shape(&self) -> String {
        let format = match self.format {
            Format::Jwt => "jwt",
            Format::Opaque => "opaque",
        };
        let mut shape = json!({ "alg": self.algorithm, "format": format, "ttl": self.ttl.as_secs() });
        shape["claims"] = self.claims.clone();
        if let Some(subject) = self.subject {
            shape["subject"] = subject.into();
        }
        percent_encode(&shape.to_string())
    }
}
