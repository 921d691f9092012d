//! A real authorization server (npm oidc-provider), whose keys, tokens and faults a test steers.

mod mint;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::spawn_blocking;

pub use self::mint::{Format, Mint};
use crate::error::Doing as _;
use crate::{Answer, Error, Process, Request, ReservedPort, Result, tools};

/// An authorization server at `http://127.0.0.1:PORT`, with a signing key for each of RS256, PS256, ES256,
/// ES384, ES512, EdDSA and Ed25519.
///
/// Its clients are `web`, `batch` and `bound` (whose tokens are bound to a client certificate), which get
/// tokens, and `gatepost` (client_secret_basic) and `gatepost-post` (client_secret_post), which introspect.
pub struct AuthorizationServer {
    process: Process,
    port: ReservedPort,
    control: SocketAddr,
    secrets: HashMap<String, String>,
}

/// What a test counts and breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Metadata,
    Jwks,
    Token,
    Introspection,
    Revocation,
}

/// How an endpoint misbehaves.
#[derive(Clone, Debug, Default)]
pub struct Fault {
    /// Waits so long before it answers, or until another fault or [`AuthorizationServer::heal`] takes the
    /// place of this.
    pub delay: Duration,
    /// Answers with this status, and `body`, in place of the truth.
    pub status: Option<u16>,
    pub body: String,
}

impl AuthorizationServer {
    /// # Errors
    /// When it cannot be fetched or does not start; with the tail of its log.
    pub async fn start() -> Result<Self> {
        let modules = spawn_blocking(tools::authorization_server_modules)
            .await
            .doing(|| "fetching the authorization server panicked".into())??;
        let port = ReservedPort::choose()?;
        let mut command = Command::new("node");
        command.arg(tools::authorization_server_sources().join("server.mjs"));
        command.arg(modules).arg(port.address().port().to_string());
        let mut process = Process::start("the authorization server", &mut command)?;
        let line = process.line("its announcement", |line| line.starts_with("{\"issuer\"")).await?;
        let (control, secrets) = parse_announcement(&line)
            .ok_or_else(|| Error::new(format!("the authorization server announced itself with {line}")))?;
        secrets.values().for_each(|secret| crate::secrets::remember(secret));
        Ok(Self { process, port, control, secrets })
    }

