//! Promise: what an issuer says of a token (RFC 7662, RFC 9701) is judged as strictly as a JWT's own claims, and
//! what is no answer says nothing (standards.md A.3).

mod answers;
mod configuration;
mod confirmation;
mod routing;
mod signed;

use gatepost::check::introspection::{Answer, read};
use gatepost_test_support::Token;
use serde_json::{Value, json};

use crate::gate::{Gate, NOW};

/// `introspection` of an issuer, with these lines in it.
pub fn introspection(lines: &str) -> String {
    let client = "client: { id: gatepost, auth: client_secret_basic, secret_file: secret }";
    format!("introspection: {{ {client}{}{lines} }}", if lines.is_empty() { "" } else { ", " })
}

/// A gate with one issuer that introspects, with these lines in its `introspection`.
pub fn gate(lines: &str) -> Gate {
    Gate::with_issuer(&introspection(lines))
}

/// What an issuer says of a good token.
pub fn active() -> Value {
    json!({
        "active": true,
        "iss": Token::ISSUER,
        "aud": Token::AUDIENCE,
        "sub": "alice",
        "client_id": "web",
        "scope": "orders:read",
        "token_type": "Bearer",
        "iat": NOW,
        "exp": NOW + 300,
    })
}

/// The same with this member in place of its own.
pub fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut answer = active();
    answer[name] = value.into();
    answer
}

/// The same without this member.
pub fn without(name: &str) -> Value {
    let mut answer = active();
    answer.as_object_mut().unwrap().remove(name);
    answer
}

/// As it is read off the wire.
pub fn answer(value: &Value) -> Answer {
    read(value.to_string().as_bytes()).unwrap()
}
