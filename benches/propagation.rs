//! How soon a revocation refuses: from its publication until the first refusal that a client of Envoy sees, for each
//! feed, beside what the feed alone takes to bring a message from its writer to a reader, of the same messages.
//!
//! The tokens are warm: each has passed before it is revoked. `UPDATE=1 cargo bench --bench propagation` writes the
//! table into README.md.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench that fails has nothing to measure")]

mod measured;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use gatepost::clock::stopwatch;
use gatepost_test_support::{
    ConfigDir, Connection, Envoy, NatsServer, Process, RedisServer, Request, ReservedPort, Signer, Token,
    Upstream, token, wait,
};
use measured::{Writer, receive};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Builder;

/// Revocations of each feed.
const COUNT: usize = 300;

const POLICY: &str = r#"
rules:
  - { name: read, match: { path: /orders/** }, require: { scopes: ["orders:read"] } }
"#;

fn main() {
    let is_smoke_run = std::env::args().any(|argument| argument == "--test");
    let count = if is_smoke_run { 3 } else { COUNT };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let table = runtime.block_on(measure(count));
    println!("{table}");
    if !is_smoke_run && std::env::var_os("UPDATE").is_some() {
        write_into_readme(&table);
    }
}

/// Envoy, the release build of gatepost, and one server for each feed, all on this machine.
struct Stand {
    gatepost: Process,
    envoy: Envoy,
    _upstream: Upstream,
    _config: ConfigDir,
    _directory: TempDir,
}

impl Stand {
    async fn start(feeds: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let socket = directory.path().join("authz.sock");
        let admin = ReservedPort::choose().unwrap();
        let jwks = token::jwks([&Signer::shared("ES256")]).to_string();
        let gatepost = format!(
            "listen: {{ authz: 'unix:{}', admin: '{}' }}\n\
             issuers: [{{ name: bench, issuer: '{}', audiences: ['{}'], jwks_file: jwks.json }}]\n\
             revocation: {{ feeds: [{feeds}] }}\n",
            socket.display(),
            admin.address(),
            Token::ISSUER,
            Token::AUDIENCE
        );
        let files = [("gatepost.yaml", &*gatepost), ("policy.yaml", POLICY), ("jwks.json", &jwks)];
        let config = ConfigDir::mount(&files).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command.arg("serve").arg("--config").arg(config.path());
        let mut gatepost = Process::start("gatepost", &mut command).unwrap();
        let ready = async || {
            let answer = Request::get("/readyz").send(admin.address()).await.ok()?;
            (answer.status == 200).then_some(())
        };
        gatepost.until("its readiness", ready).await.unwrap();
        let upstream = Upstream::start().await.unwrap();
        let envoy = Envoy::start(&socket, upstream.address()).await.unwrap();
        Self { gatepost, envoy, _upstream: upstream, _config: config, _directory: directory }
    }
}

/// What one feed took, for each of its revocations.
#[derive(Default)]
struct Took {
    received: Vec<Duration>,
    refused: Vec<Duration>,
}

/// In turns, so that whatever else the machine does falls on all feeds.
async fn measure(count: usize) -> String {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("revocations.jsonl");
    let (redis, nats) = (RedisServer::start().await.unwrap(), NatsServer::start().await.unwrap());
    let mut writers = [Writer::file(&file), Writer::redis(&redis.url()), Writer::nats(&nats.url()).await];
    let feeds = format!(
        "{{ name: file, file: '{}' }}, {{ name: redis, redis: {{ url: '{}' }} }}, \
         {{ name: nats, nats: {{ urls: ['{}'] }} }}",
        file.display(),
        redis.url(),
        nats.url()
    );
    let stand = Stand::start(&feeds).await;
    let receivers = [receive::file(&file), receive::redis(&redis.url()), receive::nats(&nats.url())];
    let mut connection = Connection::open(stand.envoy.address()).await.unwrap();
    let mut took = [Took::default(), Took::default(), Took::default()];
    for number in 0..count {
        for ((writer, received), took) in writers.iter_mut().zip(&receivers).zip(&mut took) {
            let jti = format!("{}-{number}", writer.name());
            let token = Token::good().claim("jti", &*jti).signed_by(&Signer::shared("ES256")).mint();
            let request = Request::get("/orders/7").bearer(&token);
            assert_eq!(connection.send(&request).await.unwrap().status, 200);
            let exp = token::now() + 300;
            let message = json!({ "v": 1, "kind": "token", "iss": Token::ISSUER, "jti": jti, "exp": exp });

            let published = stopwatch();
            writer.publish(&message.to_string()).await;
            while connection.send(&request).await.unwrap().status == 200 {}
            took.refused.push(published.elapsed());
            let at = wait::until("the message itself", async || received.at(&jti)).await.unwrap();
            took.received.push(at.saturating_duration_since(published));
        }
    }
    drop(stand.gatepost);
    table(&writers.each_ref().map(Writer::name), took)
}

fn table(names: &[&str; 3], took: [Took; 3]) -> String {
    let mut text = String::from(
        "| feed | publish → receive, the feed alone | publish → first refusal through Envoy |\n|---|---|---|\n",
    );
    let count = took.iter().map(|took| took.refused.len()).min().unwrap();
    for (name, Took { received, refused }) in names.iter().zip(took) {
        writeln!(text, "| {name} | {} | {} |", percentiles(received), percentiles(refused)).unwrap();
    }
    let now = jiff::Timestamp::now().to_string();
    let date = now.get(..10).unwrap();
    let cpus = std::thread::available_parallelism().unwrap();
    write!(
        text,
        "\np50 / p99 of {count} revocations of each feed, on {date}. Envoy, gatepost, the servers, the service and the\n\
         client share one machine with {cpus} CPUs ({}).\n",
        cpu()
    )
    .unwrap();
    text
}

fn percentiles(mut took: Vec<Duration>) -> String {
    took.sort();
    let millis = |part: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the list")]
        let place = ((took.len() as f64 * part).ceil() as usize).saturating_sub(1);
        took.get(place).unwrap().as_secs_f64() * 1e3
    };
    format!("{:.2} / {:.2} ms", millis(0.5), millis(0.99))
}

fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or("of an unknown model", |(_, model)| model.trim()).to_owned()
}

fn write_into_readme(table: &str) {
    const BEGIN: &str = "<!-- propagation: measured -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    fs::write(path, format!("{before}{BEGIN}{table}<!-- end -->{after}")).unwrap();
}
