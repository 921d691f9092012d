//! A stand: client → Envoy → service, with gatepost beside Envoy and an issuer behind gatepost.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gatepost_test_support::{
    Answer, ConfigDir, Envoy, EnvoyConfig, Process, Request, Signer, TestIssuer, Token, Upstream, secrets,
};
use serde_json::Value;
use tempfile::TempDir;

/// The host that the rules name.
pub const HOST: &str = "orders.example.com";

/// What most tests ask.
pub const POLICY: &str = "
rules:
  - name: health
    match: { methods: [GET], path: /healthz }
    public: true
  - name: read orders
    match: { hosts: [orders.example.com], methods: [GET, HEAD], path: /orders/** }
    require: { scopes: [orders:read] }
    forward:
      x-subject: token.sub
      x-scopes: token.scope
      x-client-id: token.client_id
      x-tenant: token.tenant
  - name: write orders
    match: { hosts: [orders.example.com], methods: [POST], path: /orders/* }
    require: { scopes: { all: [orders:write], any: [tier:gold, tier:silver] } }
  - name: administration
    match: { hosts: ['*.example.com'], path: /admin/** }
    require: { scopes: [admin], audiences: [https://admin.example.com] }
";

/// A configuration on its way to [`Gatepost::start`].
pub struct Config {
    rest: String,
    policy: String,
    files: Vec<(String, String)>,
    log: String,
}

impl Config {
    /// That trusts this issuer, for orders and administration, and refreshes its keys quickly.
    pub fn trusting(identifier: &str) -> Self {
        Self::of(&format!("issuers:\n{}", issuer("test", identifier, "")))
    }

    /// With this text below `listen`.
    pub fn of(rest: &str) -> Self {
        Self { rest: rest.into(), policy: POLICY.into(), files: Vec::new(), log: "info".into() }
    }

    /// With these lines too.
    pub fn and(mut self, lines: &str) -> Self {
        self.rest.push_str(lines);
        self.rest.push('\n');
        self
    }

    /// With this policy.
    pub fn policy(mut self, policy: &str) -> Self {
        self.policy = policy.into();
        self
    }

    /// With this file too, such as `policy.next.yaml` or `policy.d/team.yaml`.
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.into(), text.into()));
        self
    }

    /// With `--log`.
    pub fn log(mut self, filter: &str) -> Self {
        self.log = filter.into();
        self
    }

    /// gatepost.yaml, with the socket in this directory, which `$DIRECTORY` stands for.
    fn text(&self, directory: &Path) -> String {
        let socket = directory.join("authz.sock");
        let rest = self.rest.replace("$DIRECTORY", &directory.display().to_string());
        format!("listen: {{ authz: 'unix:{}', admin: 127.0.0.1:0 }}\n{rest}", socket.display())
    }

    /// All files, of which `text` is gatepost.yaml.
    fn files<'a>(&'a self, text: &'a str) -> Vec<(&'a str, &'a str)> {
        let more = self.files.iter().map(|(name, text)| (&name[..], &text[..]));
        [("gatepost.yaml", text), ("policy.yaml", &self.policy)].into_iter().chain(more).collect()
    }
}

/// One entry of `issuers`, with these lines.
pub fn issuer(name: &str, identifier: &str, lines: &str) -> String {
    let mut text = format!("  - name: {name}\n    issuer: {identifier}\n");
    text.push_str(&format!("    audiences: [{}, https://admin.example.com]\n", Token::AUDIENCE));
    for line in lines.lines() {
        text.push_str(&format!("    {line}\n"));
    }
    text
}

/// What the binary has emitted: looked through for secrets when it is dropped, so at the end of every test.
pub struct Emitted {
    admin: SocketAddr,
    log: PathBuf,
    files: PathBuf,
}

impl Emitted {
    /// All of it, by where it was: both streams, the pages while it still answers, and the files beside its socket.
    pub fn all(&self) -> Vec<(String, String)> {
        let text = |path: &Path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let mut all = vec![("the log".to_owned(), text(&self.log).unwrap_or_default())];
        all.extend(
            ["/metrics", "/statusz"].map(|page| (page.to_owned(), self.page(page).unwrap_or_default())),
        );
        let files = fs::read_dir(&self.files).into_iter().flatten().flatten().map(|entry| entry.path());
        all.extend(files.filter_map(|path| Some((path.display().to_string(), text(&path).ok()?))));
        all
    }

    // A value that is dropped can't wait for anything asynchronous.
    fn page(&self, page: &str) -> std::io::Result<String> {
        const LONGEST: Duration = Duration::from_secs(5);
        let mut stream = TcpStream::connect_timeout(&self.admin, LONGEST)?;
        stream.set_read_timeout(Some(LONGEST))?;
        write!(stream, "GET {page} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Drop for Emitted {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for (place, text) in self.all() {
            let found = secrets::found_in(&text);
            assert!(found.is_empty(), "{place} has {} secrets in it, such as {}", found.len(), found[0]);
        }
    }
}

/// The binary, running.
pub struct Gatepost {
    /// Dropped before what it looks at.
    pub emitted: Emitted,
    pub process: Process,
    admin: SocketAddr,
    config: Config,
    directory: TempDir,
    pub mounted: ConfigDir,
}

impl Gatepost {
    /// Starts it and waits until it listens, not until it is ready.
    pub async fn start(config: Config) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::start_in(directory, config).await
    }

    /// Starts it again at the same socket.
    pub async fn start_again(self) -> Self {
        let Self { config, directory, .. } = self;
        Self::start_in(directory, config).await
    }

    async fn start_in(directory: TempDir, config: Config) -> Self {
        let text = config.text(directory.path());
        let mounted = ConfigDir::mount(&config.files(&text)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command.arg("serve").arg("--config").arg(mounted.path()).args(["--log", &config.log]);
        let mut process = Process::start("gatepost", &mut command).unwrap();
        let line =
            process.line("its announcement", |line| line.contains("\"gatepost serves\"")).await.unwrap();
        let announced: Value = serde_json::from_str(&line).unwrap();
        let admin = announced["admin"].as_str().unwrap().parse().unwrap();
        let log = process.log_path().to_owned();
        let emitted = Emitted { admin, log, files: directory.path().to_owned() };
        Self { emitted, process, admin, config, directory, mounted }
    }

    /// Waits until it is ready.
    pub async fn ready(&mut self) {
        let admin = self.admin;
        let ready = async || (Request::get("/readyz").send(admin).await.ok()?.status == 200).then_some(());
        self.process.until("its readiness", ready).await.unwrap();
    }

    /// Replaces its files by these, as the kubelet does.
    pub fn edit(&mut self, config: Config) {
        let text = config.text(self.directory.path());
        self.mounted.swap(&config.files(&text)).unwrap();
        self.config = config;
    }

    /// Where its admin listener is.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The text of its gatepost.yaml.
    pub fn gatepost_yaml(&self) -> String {
        self.config.text(self.directory.path())
    }

    /// Where Envoy asks it.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("authz.sock")
    }

    /// A page of its admin listener.
    pub async fn page(&self, target: &str) -> Answer {
        Request::get(target).send(self.admin).await.unwrap()
    }

    /// Asks the admin listener anything.
    pub async fn ask_admin(&self, request: Request) -> Answer {
        request.send(self.admin).await.unwrap()
    }

    /// /statusz.
    pub async fn status(&self) -> Value {
        self.page("/statusz").await.json().unwrap()
    }

    /// The value of a counter or gauge, written with its labels; 0 for one that has never counted.
    pub async fn metric(&self, name: &str) -> u64 {
        let text = self.page("/metrics").await.text();
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        lines.next().map_or(0, |value| value.parse().unwrap())
    }

    /// How many checks were refused, or left undecided, for this reason.
    pub async fn checks(&self, reason: &str) -> u64 {
        let text = self.page("/metrics").await.text();
        let mut lines = text.lines().filter(|line| line.starts_with("gatepost_checks_total{"));
        let line = lines.find(|line| line.contains(&format!("reason=\"{reason}\""))).unwrap();
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    }
}

/// All of it; the issuer is one that a test steers, unless it says otherwise.
pub struct Stand<I = TestIssuer> {
    pub issuer: I,
    pub gatepost: Gatepost,
    pub envoy: Envoy,
    pub upstream: Upstream,
}

impl Stand {
    /// Ready, with an issuer that publishes a key for every algorithm.
    pub async fn start() -> Self {
        let issuer = TestIssuer::start().await.unwrap();
        issuer.publish(&Signer::ALGORITHMS.map(Signer::shared).each_ref());
        let config = Config::trusting(issuer.issuer());
        Self::ready(issuer, config).await
    }
}

impl<I> Stand<I> {
    /// As [`Stand::with`], and ready.
    pub async fn ready(issuer: I, config: Config) -> Self {
        let mut stand = Self::with(issuer, config).await;
        stand.gatepost.ready().await;
        stand
    }

    /// With this issuer and this configuration of gatepost.
    pub async fn with(issuer: I, config: Config) -> Self {
        Self::behind(EnvoyConfig::shipped().unwrap(), issuer, config).await
    }

    /// As [`Stand::with`], behind an Envoy with this configuration.
    pub async fn behind(envoy: EnvoyConfig, issuer: I, config: Config) -> Self {
        let upstream = Upstream::start().await.unwrap();
        let gatepost = Gatepost::start(config).await;
        let envoy = run(envoy, &gatepost.socket(), &upstream).await;
        Self { issuer, gatepost, envoy, upstream }
    }

    /// Sends a request for the host of the rules through Envoy.
    pub async fn send(&self, request: Request) -> Answer {
        self.envoy.send(request).await.unwrap()
    }

    /// The answer to `GET /orders/7` with this token.
    pub async fn token(&self, token: &str) -> Answer {
        self.send(orders().bearer(token)).await
    }
}

/// Runs Envoy between this socket and this upstream.
pub async fn run(config: EnvoyConfig, socket: &Path, upstream: &Upstream) -> Envoy {
    Envoy::run(&config.between(socket, upstream.address()).unwrap()).await.unwrap()
}

/// `GET /orders/7` without a token.
pub fn orders() -> Request {
    get("/orders/7")
}

/// A GET request for the host of the rules.
pub fn get(target: &str) -> Request {
    Request::get(target).host(HOST)
}

/// The values of a header that reached the service, in the order they came.
pub fn seen(answer: &Answer, name: &str) -> Vec<String> {
    let description = answer.json().unwrap();
    let headers = description["headers"].as_array().unwrap().iter().filter(|header| header[0] == name);
    headers.map(|header| header[1].as_str().unwrap().to_owned()).collect()
}
