//! Configuration: two files in one directory become one [`Config`], or a complete list of problems.
//!
//! `read` turns text into the documents as typed; `compile` says what they mean. A file with a problem is
//! never applied, and no problem hides another.

mod compile;
mod document;
mod load;
mod path;
mod preset;
mod problem;
mod read;
mod yaml;

pub(crate) use compile::is_loopback;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

pub use load::{GATEPOST_FILE, Loaded, POLICY_FILE, load};
pub use path::Path;
pub use preset::Preset;
pub use problem::{Problem, Severity};
pub use read::Source;

use crate::check::issuer::Issuer;
use crate::check::policy::Policy;

/// Everything that the two files say, ready to use.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// Bounds on every check.
    pub check: CheckLimits,
    /// How long checks in flight may take to finish after SIGTERM.
    pub shutdown_deadline: Duration,
    /// Whom to trust, in the order written.
    pub issuers: Vec<TrustedIssuer>,
    /// What each route needs.
    pub policy: Policy,
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
}

/// An issuer, and how its keys are had.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    /// Whom we trust, and what its tokens look like.
    pub issuer: Issuer,
    /// Where its keys come from.
    pub keys: KeyOrigin,
    /// How they are kept fresh.
    pub refresh: RefreshSettings,
    /// Certificate authorities to trust for it, besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether readiness waits for its keys.
    pub optional: bool,
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
