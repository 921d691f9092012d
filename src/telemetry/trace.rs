//! Traces of checks: a span for each that the caller's trace context calls sampled, with its parts below it.
//!
//! Nothing in a span comes from a token, and of the request only its method: stages are told by their names and
//! verdicts, rules and issuers by their configured names. What a check that is not sampled costs is the look at
//! one flag; where traces are off, at one field.

mod observer;
mod span;
mod state;

use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::sync::mpsc;

pub use observer::{Observer, Origin, Part, RemoteCall};
pub use span::{CheckSpan, Outcome};

use super::metrics::{ExportMetrics, ExportResult, Signal};
use crate::check::Headers;
use crate::check::trace_context::TraceContext;
use crate::clock::Clock;

/// Traces that wait to be sent, one for each check.
const QUEUE: usize = 1024;

/// Begins spans, and passes on those that ended.
#[derive(Debug)]
pub struct Tracer {
    queue: mpsc::Sender<Vec<Span>>,
    exports: ExportMetrics,
    clock: Clock,
}

/// The trace context of the call that asks about a request, as its metadata carry it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller<'a> {
    /// `traceparent`.
    pub traceparent: Option<&'a [u8]>,
    /// `tracestate`.
    pub tracestate: Option<&'a [u8]>,
}

impl Tracer {
    /// A tracer, and where the spans of ended checks arrive.
    pub(super) fn new(exports: ExportMetrics, clock: Clock) -> (Arc<Self>, mpsc::Receiver<Vec<Span>>) {
        let (queue, ended) = mpsc::channel(QUEUE);
        (Arc::new(Self { queue, exports, clock }), ended)
    }

    /// The span of a check, if it is sampled.
    #[must_use]
    pub fn begin(&self, caller: Caller<'_>, headers: &Headers) -> Option<CheckSpan<'_>> {
        let parent = TraceContext::sampled(caller.traceparent, headers)?;
        // The state belongs to the context that was taken.
        let own = caller.traceparent.map(|_| caller.tracestate.unwrap_or_default());
        Some(CheckSpan::begin(self, parent, state::passed_on(own, headers)))
    }

    fn ended(&self, spans: Vec<Span>) {
        let many = spans.len() as u64;
        if self.queue.try_send(spans).is_err() {
            self.exports.count(Signal::Traces, ExportResult::Dropped, many);
        }
    }
}
