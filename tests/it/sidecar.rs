//! A sidecar that serves in this process, on a socket of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use gatepost::config::{Files, compile};
use gatepost::serve::serve;
use gatepost_test_support::{Answer, Request, ReservedPort, Signer, Token, token, wait};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

/// Rules for health (public), reading and writing orders.
pub const POLICY: &str = r#"
rules:
  - name: health
    match: { path: /healthz }
    public: true
  - name: read orders
    match: { methods: [GET], path: /orders/** }
    require: { scopes: ["orders:read"] }
    forward: { x-subject: token.sub, x-scopes: token.scope }
  - name: write orders
    match: { methods: [POST], path: /orders/** }
    require: { scopes: ["orders:write"] }
"#;

/// A configuration directory that trusts the token factory's issuer, with its keys in a file.
pub fn configuration(authz: &str, admin: &str) -> TempDir {
    let directory = TempDir::with_prefix("gatepost-it-").unwrap();
    let gatepost = format!(
        "listen: {{ authz: \"{authz}\", admin: \"{admin}\" }}\n\
         issuers:\n  - name: test\n    issuer: {}\n    audiences: [\"{}\"]\n    jwks_file: jwks.json\n",
        Token::ISSUER,
        Token::AUDIENCE
    );
    fs::write(directory.path().join("gatepost.yaml"), gatepost).unwrap();
    fs::write(directory.path().join("policy.yaml"), POLICY).unwrap();
    fs::write(directory.path().join("jwks.json"), token::jwks([&Signer::shared("RS256")]).to_string())
        .unwrap();
    directory
}

/// Adds lines to gatepost.yaml.
pub fn add(directory: &Path, lines: &str) {
    let path = directory.join("gatepost.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("{text}\n{lines}\n")).unwrap();
}

/// The running sidecar; it ends when this is dropped.
pub struct Sidecar {
    socket: PathBuf,
    admin: SocketAddr,
    directory: TempDir,
    _serving: JoinSet<()>,
}

impl Sidecar {
    pub async fn start() -> Self {
        Self::run(|_| ()).await
    }

    /// One whose issuer has no keys to be had.
    pub async fn without_keys() -> Self {
        Self::run(|directory| fs::remove_file(directory.join("jwks.json")).unwrap()).await
    }

    /// One whose configuration directory was prepared before it started.
    pub async fn prepared(prepare: impl FnOnce(&Path)) -> Self {
        Self::run(prepare).await
    }

    /// One with these lines in gatepost.yaml, too.
    pub async fn with(lines: &str) -> Self {
        Self::run(|directory| add(directory, lines)).await
    }

    async fn run(prepare: impl FnOnce(&Path)) -> Self {
        let home = TempDir::with_prefix("gatepost-socket-").unwrap();
        let socket = home.path().join("authz.sock");
        let admin = ReservedPort::choose().unwrap();
        let directory = configuration(&format!("unix:{}", socket.display()), &admin.address().to_string());
        prepare(directory.path());
        let files = Files::read(directory.path());
        let config = compile(&files).config.unwrap();
        let address = admin.address();
        drop(admin);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let _home = home;
            serve(config, files).await.unwrap();
        });
        wait::until("the socket", async || socket.exists().then_some(())).await.unwrap();
        Self { socket, admin: address, directory, _serving: serving }
    }

    /// Its configuration directory, which is not one that a kubelet has written.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// `config` of its status page.
    pub async fn config_status(&self) -> Value {
        Request::get("/statusz").send(self.admin).await.unwrap().json().unwrap()["config"].take()
    }

    /// The text of its /metrics.
    pub async fn metrics(&self) -> String {
        Request::get("/metrics").send(self.admin).await.unwrap().text()
    }

    /// Asks its admin listener.
    pub async fn ask_admin(&self, request: Request) -> Answer {
        request.send(self.admin).await.unwrap()
    }

    /// Waits until it is ready.
    pub async fn ready(&self) {
        let ready = async || (self.ask_admin(Request::get("/readyz")).await.status == 200).then_some(());
        wait::until("readiness", ready).await.unwrap();
    }

    /// A client made from the complete Envoy definitions.
    pub async fn client(&self) -> AuthorizationClient<Channel> {
        let endpoint = Endpoint::try_from(format!("unix://{}", self.socket.display())).unwrap();
        AuthorizationClient::new(endpoint.connect().await.unwrap())
    }
}
