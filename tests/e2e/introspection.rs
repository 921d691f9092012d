//! Promise: opaque tokens are taken as their issuer says and never otherwise, whatever it answers and however
//! many clients ask; and it is asked no more than it can bear (standards.md A.3).

mod breaker;
mod cache;
mod clients;
mod crowd;
mod endings;
mod flood;
mod hidden;
mod jwts;
mod malformed;
mod real;

use std::fs;

use gatepost_test_support::{Answer, Endpoint, EnvoyConfig, IntrospectionServer, wait};
use serde_json::Value;
use tempfile::TempDir;

use crate::stand::{Config, Stand, issuer};

/// Files as a mounted Secret has them.
pub struct Secrets(TempDir);

/// What the scripted server's client `gatepost` has for a secret: client_secret_basic must escape it.
pub const SECRET: &str = "s3cret+%:/ü";

impl Secrets {
    /// With this in the file `secret`.
    pub fn with(secret: &str) -> Self {
        gatepost_test_support::secrets::remember(secret.trim());
        let secrets = Self(tempfile::tempdir().unwrap());
        secrets.write("secret", secret);
        secrets
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Where a file is.
    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// `client`, with the secret in the header.
    pub fn basic(&self) -> String {
        format!("client: {{ id: gatepost, auth: client_secret_basic, secret_file: {} }}", self.path("secret"))
    }
}

/// A configuration with one issuer, `test`, that introspects with these lines below `introspection`. Times are
/// long, because a busy machine is no reason to fail.
pub fn config(identifier: &str, lines: &str) -> Config {
    config_with(identifier, "", lines)
}

/// As [`config`], with these lines of the issuer too.
pub fn config_with(identifier: &str, of_issuer: &str, lines: &str) -> Config {
    let timeout = if lines.contains("timeout:") { "" } else { "timeout: 15s\n" };
    let mut introspection = String::from(of_issuer);
    introspection.push_str("\nintrospection:\n");
    format!("{timeout}{lines}").lines().for_each(|line| introspection.push_str(&format!("  {line}\n")));
    Config::of(&format!("issuers:\n{}", issuer("test", identifier, &introspection)))
        .and("check: { deadline: 15s }")
}

/// A stand whose issuer is scripted.
pub type Scripted = Stand<IntrospectionServer>;

/// Behind an Envoy that waits long.
pub async fn stand<I>(issuer: I, config: Config) -> Stand<I> {
    let envoy = EnvoyConfig::shipped().unwrap().replace(" timeout: 1s", " timeout: 30s").unwrap();
    let mut stand = Stand::behind(envoy, issuer, config).await;
    stand.gatepost.ready().await;
    stand
}

/// With a scripted issuer that is asked with a secret, and these lines below `introspection`.
pub async fn scripted(lines: &str) -> (Scripted, Secrets) {
    let server = IntrospectionServer::start().await.unwrap();
    let secrets = Secrets::with(SECRET);
    let config = config(server.issuer(), &format!("{}\n{lines}", secrets.basic()));
    (stand(server, config).await, secrets)
}

/// What /statusz says of the introspection of the only issuer.
pub async fn status<I>(stand: &Stand<I>) -> Value {
    stand.gatepost.status().await["issuers"][0]["introspection"].clone()
}

/// Waits until the status page shows this value.
pub async fn until_status<I>(stand: &Stand<I>, name: &str, value: impl Into<Value>) {
    let value = value.into();
    let shown = async || (status(stand).await[name] == value).then_some(());
    wait::until(&format!("{name} {value} on the status page"), shown).await.unwrap();
}

/// Waits until so many introspection requests have come.
pub async fn until_calls(stand: &Scripted, count: usize) {
    let come = async || (stand.issuer.calls() >= count).then_some(());
    wait::until("the introspection request", come).await.unwrap();
    assert_eq!(stand.issuer.calls(), count);
}

/// Waits until the answer to a token has this status.
pub async fn until_token<I>(stand: &Stand<I>, token: &str, expected: u16) -> Answer {
    let found = async || Some(stand.token(token).await).filter(|answer| answer.status == expected);
    wait::until(&format!("an answer {expected}"), found).await.unwrap()
}

/// An outage: 503 without a challenge, by gatepost, so that no client takes it for a decision.
#[track_caller]
pub fn assert_outage(answer: &Answer, what: &str) {
    let found = (answer.status, answer.header("www-authenticate"), answer.header("cache-control"));
    assert_eq!(found, (503, None, Some("no-store")), "{what}: {}", answer.text());
}

/// The endpoint of the real server.
pub const ASKED: Endpoint = Endpoint::Introspection;
