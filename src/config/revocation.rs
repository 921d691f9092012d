//! What `revocation` says, ready to use.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::{Client, TrustedIssuer};
use crate::check::revocation::Terms;

/// No configuration may say that access tokens live longer than this.
pub const LONGEST_TOKEN_LIFETIME: Duration = Duration::from_secs(366 * 24 * 3600);

/// Where revocations come from, and what holds while they do not come.
#[derive(Clone, Debug, PartialEq)]
pub struct RevocationSettings {
    /// The feeds, in the order written.
    pub feeds: Vec<FeedSettings>,
    /// How long a feed may be silent before it is stale.
    pub stale_after: Duration,
    /// How long the first complete reading may take.
    pub catch_up_deadline: Duration,
    /// What happens when it takes longer.
    pub when_late: WhenLate,
    /// What checks are asked.
    pub terms: Terms,
    /// How many marks are kept at most.
    pub max_marks: usize,
}

/// What happens when the feeds have not been read when they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenLate {
    /// The sidecar stays unready.
    Wait,
    /// It becomes ready, with stale feeds.
    Serve,
}

/// One feed.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedSettings {
    /// Its name in logs, metrics and on /statusz.
    pub name: String,
    /// What it is read from.
    pub origin: FeedOrigin,
    /// Whether its writer sends heartbeats, so that silence means that it is dead.
    pub heartbeats: bool,
    /// Whose signature its messages have.
    pub signed: Option<SignedSettings>,
    /// The identifiers of the issuers whose tokens it may revoke; none for all.
    pub issuers: Option<Vec<String>>,
}

/// What a feed is read from.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedOrigin {
    /// A file of one message a line.
    File(PathBuf),
    /// A Redis stream.
    Redis(RedisSettings),
    /// A NATS JetStream stream.
    Nats(NatsSettings),
    /// A transmitter of security events that is polled (RFC 8936).
    SsfPoll(Box<SsfPollSettings>),
}

impl FeedOrigin {
    /// The word for it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Redis(_) => "redis",
            Self::Nats(_) => "nats",
            Self::SsfPoll(_) => "ssf_poll",
        }
    }
}

impl std::fmt::Display for FeedOrigin {
    /// For people. URLs of feeds have no credentials in them: such ones are refused.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let joined = |urls: &[Url]| urls.iter().map(Url::as_str).collect::<Vec<_>>().join(", ");
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Redis(RedisSettings { servers, stream, .. }) => match servers {
                RedisServers::One(url) => write!(f, "Redis stream {stream} at {url}"),
                RedisServers::Sentinel { sentinels, service } => {
                    write!(f, "Redis stream {stream} of {service}, which {} know", joined(sentinels))
                }
                RedisServers::Cluster(nodes) => {
                    write!(f, "Redis stream {stream} in the cluster of {}", joined(nodes))
                }
            },
            Self::Nats(NatsSettings { urls, stream, .. }) => {
                write!(f, "NATS stream {stream} at {}", joined(urls))
            }
            Self::SsfPoll(settings) => write!(f, "transmitter {}", settings.transmitter),
        }
    }
}

/// Whose signature messages have.
#[derive(Clone, Debug, PartialEq)]
pub struct SignedSettings {
    /// Whether messages without one are ignored.
    pub required: bool,
    /// `iss` of the messages.
    pub issuer: String,
    /// `aud` must hold one of these; empty accepts any.
    pub audiences: Vec<String>,
    /// Where the keys are.
    pub keys: SignerKeys,
}

/// Where a signer's keys are.
#[derive(Clone, Debug, PartialEq)]
pub enum SignerKeys {
    /// In this file.
    File(PathBuf),
    /// They are those of this issuer.
    Issuer(Box<TrustedIssuer>),
}

/// A Redis stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisSettings {
    /// How the server is found.
    pub servers: RedisServers,
    /// The stream's key.
    pub stream: String,
    /// The ACL user.
    pub username: Option<String>,
    /// The file with its password, read at each connection.
    pub password_file: Option<PathBuf>,
    /// Certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// How a Redis server is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisServers {
    /// It is this one.
    One(Url),
    /// These Sentinels know the primary of this service.
    Sentinel {
        /// Where the Sentinels are.
        sentinels: Vec<Url>,
        /// What they call the service.
        service: String,
    },
    /// These are nodes of its cluster.
    Cluster(Vec<Url>),
}

/// A JetStream stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsSettings {
    /// Servers of one cluster, `nats://` or `tls://`.
    pub urls: Vec<Url>,
    /// The stream's name.
    pub stream: String,
    /// The credentials file (JWT and nkey seed), read at each connection.
    pub credentials_file: Option<PathBuf>,
    /// Certificate authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// What holds for revocations that a transmitter does not say again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissedBeforeStart {
    /// The feed is incomplete until none of the tokens they are about is alive.
    Stale,
    /// They are done without.
    Accept,
}

/// A transmitter that is polled.
#[derive(Clone, Debug, PartialEq)]
pub struct SsfPollSettings {
    /// The transmitter's issuer identifier.
    pub transmitter: String,
    /// Who we are there.
    pub client: Client,
    /// Where we get our access token; none for the transmitter's authorization server metadata.
    pub token_endpoint: Option<Url>,
    /// The scopes to ask for.
    pub scopes: Vec<String>,
    /// How long to wait between polls that are answered at once.
    pub interval: Duration,
    /// What holds for what was acknowledged before.
    pub missed_before_start: MissedBeforeStart,
    /// Certificate authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
}
