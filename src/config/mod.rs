//! Configuration: two files in one directory become one [`Config`], or a complete list of problems.
//!
//! `files` reads the directory as of one moment. `read` turns text into the documents as typed; `compile` says
//! what they mean. A file with a problem is never applied, and no problem hides another.

mod auditing;
mod compile;
mod document;
mod files;
mod load;
mod path;
mod preset;
mod problem;
mod read;
mod revocation;
mod schema;
mod suspicion;
mod telemetry;
mod yaml;

pub(crate) use compile::is_loopback;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

pub use auditing::{Auditing, HashKeyOrigin, of_this_process};
pub use files::{
    ConfigFile, Files, Fingerprint, GATEPOST_FILE, NEXT_POLICY_FILE, POLICY_DIRECTORY, POLICY_FILE,
};
pub use load::{Loaded, compile, load};
pub use path::Path;
pub use preset::Preset;
pub(crate) use problem::sort as sort_problems;
pub use problem::{Place, Problem, Severity};
pub use read::Source;
pub use revocation::{
    FeedOrigin, FeedSettings, LONGEST_TOKEN_LIFETIME, MissedBeforeStart, NatsSettings, RedisServers,
    RedisSettings, RevocationSettings, SignedSettings, SignerKeys, SsfPollSettings, WhenLate,
};
pub use schema::{Document, schema};
pub use suspicion::{MOST_DIFFERENT, SuspicionSettings, Threshold};
pub use telemetry::{CollectorSettings, OtlpSettings, TelemetrySettings};

use crate::check::issuer::Issuer;
use crate::check::policy::Policy;
use crate::check::resource::ProtectedResource;
use crate::check::trial::Trial;

/// Everything that the two files say, ready to use.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// Bounds on every check.
    pub check: CheckLimits,
    /// Which checks are recorded.
    pub audit: AuditSettings,
    /// What counts as suspicious use.
    pub suspicion: SuspicionSettings,
    /// Where telemetry is pushed.
    pub telemetry: TelemetrySettings,
    /// How long checks in flight may take to finish after SIGTERM.
    pub shutdown_deadline: Duration,
    /// Whom to trust, in the order written.
    pub issuers: Vec<TrustedIssuer>,
    /// Where revocations come from.
    pub revocation: Option<RevocationSettings>,
    /// The service as clients find it.
    pub resource: Option<ProtectedResource>,
    /// What each route needs.
    pub policy: Policy,
    /// Policies that are tried out beside it.
    pub trials: Vec<Trial>,
    /// Whether there is a candidate policy that has problems, and so is not tried out.
    pub candidate_rejected: bool,
    /// What tells the files from any others.
    pub fingerprint: Fingerprint,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Where Envoy asks.
    pub authz: AuthzAddress,
    /// Where operators look.
    pub admin: SocketAddr,
}

/// Where Envoy asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthzAddress {
    /// A Unix socket file, with its permissions.
    Unix {
        /// Where it is.
        path: PathBuf,
        /// Permission bits.
        mode: u32,
    },
    /// A Unix socket without a file, visible in the network namespace.
    Abstract(String),
    /// TCP.
    Tcp(SocketAddr),
}

impl std::fmt::Display for AuthzAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix { path, .. } => write!(f, "unix:{}", path.display()),
            Self::Abstract(name) => write!(f, "unix:@{name}"),
            Self::Tcp(address) => write!(f, "{address}"),
        }
    }
}

/// Bounds on every check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckLimits {
    /// How long a check may take.
    pub deadline: Duration,
    /// The longest token that is looked at, in bytes.
    pub max_token_bytes: usize,
    /// How much memory verified JWTs may take, in bytes.
    pub max_known_bytes: u64,
    /// Whether a client that is refused is told the reason's name.
    pub names_reason: bool,
}

/// Which checks are recorded in the audit log, how, and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditSettings {
    /// Which of them.
    pub requests: AuditRequests,
    /// The share of the others.
    pub sample: f64,
    /// At most so many in a second.
    pub per_second: u32,
    /// Where lines go.
    pub to: AuditDestination,
    /// Whether subjects and clients are written as tokens have them.
    pub plain_identities: bool,
    /// The key of their hashes.
    pub hash_key_file: Option<PathBuf>,
}

