//! The real servers that revocation feeds are read from: Redis and NATS, each at a port of its own that it keeps
//! when it is killed and started again, and with a directory that outlives that too.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::error::Doing as _;
use crate::tls::Certificates;
use crate::{Error, Process, ReservedPort, Result, tools};

/// A server that can be killed and started again.
struct Server {
    name: &'static str,
    binary: PathBuf,
    arguments: Vec<String>,
    /// What its log says when it has read its data and takes connections.
    ready: &'static str,
    port: ReservedPort,
    process: Option<Process>,
    directory: TempDir,
}

impl Server {
    async fn start(
        name: &'static str,
        fetch: fn() -> Result<PathBuf>,
        ready: &'static str,
        arguments: impl FnOnce(SocketAddr, &Path) -> Vec<String>,
    ) -> Result<Self> {
        let directory = tempfile::tempdir().doing(|| "cannot make a temporary directory".into())?;
        Self::start_in(directory, name, fetch, ready, arguments).await
    }

    async fn start_in(
        directory: TempDir,
        name: &'static str,
        fetch: fn() -> Result<PathBuf>,
        ready: &'static str,
        arguments: impl FnOnce(SocketAddr, &Path) -> Vec<String>,
    ) -> Result<Self> {
        let fetched = spawn_blocking(fetch).await;
        let binary = fetched.doing(|| format!("fetching {name} panicked"))??;
        let port = ReservedPort::choose()?;
        let arguments = arguments(port.address(), directory.path());
        let mut server = Self { name, binary, arguments, ready, port, process: None, directory };
        server.restart().await?;
        Ok(server)
    }

    async fn restart(&mut self) -> Result<()> {
        self.kill();
        let mut command = Command::new(&self.binary);
        let mut process = Process::start(self.name, command.args(&self.arguments))?;
        process.line("its readiness", |line| line.contains(self.ready)).await?;
        self.process = Some(process);
        Ok(())
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let id = self.process.as_ref().and_then(|process| Pid::from_raw(process.id().cast_signed()));
        let id = id.ok_or_else(|| Error::new(format!("{} does not run", self.name)))?;
        kill_process(id, signal).doing(|| format!("cannot signal {}", self.name))
    }
}

macro_rules! server {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(Server);

        impl $name {
            /// Where it listens.
            pub fn address(&self) -> SocketAddr {
                self.0.port.address()
            }

            /// The directory with its data.
            pub fn directory(&self) -> &Path {
                self.0.directory.path()
            }

            /// Ends it at once (SIGKILL). Its data stay.
            pub fn kill(&mut self) {
                self.0.kill();
            }

            /// Starts it again, where it was, with the data it had.
            ///
            /// # Errors
            /// When it does not listen; with the tail of its log.
            pub async fn restart(&mut self) -> Result<()> {
                self.0.restart().await
            }

            /// Stops it (SIGSTOP): connections stay open, and nothing is answered.
            pub fn pause(&self) -> Result<()> {
                self.0.signal(Signal::STOP)
            }

            /// Lets it go on.
            pub fn resume(&self) -> Result<()> {
                self.0.signal(Signal::CONT)
            }
        }
    };
}

server! {
    /// A Redis server that writes each change to disk before it answers.
    RedisServer
}

server! {
    /// A NATS server with JetStream.
    NatsServer
}

impl RedisServer {
    /// Starts one with nothing in it.
    ///
    /// # Errors
    /// When Redis cannot be fetched or does not start; with the tail of its log.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// Starts one with more command-line options, such as `["--user", "reader on >secret +@all ~*"]`.
    ///
    /// # Errors
    /// As [`RedisServer::start`].
    pub async fn start_with(options: &[&str]) -> Result<Self> {
        let server = Server::start(
            "redis-server",
            tools::redis,
            "Ready to accept connections",
            |address, directory| {
                let port = address.port().to_string();
                let directory = directory.display().to_string();
                let own = ["--bind", "127.0.0.1", "--port", &port, "--dir", &directory];
                let kept = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];
                own.iter().chain(&kept).chain(options).map(|part| (*part).to_owned()).collect()
            },
        );
        server.await.map(Self)
    }

    /// Starts a Sentinel with this configuration, which it writes to.
    ///
    /// # Errors
    /// As [`RedisServer::start`].
    pub async fn start_sentinel(configuration: &Path) -> Result<Self> {
        let file = configuration.display().to_string();
        let server = Server::start("redis-sentinel", tools::redis, "Sentinel ID is", |address, _| {
            let port = address.port().to_string();
            [&file, "--sentinel", "--bind", "127.0.0.1", "--port", &port].map(str::to_owned).to_vec()
        });
        server.await.map(Self)
    }

    /// Its URL, without credentials.
    pub fn url(&self) -> String {
        format!("redis://{}/", self.address())
    }
}

impl NatsServer {
    /// Starts one with nothing in it.
    ///
    /// # Errors
    /// When NATS cannot be fetched or does not start; with the tail of its log.
    pub async fn start() -> Result<Self> {
        let directory = tempfile::tempdir().doing(|| "cannot make a temporary directory".into())?;
        Self::start_in(directory, &[]).await
    }

    /// Starts one that speaks TLS as `localhost`; its authority's certificate is `authority.pem` in its directory.
    ///
    /// # Errors
    /// As [`NatsServer::start`].
    pub async fn start_over_tls() -> Result<Self> {
        let certificates = Certificates::new()?;
        let directory = tempfile::tempdir().doing(|| "cannot make a temporary directory".into())?;
        for (name, pem) in [
            ("authority.pem", &certificates.authority),
            ("server.pem", &certificates.server),
            ("key.pem", &certificates.server_key),
        ] {
            fs::write(directory.path().join(name), pem).doing(|| format!("cannot write {name}"))?;
        }
        let file = |name| directory.path().join(name).display().to_string();
        let tls =
            ["--tls", "--tlscert", &file("server.pem"), "--tlskey", &file("key.pem")].map(str::to_owned);
        Self::start_in(directory, &tls).await
    }

    async fn start_in(directory: TempDir, options: &[String]) -> Result<Self> {
        let server =
            Server::start_in(directory, "nats-server", tools::nats, "Server is ready", |address, store| {
                let port = address.port().to_string();
                let store = store.display().to_string();
                let own = ["--addr", "127.0.0.1", "--port", &port, "--jetstream", "--store_dir", &store];
                own.map(str::to_owned).into_iter().chain(options.iter().cloned()).collect()
            });
        server.await.map(Self)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }
}
