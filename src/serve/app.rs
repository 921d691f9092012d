//! Wires a configuration into a running sidecar and runs it until it is told to stop.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_stream::StreamExt as _;
use tonic::transport::Server;
use tonic::transport::server::Router;

use super::admin::{self, Admin};
use super::connections::Counted;
use super::driver::Driver;
use super::listener::AuthzListener;
use super::readiness::Readiness;
use super::reload::Reload;
use super::shutdown;
use super::watch::Watch;
use super::wiring::Wiring;
use crate::clock::Clock;
use crate::config::{Config, Files};
use crate::envoy::proto::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use crate::envoy::{AuthorizationService, InFlight};

/// Why the sidecar could not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener could not be opened.
    #[error("cannot listen on {address}: {error}{}", listen_hint(error))]
    Listen {
        /// What was configured.
        address: String,
        /// Why.
        error: io::Error,
    },
    /// Signals can't be listened to.
    #[error("cannot listen to signals: {0}")]
    Signals(io::Error),
    /// The gRPC server failed.
    #[error("the ext_authz server failed: {0}")]
    Server(#[from] tonic::transport::Error),
    /// A background task ended.
    #[error("{0}, and without it checks can't be trusted")]
    Task(String),
}

fn listen_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; its directory must exist: mount a volume there",
        io::ErrorKind::PermissionDenied => "; this user may not create it there",
        io::ErrorKind::AddrInUse => "; something else uses that address",
        _ => "",
    }
}

/// How many checks one connection of Envoy may have in flight; hyper's default of 200 is fewer than a burst.
const MAX_CONCURRENT_STREAMS: u32 = 4096;

/// Envoy takes at most 96 KiB of request headers; a body, where it is told to send one, is not read.
const MAX_QUESTION_BYTES: usize = 1 << 20;

/// Envoy resets a stream when its own deadline passes. Under load that must not look like an attack on HTTP/2,
/// which would close the connection of every check in flight.
const MAX_RESET_STREAMS: usize = 8192;

/// Serves until SIGTERM or SIGINT, by this configuration and by what its files, of which it was made, become.
///
/// # Errors
/// When it can't start, or something that must not end does.
pub async fn serve(config: Config, files: Files) -> Result<(), ServeError> {
    let mut stop = shutdown::requested().map_err(ServeError::Signals)?;
    let followed = followed(&config, &files);
    let watch = Watch::new(files).map_err(ServeError::Signals)?;
    let admin_listener = bind_admin(&config).await?;
    let authz_listener = AuthzListener::open(&config.listen.authz)
        .await
        .map_err(|error| ServeError::Listen { address: config.listen.authz.to_string(), error })?;
    announce(&config, &followed, &admin_listener, &authz_listener);

    let (open, shutdown_deadline) = (config.listen.clone(), config.shutdown_deadline);
    let wiring = Arc::new(Wiring::new(config, Clock::System));
    let mut reload = Reload::new(Arc::clone(&wiring), watch, open, shutdown_deadline);
    let readiness = Arc::new(Readiness::new(Arc::clone(&wiring.snapshot)));
    let mut driver = Driver::default();
    if let Some(writer) = wiring.audit_writer() {
        driver.spawn("audit log", writer.run());
    }
    if let Some(exporters) = wiring.exporters() {
        driver.spawn("telemetry", exporters.run());
    }
    start_admin(&wiring, &readiness, &reload, &mut driver, admin_listener);

    let runtime = wiring.metrics.runtime();
    let in_flight = InFlight::from(runtime.checks_in_flight());
    let (drain, draining) = oneshot::channel::<()>();
    let mut serving =
        Box::pin(run(router(&wiring, &in_flight), authz_listener, runtime.connections(), draining));
    tokio::select! {
        why = driver.ended() => return Err(ServeError::Task(why)),
        why = reload.run() => return Err(ServeError::Task(why)),
        served = &mut serving => return served.map_err(ServeError::from),
        signal = stop.next() => tracing::info!(signal, "stopping: finishing the checks in flight"),
    }
    readiness.stop();
    // The receiver lives in `serving`, which has not ended.
    let _ = drain.send(());
    let deadline = reload.shutdown_deadline();
    tokio::select! {
        served = serving => served?,
        () = finished(&in_flight) => {}
        () = tokio::time::sleep(deadline) => tracing::warn!(?deadline, "stopped with checks in flight"),
        signal = stop.next() => tracing::warn!(signal, "stopped at once"),
    }
    tokio::join!(written(&wiring), wiring.flush_telemetry());
    tracing::info!("stopped");
    Ok(())
}

