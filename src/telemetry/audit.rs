//! The audit log: one JSON object a line, to standard output, a file or an OTLP collector. A check never waits for
//! it: what the queue has no room for is dropped and counted.

pub mod event;
mod file;
mod otlp;
mod output;
mod writer;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};

use super::metrics::{AuditMetrics, AuditResult, ExportMetrics, ExportResult, Metrics, Signal};
use super::per_second::PerSecond;
use crate::check::record::{Identities, Record};
use crate::config::AuditDestination;
use crate::jose::UnixTime;
use crate::suspicion::Suspicion;

pub use writer::AuditWriter;

/// Lines that wait to be written.
const QUEUE: usize = 1024;

/// A longer line is dropped: a token with all its claims, and a path, are shorter.
const MAX_LINE_BYTES: usize = 64 << 10;

/// One line on its way.
#[derive(Debug)]
struct Line {
    /// With the line feed.
    text: String,
    time: UnixTime,
    severity: Severity,
    /// In hex.
    trace: Option<String>,
}

/// How much a line asks for attention, as OpenTelemetry's logs data model counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    Info = 9,
    Warn = 13,
    Error = 17,
}

/// Takes records and events.
#[derive(Debug)]
pub struct Audit {
    queue: mpsc::Sender<Line>,
    destination: watch::Sender<AuditDestination>,
    shared: Arc<Shared>,
    records: PerSecond,
    events: PerSecond,
}

/// What both ends of the queue know.
#[derive(Debug)]
struct Shared {
    metrics: AuditMetrics,
    exports: ExportMetrics,
    /// Lines that were taken, and of which it is not known yet what becomes of them.
    waiting: AtomicUsize,
    fault: Mutex<Option<String>>,
}

/// How the log is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditStatus {
    /// `stdout`, `file` or `otlp`.
    pub to: &'static str,
    /// Lines that wait to be written.
    pub waiting: usize,
    /// Lines by what became of them.
    pub lines: Vec<(&'static str, u64)>,
    /// Why the last attempt to write failed, if it did.
    pub last_error: Option<String>,
}

/// A queue, and what empties it into this destination.
#[must_use]
pub fn audit(metrics: &Metrics, to: AuditDestination) -> (Audit, AuditWriter) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let (destination, follows) = watch::channel(to);
    let (metrics, exports) = (metrics.audit(), metrics.exports());
    let shared = Arc::new(Shared { metrics, exports, waiting: AtomicUsize::new(0), fault: Mutex::default() });
    let writer = AuditWriter::new(receiver, follows, Arc::clone(&shared));
    (
        Audit {
            queue: sender,
            destination,
            shared,
            records: PerSecond::default(),
            events: PerSecond::default(),
        },
        writer,
    )
}

impl Audit {
    /// Takes a record, unless this second has had as many as it may. The record is made only if it is taken.
    pub fn take(&self, now: UnixTime, per_second: u32, record: impl FnOnce() -> Record) {
        if !self.records.has_room(now, per_second) {
            return self.shared.metrics.line(AuditResult::LeftOut);
        }
        let record = record();
        let severity = match record.outcome.as_str() {
            "allow" | "answer" => Severity::Info,
            "deny" => Severity::Warn,
            _ => Severity::Error,
        };
        let trace = record.request.trace.clone();
        self.send(serde_json::to_string(&record), now, severity, trace);
    }

    /// Takes an event, unless this second has had as many as it may. Records do not use up its room.
    pub fn event(&self, now: UnixTime, per_second: u32, event: &Suspicion, identities: &Identities) {
        if !self.events.has_room(now, per_second) {
            return self.shared.metrics.line(AuditResult::LeftOut);
        }
        self.send(serde_json::to_string(&event::line(event, now, identities)), now, Severity::Warn, None);
    }

    fn send(
        &self,
        text: serde_json::Result<String>,
        time: UnixTime,
        severity: Severity,
        trace: Option<String>,
    ) {
        // Text, numbers and lists of them: JSON always has a form for those.
        let text = text.ok().filter(|text| text.len() < MAX_LINE_BYTES);
        let line = text.map(|text| Line { text: on_one_line(text), time, severity, trace });
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        if line.is_none_or(|line| self.queue.try_send(line).is_err()) {
            self.shared.finished(1, ExportResult::Dropped, &self.destination.borrow());
        }
    }

    /// Has lines go there from now on.
    pub fn send_to(&self, destination: &AuditDestination) {
        self.destination.send_if_modified(|its| {
            let differs = its != destination;
            its.clone_from(destination);
            differs
        });
    }

    /// Whether nothing waits to be written.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.shared.waiting.load(Ordering::Relaxed) == 0
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> AuditStatus {
        let Shared { metrics, waiting, fault, .. } = &*self.shared;
        AuditStatus {
            to: name(&self.destination.borrow()),
            waiting: waiting.load(Ordering::Relaxed),
            lines: AuditResult::ALL
                .into_iter()
                .map(|result| (result.label(), metrics.count(result)))
                .collect(),
            last_error: fault.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl Shared {
    fn finished(&self, lines: usize, result: ExportResult, to: &AuditDestination) {
        let written = match result {
            ExportResult::Success => AuditResult::Written,
            ExportResult::Failure | ExportResult::Dropped => AuditResult::Dropped,
        };
        (0..lines).for_each(|_| self.metrics.line(written));
        if matches!(to, AuditDestination::Otlp(_)) {
            self.exports.count(Signal::Audit, result, lines as u64);
        }
        self.waiting.fetch_sub(lines, Ordering::Relaxed);
    }

    fn now_fails(&self, why: Option<String>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

fn name(destination: &AuditDestination) -> &'static str {
    match destination {
        AuditDestination::Stdout => "stdout",
        AuditDestination::File(_) => "file",
        AuditDestination::Otlp(_) => "otlp",
    }
}

/// JSON escapes control characters below U+0020. Some readers also end a line, or obey, at others: those are escaped
/// too, which no reader of JSON can tell.
fn on_one_line(text: String) -> String {
    let is_other =
        |its: char| matches!(its, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}') || is_directional(its);
    if text.is_ascii() && !text.contains('\u{7f}') {
        return text + "\n";
    }
    let mut line = String::with_capacity(text.len() + 1);
    for its in text.chars() {
        match is_other(its) {
            true => line.push_str(&format!("\\u{:04x}", u32::from(its))),
            false => line.push(its),
        }
    }
    line + "\n"
}

/// Characters that change the order in which others are shown (Unicode UAX #9).
fn is_directional(its: char) -> bool {
    matches!(its, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests;
