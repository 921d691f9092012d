//! Empties the queue of the audit log, and tries again what could not be written.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::output::{Failed, Output};
use super::{Line, Shared, name};
use crate::config::AuditDestination;
use crate::telemetry::metrics::{AuditResult, ExportResult};

/// Lines that are written together.
const BATCH: usize = 32;

/// How long after a failure it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// How often, before others get their turn.
const MOST_TRIES: u32 = 60;

/// Writes what was taken.
#[derive(Debug)]
pub struct AuditWriter {
    queue: mpsc::Receiver<Line>,
    destination: watch::Receiver<AuditDestination>,
    shared: Arc<Shared>,
    /// Failures in a row.
    tries: u32,
}

impl AuditWriter {
    pub(super) fn new(
        queue: mpsc::Receiver<Line>,
        destination: watch::Receiver<AuditDestination>,
        shared: Arc<Shared>,
    ) -> Self {
        Self { queue, destination, shared, tries: 0 }
    }

    /// Writes for ever. While nothing can be written the queue fills, and what comes then is dropped and counted.
    pub async fn run(mut self) {
        let mut output = Output::open(&self.destination.borrow_and_update().clone());
        let mut lines = Vec::with_capacity(BATCH);
        loop {
            if self.queue.recv_many(&mut lines, BATCH).await == 0 {
                // Nobody is left who could take lines.
                std::future::pending::<()>().await;
            }
            while !lines.is_empty() {
                if self.destination.has_changed().unwrap_or_default() {
                    output = Output::open(&self.destination.borrow_and_update().clone());
                }
                match output.write(&lines).await {
                    Ok(()) => self.works(&mut lines),
                    Err(failed) => self.failed(&mut lines, failed).await,
                }
            }
        }
    }

    fn works(&mut self, lines: &mut Vec<Line>) {
        self.finished(lines.len(), ExportResult::Success);
        lines.clear();
        if std::mem::take(&mut self.tries) > 0 {
            self.shared.now_fails(None);
            tracing::info!("the audit log is written again");
        }
    }

    fn finished(&self, lines: usize, result: ExportResult) {
        self.shared.finished(lines, result, &self.destination.borrow());
    }

    async fn failed(&mut self, lines: &mut Vec<Line>, failed: Failed) {
        let Failed { written, lost, why } = failed;
        self.finished(written, ExportResult::Success);
        self.finished(lost, ExportResult::Failure);
        lines.drain(..lines.len().min(written + lost));
        let to = name(&self.destination.borrow());
        self.tries += 1;
        if self.tries == 1 {
            tracing::error!(to, error = why, "the audit log could not be written");
        }
        self.shared.now_fails(Some(why));
        if self.tries.is_multiple_of(MOST_TRIES) {
            self.finished(lines.len(), ExportResult::Failure);
            lines.clear();
        }
        if !lines.is_empty() {
            self.shared.metrics.line(AuditResult::Retried);
            tokio::time::sleep(PAUSE).await;
        }
    }
}