/// Waits until no check is under way, and a moment longer for one that Envoy had sent before it heard that we
/// stop. Idle connections are not waited for: whoever is at the other end may never close them.
async fn finished(in_flight: &InFlight) {
    const GRACE: Duration = Duration::from_millis(250);
    let mut idle = Duration::ZERO;
    while idle < GRACE {
        tokio::time::sleep(GRACE / 10).await;
        idle = if in_flight.count() == 0 { idle + GRACE / 10 } else { Duration::ZERO };
    }
}

/// Waits for the audit log, but not for long: whoever should read it may not.
async fn written(wiring: &Wiring) {
    const STEP: Duration = Duration::from_millis(10);
    for _ in 0..50 {
        if wiring.authorizer.audit().is_written() {
            return;
        }
        tokio::time::sleep(STEP).await;
    }
    tracing::warn!("stopped with lines of the audit log not written");
}

async fn run(
    router: Router,
    listener: AuthzListener,
    open: Arc<AtomicUsize>,
    draining: oneshot::Receiver<()>,
) -> Result<(), tonic::transport::Error> {
    let drained = async {
        // A dropped sender means that nobody will serve any longer, either.
        let _ = draining.await;
    };
    match listener {
        AuthzListener::Unix(incoming, _file) => {
            let incoming = incoming.then(|accepted| patiently(accepted, &open));
            router.serve_with_incoming_shutdown(incoming, drained).await
        }
        AuthzListener::Tcp(incoming, _) => {
            let incoming = incoming.then(|accepted| patiently(accepted, &open));
            router.serve_with_incoming_shutdown(incoming, drained).await
        }
    }
}

/// Without file descriptors accepting fails at once, again and again: wait a moment for some to be closed.
async fn patiently<T>(accepted: io::Result<T>, open: &Arc<AtomicUsize>) -> io::Result<Counted<T>> {
    if let Err(error) = &accepted
        && !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
    {
        tracing::error!(%error, "a connection could not be accepted");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    accepted.map(|stream| Counted::new(stream, Arc::clone(open)))
}

async fn bind_admin(config: &Config) -> Result<TcpListener, ServeError> {
    let address = config.listen.admin;
    TcpListener::bind(address)
        .await
        .map_err(|error| ServeError::Listen { address: address.to_string(), error })
}

/// What is read while it serves, besides the issuers.
struct Followed {
    directory: String,
    teams: String,
    feeds: String,
}

fn followed(config: &Config, files: &Files) -> Followed {
    let teams = files.more_policies.iter().filter_map(|file| Path::new(&file.name).file_name()?.to_str());
    let teams: Vec<_> = teams.collect();
    let feeds = config.revocation.iter().flat_map(|its| &its.feeds);
    let feeds: Vec<_> = feeds.map(|feed| format!("{} ({})", feed.name, feed.origin)).collect();
    let directory = files.directory.display().to_string();
    Followed { directory, teams: teams.join(" "), feeds: feeds.join(", ") }
}

/// The one line that says what it listens on, trusts and follows.
fn announce(config: &Config, followed: &Followed, admin: &TcpListener, authz: &AuthzListener) {
    let authz = match authz {
        AuthzListener::Tcp(_, address) => address.to_string(),
        AuthzListener::Unix(..) => config.listen.authz.to_string(),
    };
    let issuers: Vec<_> = config.issuers.iter().map(|trusted| trusted.issuer.identifier.as_str()).collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        %authz,
        admin = admin.local_addr().map(|address| address.to_string()).unwrap_or_default(),
        issuers = issuers.join(" "),
        rules = config.policy.rules().len(),
        config = followed.directory,
        teams = followed.teams,
        feeds = followed.feeds,
        "gatepost serves"
    );
}

fn start_admin(
    wiring: &Wiring,
    readiness: &Arc<Readiness>,
    reload: &Reload,
    driver: &mut Driver,
    listener: TcpListener,
) {
    let pages = admin::router(Arc::new(Admin {
        readiness: Arc::clone(readiness),
        snapshot: Arc::clone(&wiring.snapshot),
        config: Arc::clone(reload.status()),
        metrics: Arc::clone(&wiring.metrics),
        clock: wiring.clock,
        authorizer: Arc::clone(&wiring.authorizer),
    }));
    driver.spawn("admin listener", admin::serve(listener, pages));
}

fn router(wiring: &Wiring, in_flight: &InFlight) -> Router {
    let service = AuthorizationServer::new(AuthorizationService::new(
        Arc::clone(&wiring.authorizer),
        in_flight.clone(),
    ))
    .max_decoding_message_size(MAX_QUESTION_BYTES);
    Server::builder()
        .max_concurrent_streams(Some(MAX_CONCURRENT_STREAMS))
        .http2_max_pending_accept_reset_streams(Some(MAX_RESET_STREAMS))
        .add_service(service)
}
