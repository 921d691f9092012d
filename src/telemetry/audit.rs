//! The audit log: one JSON object a line on standard output. A check never waits for it: what the queue has no room
//! for is dropped and counted.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::metrics::{AuditMetrics, AuditResult};
use crate::check::record::Record;
use crate::jose::UnixTime;

/// Lines that wait to be written.
const QUEUE: usize = 256;

/// A longer line is dropped: a token with all its claims, and a path, are shorter.
const MAX_LINE_BYTES: usize = 64 << 10;

/// Takes records.
#[derive(Debug)]
pub struct Audit {
    queue: mpsc::Sender<String>,
    metrics: AuditMetrics,
    /// The second that is being counted, and how many lines it has had, in the lower 20 bits.
    taken: AtomicU64,
}

/// Writes what was taken.
#[derive(Debug)]
pub struct AuditWriter {
    queue: mpsc::Receiver<String>,
}

impl Audit {
    /// A queue, and what empties it.
    #[must_use]
    pub fn new(metrics: AuditMetrics) -> (Self, AuditWriter) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self { queue: sender, metrics, taken: AtomicU64::new(0) }, AuditWriter { queue: receiver })
    }

    /// Takes a record, unless this second has had as many as it may. The record is made only if it is taken.
    pub fn take(&self, now: UnixTime, per_second: u32, record: impl FnOnce() -> Record) {
        if !self.has_room(now, per_second) {
            return self.metrics.line(AuditResult::LeftOut);
        }
        // A record is text, numbers and lists of them, which JSON always has a form for.
        let line = serde_json::to_string(&record()).ok().filter(|line| line.len() < MAX_LINE_BYTES);
        let queued = line.is_some_and(|line| self.queue.try_send(line + "\n").is_ok());
        self.metrics.line(if queued { AuditResult::Written } else { AuditResult::Dropped });
    }

    /// Whether nothing waits to be written.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.queue.capacity() == self.queue.max_capacity()
    }

    fn has_room(&self, now: UnixTime, per_second: u32) -> bool {
        const COUNT: u64 = (1 << 20) - 1;
        let second = u64::try_from(now.as_millis() / 1000).unwrap_or_default() << 20;
        let count = |taken: u64| if taken & !COUNT == second { taken & COUNT } else { 0 };
        let next = |taken| {
            let count = count(taken);
            (count < u64::from(per_second).min(COUNT)).then_some(second | (count + 1))
        };
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

impl AuditWriter {
    /// Writes for ever; ends only with the last [`Audit`], or when there is nowhere to write any longer.
    pub async fn run(mut self, mut output: impl AsyncWrite + Unpin) {
        while let Some(line) = self.queue.recv().await {
            if let Err(error) = write(&mut output, &line).await {
                tracing::error!(%error, "the audit log could not be written");
                break;
            }
        }
        // The sidecar serves on: whoever closed its standard output gets no more lines, and drops are counted.
        drop(self.queue);
        std::future::pending::<()>().await;
    }
}

async fn write(output: &mut (impl AsyncWrite + Unpin), line: &str) -> std::io::Result<()> {
    output.write_all(line.as_bytes()).await?;
    output.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::decision::{Decision, Denial, DenyReason};
    use crate::check::issuer::Issuers;
    use crate::check::policy::Reads;
    use crate::check::{CheckInput, Decided};
    use crate::telemetry::metrics::Metrics;

    fn record(path: &str) -> Record {
        let input = CheckInput { method: "GET".into(), target: path.into(), ..CheckInput::default() };
        let denial = Denial { reason: DenyReason::NoRule, rule: None, hints: None };
        let decided = Decided::from(Decision::Deny(denial));
        let time = "2026-11-23T12:00:00Z".to_owned();
        Record::of(&input, &decided, &[], &Issuers::default(), &Reads::default(), time, 7)
    }

    #[tokio::test]
    async fn writes_a_line_for_each_record_and_never_the_query() {
        let (audit, writer) = Audit::new(Metrics::new().audit());
        audit.take(UnixTime::from_millis(0), 10, || record("/a?access_token=secret"));
        audit.take(UnixTime::from_millis(0), 10, || record("/b\nforged\u{2028}"));
        let (output, mut input) = tokio::io::duplex(4096);
        let read = async {
            let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(&mut input));
            [lines.next_line().await.unwrap().unwrap(), lines.next_line().await.unwrap().unwrap()]
        };
        let [one, two] = tokio::select! { lines = read => lines, () = writer.run(output) => unreachable!() };
        assert_eq!(serde_json::from_str::<Record>(&one).unwrap(), record("/a"));
        assert_eq!(serde_json::from_str::<Record>(&two).unwrap(), record("/b\nforged\u{2028}"));
    }

    #[test]
    fn a_second_has_room_for_so_many_lines_and_the_next_for_as_many_again() {
        let (audit, _writer) = Audit::new(Metrics::new().audit());
        let room = |millis| audit.has_room(UnixTime::from_millis(millis), 2);
        assert_eq!(
            [1_000, 1_500, 1_999, 2_000, 2_001, 2_002].map(room),
            [true, true, false, true, true, false]
        );
        assert!(!audit.has_room(UnixTime::from_millis(9_000), 0));
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let metrics = Metrics::new();
        let (audit, writer) = Audit::new(metrics.audit());
        for _ in 0..=QUEUE {
            audit.take(UnixTime::from_millis(0), u32::MAX, || record("/"));
        }
        assert!(metrics.render().contains("gatepost_audit_lines_total{result=\"dropped\"} 1\n"));
        drop(writer);
    }
}
