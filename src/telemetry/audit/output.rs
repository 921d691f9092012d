//! Where lines go, and what can go wrong there.

use tokio::io::{self, AsyncWriteExt as _, Stdout};

use super::Line;
use super::file::RotatingFile;
use super::otlp::LineExporter;
use crate::config::AuditDestination;

/// An open destination.
pub(super) enum Output {
    Stdout(Stdout),
    File(RotatingFile),
    Collector(Box<LineExporter>),
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
            AuditDestination::Otlp(collector) => {
                Self::Collector(Box::new(LineExporter::new(collector.clone())))
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
