//! Where lines go, and what can go wrong there.

use std::path::PathBuf;

use tokio::io::{self, AsyncWriteExt as _, Stdout};
use url::Url;

use super::Line;
use super::file::RotatingFile;
use super::otlp::Collector;

/// Where the audit log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditDestination {
    /// Standard output.
    Stdout,
    /// A file.
    File(AuditFile),
    /// OTLP logs over gRPC.
    Otlp {
        /// The collector.
        endpoint: Url,
        /// Certificate authorities to trust for it, instead of the system's.
        ca_file: Option<PathBuf>,
    },
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

/// An open destination.
pub(super) enum Output {
    Stdout(Stdout),
    File(RotatingFile),
    Collector(Box<Collector>),
}

/// Some lines could not be written.
#[derive(Debug)]
pub(super) struct Failed {
    /// The first so many were.
    pub(super) written: usize,
    /// The next so many never will be.
    pub(super) lost: usize,
    /// Why.
    pub(super) why: String,
}

impl Output {
    pub(super) fn open(destination: &AuditDestination) -> Self {
        match destination {
            AuditDestination::Stdout => Self::Stdout(io::stdout()),
            AuditDestination::File(file) => Self::File(RotatingFile::new(file.clone())),
            AuditDestination::Otlp { endpoint, ca_file } => {
                Self::Collector(Box::new(Collector::new(endpoint.clone(), ca_file.clone())))
            }
        }
    }

    pub(super) async fn write(&mut self, lines: &[Line]) -> Result<(), Failed> {
        match self {
            Self::Stdout(output) => to_stdout(output, lines).await,
            Self::File(file) => file.write(lines).await,
            Self::Collector(collector) => collector.send(lines).await,
        }
    }
}

/// Whoever closed our standard output will not open it again.
async fn to_stdout(output: &mut Stdout, lines: &[Line]) -> Result<(), Failed> {
    let text: String = lines.iter().map(|line| line.text.as_str()).collect();
    let lost = |error: io::Error| Failed { written: 0, lost: lines.len(), why: error.to_string() };
    output.write_all(text.as_bytes()).await.map_err(lost)?;
    output.flush().await.map_err(lost)
}
