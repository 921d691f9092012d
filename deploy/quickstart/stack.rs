//! The parts: the authorization server, the service, gatepost and Envoy. They end when this is dropped.

use std::process::{Command, ExitStatus};
use std::time::Duration;

use gatepost_test_support::{AuthorizationServer, Envoy, Format, Mint, Process, Request, ReservedPort, wait};
use tokio::time::Instant;

use crate::Fault;
use crate::files::Files;
use crate::screen::{Look, Screen};
use crate::service::Service;

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);
const OTHER_SERVICE: &str = "https://billing.example.com";
const TAIL_LINES: usize = 10;

/// Tokens of the subject `alice`, as the client `web` gets them.
pub(crate) struct Tokens {
    /// May read orders.
    pub(crate) reader: String,
    /// May read and refund orders.
    pub(crate) writer: String,
    /// Is good, but for another service.
    pub(crate) other_service: String,
    /// May read orders, and says nothing by itself: the issuer must be asked about it.
    pub(crate) opaque: String,
    /// When the one in expired.jwt has expired.
    pub(crate) expired_at: Instant,
}

pub(crate) struct Stack {
    pub(crate) gatepost: Process,
    pub(crate) envoy: Envoy,
    pub(crate) issuer: AuthorizationServer,
    pub(crate) tokens: Tokens,
    pub(crate) files: Files,
    admin: ReservedPort,
    _service: Service,
}

impl Stack {
    /// Fetches what is not there yet and starts everything.
    pub(crate) async fn start(screen: &Screen) -> Result<Self, Fault> {
        screen.title("Starting");
        let issuer = AuthorizationServer::start().await?;
        screen.up("authorization server", issuer.issuer());
        let service = Service::start().await?;
        screen.up("service", format_args!("http://{}", service.address()));

        let files = Files::new()?;
        let admin = ReservedPort::choose()?;
        files.configure(&issuer.issuer(), issuer.secret("gatepost"), &admin.address().to_string())?;
        let tokens = Tokens::mint(&issuer, &files).await?;
        let gatepost = start_gatepost(&files, &admin).await?;
        screen.up("gatepost", format_args!("http://{}/statusz", admin.address()));

        let mut envoy = Envoy::start(&files.socket(), service.address()).await?;
        files.link("envoy.log", envoy.process().log_path())?;
        let in_front = screen.paint(Look::Quiet, "  in front of the service, asks gatepost");
        screen.up("Envoy", format_args!("http://{}{in_front}", envoy.address()));
        Ok(Self { gatepost, envoy, issuer, tokens, files, admin, _service: service })
    }

    /// The base of gatepost's admin pages.
    pub(crate) fn admin_url(&self) -> String {
        format!("http://{}", self.admin.address())
    }

    /// Runs one of gatepost's other commands and gives its exit status and what it printed.
    pub(crate) async fn command(&self, arguments: &[&str]) -> Result<(ExitStatus, String), Fault> {
        let mut command = Command::new(self.files.gatepost());
        command.args(arguments).current_dir(self.files.path());
        let mut process = Process::start("gatepost", &mut command)?;
        let status = process.exit(wait::DEADLINE).await?;
        Ok((status, process.log()))
    }

    pub(crate) fn log_tail(&self) -> String {
        let log = self.gatepost.log();
        let lines: Vec<_> = log.lines().collect();
        let tail = lines.iter().skip(lines.len().saturating_sub(TAIL_LINES));
        tail.map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
    }
}

async fn start_gatepost(files: &Files, admin: &ReservedPort) -> Result<Process, Fault> {
    let mut command = Command::new(files.gatepost());
    command.args(["serve", "--config"]).arg(files.config());
    let mut gatepost = Process::start("gatepost", &mut command)?;
    files.link("gatepost.log", gatepost.log_path())?;
    let ready =
        async || (Request::get("/readyz").send(admin.address()).await.ok()?.status == 200).then_some(());
    gatepost.until("its readiness", ready).await?;
    Ok(gatepost)
}

impl Tokens {
    /// Mints them and leaves them as files.
    async fn mint(issuer: &AuthorizationServer, files: &Files) -> Result<Self, Fault> {
        let mint = Mint { ttl: HOUR, subject: Some("alice"), ..Mint::default() };
        files.write("expired.jwt", &issuer.mint(Mint { ttl: SECOND, ..mint.clone() }).await?)?;
        let tokens = Self {
            reader: issuer.mint(mint.clone()).await?,
            writer: issuer.mint(Mint { scope: "orders:read orders:write", ..mint.clone() }).await?,
            other_service: issuer.mint(Mint { audience: OTHER_SERVICE, ..mint.clone() }).await?,
            opaque: issuer.mint(Mint { format: Format::Opaque, ..mint }).await?,
            expired_at: Instant::now() + SECOND,
        };
        files.write("reader.jwt", &tokens.reader)?;
        files.write("writer.jwt", &tokens.writer)?;
        files.write("other-service.jwt", &tokens.other_service)?;
        files.write("opaque.token", &tokens.opaque)?;
        Ok(tokens)
    }
}
