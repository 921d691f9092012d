//! A connection to the Redis server that holds a stream: a single server, the primary that Sentinels name, or the
//! node of a cluster.

use std::path::Path;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue,
    IntoConnectionInfo as _, RedisConnectionInfo, RedisError, ServerErrorKind, TlsCertificates, TlsMode,
};
use url::Url;

use super::fault::FeedFault;
use crate::config::{RedisServers, RedisSettings};
use crate::secret::Secret;
use crate::sources::file::read_bounded;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an answer may take; longer than any command of ours blocks.
const ANSWER: Duration = Duration::from_secs(5);

const MAX_FILE_BYTES: u64 = 1 << 20;

/// A connection.
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// Who we are there, and whom we trust.
struct Access {
    username: Option<String>,
    password: Option<Secret>,
    certificates: Option<TlsCertificates>,
}

impl Connection {
    pub(super) async fn open(settings: &RedisSettings) -> Result<Self, FeedFault> {
        let access = Access::read(settings).await?;
        let opened = match &settings.servers {
            RedisServers::One(url) => one(url, &access).await,
            RedisServers::Sentinel { sentinels, service } => sentinel(sentinels, service, &access).await,
            RedisServers::Cluster(nodes) => cluster(nodes, &access).await,
        };
        opened.map_err(|error| fault(&error))
    }

    pub(super) async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, FeedFault> {
        let answer = match self {
            Self::One(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        };
        answer.map_err(|error| fault(&error))
    }
}

impl Access {
    /// Read for each connection, so that a rotated Secret takes hold.
    async fn read(settings: &RedisSettings) -> Result<Self, FeedFault> {
        let password = match &settings.password_file {
            None => None,
            Some(path) => Some(read_password(path).await?),
        };
        let certificates = match &settings.ca_file {
            None => None,
            Some(path) => {
                let root_cert = read_bounded(path, MAX_FILE_BYTES).await;
                let root_cert = root_cert.map_err(|error| FeedFault::File { path: path.clone(), error })?;
                Some(TlsCertificates { client_tls: None, root_cert: Some(root_cert) })
            }
        };
        Ok(Self { username: settings.username.clone(), password, certificates })
    }

    fn on(&self, database: i64) -> RedisConnectionInfo {
        let mut info = RedisConnectionInfo::default().set_db(database);
        if let Some(username) = &self.username {
            info = info.set_username(username);
        }
        if let Some(password) = &self.password {
            info = info.set_password(password.expose());
        }
        info
    }
}

async fn read_password(path: &Path) -> Result<Secret, FeedFault> {
    let fault = |error| FeedFault::File { path: path.to_owned(), error };
    let bytes = read_bounded(path, MAX_FILE_BYTES).await.map_err(fault)?;
    let text = String::from_utf8(bytes).map_err(|_| fault(std::io::Error::other("it holds no text")))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn patient() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(ANSWER))
}

async fn one(url: &Url, access: &Access) -> Result<Connection, RedisError> {
    let info: ConnectionInfo = url.as_str().into_connection_info()?;
    let database = info.redis_settings().db();
    let info = info.set_redis_settings(access.on(database));
    let client = match (&access.certificates, info.addr()) {
        (Some(certificates), ConnectionAddr::TcpTls { .. }) => {
            Client::build_with_tls(info, certificates.clone())?
        }
        _ => Client::open(info)?,
    };
    client.get_multiplexed_async_connection_with_config(&patient()).await.map(Connection::One)
}

async fn sentinel(sentinels: &[Url], service: &str, access: &Access) -> Result<Connection, RedisError> {
    let infos = sentinels.iter().map(|url| url.as_str().into_connection_info());
    let infos = infos.collect::<Result<Vec<_>, _>>()?;
    let over_tls = infos.iter().any(|info| matches!(info.addr(), ConnectionAddr::TcpTls { .. }));
    let addresses = infos.iter().map(|info| info.addr().clone());
    let mut builder = SentinelClientBuilder::new(addresses, service, SentinelServerType::Master)?;
    if over_tls {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_tls_mode(TlsMode::Secure);
    }
    if let Some(certificates) = &access.certificates {
        builder = builder
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates.clone());
    }
    if let Some(username) = &access.username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = &access.password {
        builder = builder.set_client_to_redis_password(password.expose());
    }
    let mut client = builder.build()?;
    client.get_async_connection_with_config(&patient()).await.map(Connection::One)
}

async fn cluster(nodes: &[Url], access: &Access) -> Result<Connection, RedisError> {
    let over_tls = nodes.iter().any(|url| url.scheme() == "rediss");
    let mut builder = ClusterClient::builder(nodes.iter().map(Url::as_str))
        .connection_timeout(CONNECT)
        .response_timeout(ANSWER)
        .overall_response_timeout(Some(ANSWER * 2));
    if over_tls {
        builder = builder.tls(TlsMode::Secure);
    }
    if let Some(certificates) = &access.certificates {
        builder = builder.certs(certificates.clone());
    }
    if let Some(username) = &access.username {
        builder = builder.username(username);
    }
    if let Some(password) = &access.password {
        builder = builder.password(password.expose());
    }
    builder.build()?.get_async_connection().await.map(Connection::Cluster)
}

/// The errors of a server say what was wrong with the command, and ours hold no secret; a password that is
/// refused is not repeated.
fn fault(error: &RedisError) -> FeedFault {
    let refused =
        matches!(error.kind(), ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm))
            || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
    match refused {
        true => FeedFault::Refused(error.to_string()),
        false => FeedFault::Server(error.to_string()),
    }
}