/// Where the audit log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditDestination {
    /// Standard output.
    Stdout,
    /// A file.
    File(AuditFile),
    /// OTLP logs over gRPC.
    Otlp(CollectorSettings),
}

/// A file that is continued by another when it is long enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFile {
    /// Where it is.
    pub path: PathBuf,
    /// How long it may become, but for one line.
    pub max_bytes: u64,
    /// How many older ones are kept.
    pub keep: u32,
}

/// Which checks are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditRequests {
    /// None.
    None,
    /// Those that a policy on trial would have decided otherwise.
    Differences,
    /// Those, and all that were not allowed.
    Denials,
    /// All.
    All,
}

/// An issuer, and how its keys are had. Equal ones are asked the same things in the same way.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustedIssuer {
    /// Whom we trust, and what its tokens look like.
    pub issuer: Issuer,
    /// Where its keys come from.
    pub keys: KeyOrigin,
    /// How they are kept fresh.
    pub refresh: RefreshSettings,
    /// How it is asked about tokens.
    pub introspection: Option<IntrospectionSettings>,
    /// Certificate authorities to trust for it, besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether readiness waits for its keys.
    pub optional: bool,
}

/// How an issuer is asked about tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct IntrospectionSettings {
    /// Who we are there.
    pub client: Client,
    /// Where to ask; none for the endpoint of the metadata.
    pub endpoint: Option<Url>,
    /// Whether only signed answers count.
    pub signed: bool,
    /// How long answers are kept.
    pub cache: AnswerCache,
    /// How much it is asked.
    pub limits: CallLimits,
    /// How long after it was given an active answer may serve while the issuer can't be asked.
    pub stale: Option<Duration>,
    /// How long one call may take.
    pub timeout: Duration,
}

/// Who we are at an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The client id.
    pub id: String,
    /// How we prove it.
    pub auth: ClientAuth,
}

/// How we prove who we are. Files are read when they are needed, so that a rotated Secret takes hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the configuration's keys of the same names say it")]
pub enum ClientAuth {
    /// RFC 6749 §2.3.1, in the Authorization header.
    SecretBasic { secret_file: PathBuf },
    /// RFC 6749 §2.3.1, in the body.
    SecretPost { secret_file: PathBuf },
    /// RFC 7523 §2.2.
    PrivateKeyJwt { key_file: PathBuf, key_id: Option<String>, algorithm: AssertionAlgorithm },
    /// RFC 8705 §2.
    Tls { certificate_file: PathBuf, key_file: PathBuf },
}

/// What signs a client assertion.
pub type AssertionAlgorithm = jsonwebtoken::Algorithm;

/// How long answers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerCache {
    /// Active ones, never beyond `exp`.
    pub active: Duration,
    /// Inactive ones.
    pub inactive: Duration,
    /// Whether at most half of the remaining life is used.
    pub half_life: bool,
    /// Whether answers in use are renewed ahead of time.
    pub refresh_ahead: bool,
    /// How much memory active answers may take; inactive ones a quarter of it.
    pub max_bytes: u64,
}

/// How much an issuer is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Calls in flight.
    pub in_flight: u32,
    /// Unknown tokens of one client address at once.
    pub burst: u32,
    /// And each second.
    pub per_second: u32,
    /// Failures in a row that suspend asking.
    pub failures: u32,
    /// For how long.
    pub suspend: Duration,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// The `jwks_uri` of its metadata (RFC 8414, OpenID Connect Discovery).
    Metadata,
    /// This URL.
    Uri(Url),
    /// This file.
    File(PathBuf),
}

/// How an issuer's keys are kept fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshSettings {
    /// How often they are read again, before jitter.
    pub interval: Duration,
    /// How long after asking for an unknown key no other unknown key makes us ask.
    pub cooldown: Duration,
    /// How long the last good keys serve.
    pub max_stale: Duration,
    /// How long one request may take.
    pub timeout: Duration,
}