    /// Its issuer identifier, as tokens carry it.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.port.address())
    }

    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    pub fn jwks_uri(&self) -> String {
        format!("{}/jwks", self.issuer())
    }

    pub fn introspection_endpoint(&self) -> String {
        format!("{}/token/introspection", self.issuer())
    }

    /// The secret of one of its clients. It has `+`, `%` and `:` in it, which client_secret_basic must
    /// escape.
    ///
    /// # Panics
    /// When it has no such client.
    pub fn secret(&self, client: &str) -> &str {
        &self.secrets[client]
    }

    /// An access token from the token endpoint, by client credentials.
    ///
    /// # Errors
    /// When the token endpoint refuses, with what it says.
    pub async fn mint(&self, mint: Mint<'_>) -> Result<String> {
        let answer = mint.request(self.secret(mint.client)).send(self.address()).await?;
        let token = answer.json()?["access_token"].as_str().map(str::to_owned);
        token.iter().for_each(|token| crate::secrets::remember(token));
        token.ok_or_else(|| Error::new(format!("no token for {mint:?}: {} {}", answer.status, answer.text())))
    }

    /// An ID token for `client` about `subject` (RS256): signed by the same keys, and no access token.
    pub async fn id_token(&self, client: &str, subject: &str) -> Result<String> {
        let body = json!({ "client": client, "subject": subject });
        let token = text(&self.control("id-token", &body).await?["token"])?;
        crate::secrets::remember(&token);
        Ok(token)
    }

    /// What introspection (RFC 7662) says of a token, asked as the client `web`.
    pub async fn introspect(&self, token: &str) -> Result<Value> {
        self.about("/token/introspection", token, "web").await?.json()
    }

    /// Revokes an opaque token (RFC 7009) of the client it was issued to. A JWT it refuses.
    pub async fn revoke(&self, token: &str, client: &str) -> Result<()> {
        let answer = self.about("/token/revocation", token, client).await?;
        match answer.status {
            200 => Ok(()),
            status => Err(Error::new(format!("cannot revoke: {status} {}", answer.text()))),
        }
    }

    /// Makes and publishes a key and signs with it from here on; the key before it stays published. Returns
    /// its kid.
    pub async fn rotate(&self, algorithm: &str) -> Result<String> {
        text(&self.control("rotate", &json!({ "alg": algorithm, "publish": true })).await?["kid"])
    }

    /// As [`AuthorizationServer::rotate`], but the key is not in the JWKS until
    /// [`AuthorizationServer::publish`].
    pub async fn rotate_unpublished(&self, algorithm: &str) -> Result<String> {
        text(&self.control("rotate", &json!({ "alg": algorithm, "publish": false })).await?["kid"])
    }

    /// The kid of the key that signs `algorithm` now.
    pub async fn kid(&self, algorithm: &str) -> Result<String> {
        text(&self.control("current", &json!({ "alg": algorithm })).await?["kid"])
    }

    /// Puts a key in the JWKS.
    pub async fn publish(&self, kid: &str) -> Result<()> {
        self.control("publish", &json!({ "kid": kid })).await.map(drop)
    }

    /// Takes a key out of the JWKS. If it was the one that signs, it goes on signing.
    pub async fn unpublish(&self, kid: &str) -> Result<()> {
        self.control("unpublish", &json!({ "kid": kid })).await.map(drop)
    }

    /// Whether the JWKS has an ETag and answers 304 to the client that knows it; at first it has none.
    pub async fn jwks_etag(&self, on: bool) -> Result<()> {
        self.control("jwks", &json!({ "etag": on })).await.map(drop)
    }

    /// The Cache-Control of the JWKS; at first it has none.
    pub async fn jwks_cache_control(&self, value: Option<&str>) -> Result<()> {
        self.control("jwks", &json!({ "cacheControl": value })).await.map(drop)
    }

    /// How many requests have come to this endpoint, failed ones too.
    pub async fn requests(&self, endpoint: Endpoint) -> Result<u64> {
        let counts = self.control("requests", &json!({})).await?;
        counts[endpoint.name()]
            .as_u64()
            .ok_or_else(|| Error::new(format!("no count of {endpoint:?} in {counts}")))
    }

    pub async fn jwks_requests(&self) -> Result<u64> {
        self.requests(Endpoint::Jwks).await
    }

    pub async fn introspection_requests(&self) -> Result<u64> {
        self.requests(Endpoint::Introspection).await
    }

    /// Makes an endpoint misbehave until [`AuthorizationServer::heal`].
    pub async fn fault(&self, endpoint: Endpoint, fault: &Fault) -> Result<()> {
        let delay = u64::try_from(fault.delay.as_millis()).doing(|| "the delay is too long".into())?;
        let fault = json!({ "delay": delay, "status": fault.status, "body": fault.body });
        self.control("fault", &json!({ "endpoint": endpoint.name(), "fault": fault })).await.map(drop)
    }

    pub async fn heal(&self, endpoint: Endpoint) -> Result<()> {
        self.control("fault", &json!({ "endpoint": endpoint.name() })).await.map(drop)
    }

    /// Cuts its connections and refuses new ones until [`AuthorizationServer::restart`].
    pub async fn stop(&self) -> Result<()> {
        self.control("stop", &json!({})).await.map(drop)
    }

    /// Is back at the same port with the keys and the tokens it had.
    pub async fn restart(&self) -> Result<()> {
        self.control("start", &json!({})).await.map(drop)
    }

    /// What it has written.
    pub fn log(&self) -> String {
        self.process.log()
    }

    async fn about(&self, endpoint: &str, token: &str, client: &str) -> Result<Answer> {
        let form = [("token", token), ("client_id", client), ("client_secret", self.secret(client))];
        Request::post(endpoint).form(&form).send(self.address()).await
    }

    async fn control(&self, operation: &str, body: &Value) -> Result<Value> {
        let answer = Request::post(&format!("/{operation}")).json(body).send(self.control).await?;
        match answer.status {
            200 => answer.json(),
            _ => Err(Error::new(format!(
                "the authorization server cannot {operation} {body}: {}",
                answer.text()
            ))),
        }
    }
}

impl Endpoint {
    fn name(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Jwks => "jwks",
            Self::Token => "token",
            Self::Introspection => "introspection",
            Self::Revocation => "revocation",
        }
    }
}

fn parse_announcement(line: &str) -> Option<(SocketAddr, HashMap<String, String>)> {
    let announced: Value = serde_json::from_str(line).ok()?;
    let control = announced["control"].as_u64()?.try_into().ok()?;
    let secrets = announced["clients"].as_object()?.iter();
    let secrets = secrets.map(|(id, secret)| Some((id.clone(), secret.as_str()?.to_owned())));
    Some((SocketAddr::from(([127, 0, 0, 1], control)), secrets.collect::<Option<_>>()?))
}

fn text(value: &Value) -> Result<String> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Error::new(format!("the authorization server answered {value}")))
}
