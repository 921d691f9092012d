//! The stand that incidents happen in: a real authorization server `corp`, a feed `hub` in a real Redis, and a feed
//! `break-glass` in a file.

use std::fs::OpenOptions;
use std::io::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gatepost_test_support::{AuthorizationServer, Format, Mint, RedisServer, token, wait};
use serde_json::{Value, json};

use super::book::Runbook;
use crate::introspection::{Secrets, stand, until_token};
use crate::stand::{Config, Gatepost, HOST, POLICY, Stand, issuer};

/// So that there is something to judge again.
pub const ALL_REQUESTS: &str = "audit: { identities: plain, requests: all, per_second: 1000 }";

pub struct Incident {
    pub stand: Stand<AuthorizationServer>,
    pub redis: RedisServer,
    secrets: Secrets,
}

/// As one would write it, but with short times.
fn configuration(server: &AuthorizationServer, redis: &RedisServer, secrets: &Secrets, more: &str) -> Config {
    let of_issuer = format!(
        "keys: {{ refresh: 1s, cooldown: 1s }}\nintrospection:\n  {}\n  cache: {{ active: 1s, inactive: 1s }}\n  \
         limits: {{ failures: 2, suspend: 2s }}",
        secrets.basic()
    );
    Config::of(&format!("issuers:\n{}", issuer("corp", &server.issuer(), &of_issuer)))
        .and("revocation:\n  feeds:")
        .and(&format!("    - {{ name: hub, redis: {{ url: '{}' }} }}", redis.url()))
        .and(&format!("    - {{ name: break-glass, file: {} }}", secrets.path("revocations.jsonl")))
        .and("  stale_after: 2s\n  max_token_lifetime: 1h")
        .and(more)
}

impl Incident {
    /// Before anything happened.
    pub async fn quiet() -> Self {
        Self::with(POLICY, ALL_REQUESTS).await
    }

    /// With this policy and these lines of gatepost.yaml.
    pub async fn with(policy: &str, more: &str) -> Self {
        let (server, redis) =
            (AuthorizationServer::start().await.unwrap(), RedisServer::start().await.unwrap());
        let secrets = Secrets::with(server.secret("gatepost"));
        secrets.write("revocations.jsonl", "");
        let config = configuration(&server, &redis, &secrets, more).policy(policy);
        let incident = Self { stand: stand(server, config).await, redis, secrets };
        incident.until_fresh().await;
        incident
    }

    /// The files with another policy, or with other lines.
    pub fn configuration(&self, policy: &str, more: &str) -> Config {
        configuration(&self.stand.issuer, &self.redis, &self.secrets, more).policy(policy)
    }

    /// With its variables set.
    pub fn runbook(&self, name: &str) -> Runbook {
        runbook(&self.stand.gatepost, name)
    }

    /// A good access token.
    pub async fn token(&self) -> String {
        self.mint(Mint::default()).await
    }

    /// One of alice, in a session.
    pub async fn token_of_session(&self, session: &str) -> String {
        let claims = json!({ "sid": session });
        self.mint(Mint { subject: Some("alice"), claims, ..Mint::default() }).await
    }

    pub async fn mint(&self, mint: Mint<'_>) -> String {
        self.stand.issuer.mint(mint).await.unwrap()
    }

    pub async fn opaque(&self) -> String {
        self.mint(Mint { format: Format::Opaque, subject: Some("alice"), ..Mint::default() }).await
    }

    /// The lines of the audit log with this reason, once there is one.
    pub async fn audit_with(&self, reason: &str) -> String {
        let reason = format!("\"status_code\":\"{reason}\"");
        let lines = async || {
            let log = self.stand.gatepost.process.log();
            let lines =
                log.lines().filter(|line| line.contains("\"class_uid\":6003") && line.contains(&reason));
            let text: String = lines.map(|line| format!("{line}\n")).collect();
            (!text.is_empty()).then_some(text)
        };
        wait::until("a line of the audit log", lines).await.unwrap()
    }

    /// What its client gets now.
    pub async fn status_of(&self, token: &str) -> u16 {
        self.stand.token(token).await.status
    }

    pub async fn until_status(&self, token: &str, status: u16) {
        until_token(&self.stand, token, status).await;
    }

    async fn until_fresh(&self) {
        let fresh = async || {
            (self.stand.gatepost.status().await["revocations"]["stale"] == json!(false)).then_some(())
        };
        wait::until("fresh feeds", fresh).await.unwrap();
    }

    /// Revokes a token of `corp` by the feed that is left when all else is down.
    pub fn break_glass(&self, jti: &str) {
        let (iss, exp) = (self.stand.issuer.issuer(), token::now() + 300);
        let message = json!({ "v": 1, "kind": "token", "iss": iss, "jti": jti, "exp": exp });
        let file = self.secrets.path("revocations.jsonl");
        writeln!(OpenOptions::new().append(true).open(file).unwrap(), "{message}").unwrap();
    }

    /// The files of this configuration, not mounted anywhere.
    pub fn files(&self, policy: &str) -> [(&'static str, String); 2] {
        [("gatepost.yaml", self.stand.gatepost.gatepost_yaml()), ("policy.yaml", policy.to_owned())]
    }
}

/// A runbook with the variables of this sidecar set.
pub fn runbook(gatepost: &Gatepost, name: &str) -> Runbook {
    let mut book = Runbook::open(name);
    aim(&mut book, gatepost);
    book.set("URL", format!("https://{HOST}/orders/7")).set("ISSUER", "corp").set("FEED", "hub");
    book
}

/// Has it ask this sidecar.
pub fn aim(book: &mut Runbook, gatepost: &Gatepost) {
    book.set("GATEPOST_CONFIG", gatepost.mounted.path().display().to_string());
    book.set("GATEPOST_ADMIN", gatepost.admin().to_string());
}

/// A claim of a JWT, as text.
pub fn claim(token: &str, name: &str) -> String {
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&payload).unwrap()[name].as_str().unwrap().to_owned()
}
