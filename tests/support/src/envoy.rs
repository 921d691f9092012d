//! The real Envoy, with the configuration we ship.

mod config;
mod series;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

pub use self::config::EnvoyConfig;
pub use self::series::{GATEWAY_SERIES, SIDECAR_SERIES};
use crate::error::Doing as _;
use crate::{Answer, Error, Process, Request, Result, tools};

/// A running Envoy that has opened its listener.
pub struct Envoy {
    process: Process,
    admin: SocketAddr,
    address: SocketAddr,
    _directory: TempDir,
}

impl Envoy {
    /// Runs Envoy with `deploy/envoy/envoy.yaml`: it asks the authorizer at the unix socket `authz`, which
    /// need not be there yet, and passes requests on to `upstream`.
    ///
    /// # Errors
    /// When Envoy cannot be fetched, refuses the configuration or does not become ready; with the tail of its
    /// log.
    pub async fn start(authz: &Path, upstream: SocketAddr) -> Result<Self> {
        Self::run(&EnvoyConfig::shipped()?.between(authz, upstream)?).await
    }

    /// Runs Envoy with a configuration of the caller's, in which the ports may be 0. The first listener is
    /// the one requests are sent to.
    pub async fn run(config: &EnvoyConfig) -> Result<Self> {
        let directory = tempfile::tempdir().doing(|| "cannot make a temporary directory".into())?;
        let config = config.write(directory.path())?;
        let announced = directory.path().join("admin");
        let mut process = Process::start("envoy", &mut serve(&fetched().await?, &config, &announced))?;
        let admin = process.until("its admin port", async || read_address(&announced)).await?;
        let ready = async || Some(Request::get("/ready").send(admin).await.ok()?.status == 200);
        process.until("its readiness", async || ready().await?.then_some(())).await?;
        let address = listener(admin).await?;
        Ok(Self { process, admin, address, _directory: directory })
    }

    /// Asks Envoy whether it would start with the file at `path` (`envoy --mode validate`).
    ///
    /// # Errors
    /// When it would not; with what Envoy says.
    pub async fn validate(path: &Path) -> Result<()> {
        let mut command = Command::new(fetched().await?);
        command.args(["--mode", "validate", "--log-level", "error", "--config-path"]).arg(path);
        let mut process = Process::start("envoy --mode validate", &mut command)?;
        let status = process.exit(crate::wait::DEADLINE).await?;
        if status.success() {
            return Ok(());
        }
        Err(Error::new(format!("Envoy refuses {}: {}", path.display(), process.log().trim())))
    }

    /// Where it takes requests.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its admin interface is.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Sends a request to its listener.
    pub async fn send(&self, request: Request) -> Result<Answer> {
        request.send(self.address).await
    }

    /// The value of a counter or gauge, such as `http.inbound.ext_authz.gatepost.denied`; 0 for one that has
    /// never counted. Envoy's workers hand their counts over a moment after the answer: wait for a value.
    pub async fn stat(&self, name: &str) -> Result<u64> {
        let target = format!("/stats?format=json&filter=^{}$", name.replace('.', "%5C."));
        let stats = Request::get(&target).send(self.admin).await?.json()?;
        let found = stats["stats"].as_array().into_iter().flatten().find(|stat| stat["name"] == name);
        Ok(found.and_then(|stat| stat["value"].as_u64()).unwrap_or(0))
    }

    /// What it has written: its own log and the access log.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The process, to wait for a line of its log or to end it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

async fn fetched() -> Result<PathBuf> {
    spawn_blocking(tools::envoy).await.doing(|| "fetching Envoy panicked".into())?
}

fn serve(envoy: &Path, config: &Path, announced: &Path) -> Command {
    let mut command = Command::new(envoy);
    command.arg("--config-path").arg(config).arg("--admin-address-path").arg(announced);
    // Hot restart takes a shared memory region and a socket that each Envoy on a machine must have to itself.
    command.args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]);
    // Envoy keeps lines of the access log for ten seconds otherwise.
    command.args(["--file-flush-interval-msec", "50"]);
    command
}

fn read_address(path: &Path) -> Option<SocketAddr> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

async fn listener(admin: SocketAddr) -> Result<SocketAddr> {
    let listeners = Request::get("/listeners?format=json").send(admin).await?.json()?;
    let socket = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
    parse_address(socket).ok_or_else(|| Error::new(format!("Envoy has no listener with a port: {listeners}")))
}

fn parse_address(socket: &Value) -> Option<SocketAddr> {
    let ip = socket["address"].as_str()?.parse().ok()?;
    let port = socket["port_value"].as_u64()?.try_into().ok()?;
    Some(SocketAddr::new(ip, port))
}
