//! Sends the spans of ended checks, in batches.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::Flush;
use super::collector::{Collector, ExportFault, scope};
use crate::telemetry::metrics::{ExportMetrics, ExportResult, Signal};

/// So many spans are sent without waiting for more.
const BATCH: usize = 512;

/// How long a span waits for others.
const DELAY: Duration = Duration::from_secs(1);

/// Sends spans.
#[derive(Debug)]
pub(super) struct SpanExporter {
    collector: Collector,
    ended: mpsc::Receiver<Vec<Span>>,
    flushes: mpsc::Receiver<Flush>,
    exports: ExportMetrics,
    batch: Vec<Span>,
}

impl SpanExporter {
    pub(super) fn new(
        collector: Collector,
        ended: mpsc::Receiver<Vec<Span>>,
        flushes: mpsc::Receiver<Flush>,
        exports: ExportMetrics,
    ) -> Self {
        Self { collector, ended, flushes, exports, batch: Vec::new() }
    }

    pub(super) async fn run(mut self) {
        loop {
            let flush = self.collect().await;
            while !self.batch.is_empty() {
                let rest = self.batch.split_off(self.batch.len().min(BATCH));
                let spans = std::mem::replace(&mut self.batch, rest);
                self.export(spans).await;
            }
            if let Some(done) = flush {
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
        }
    }

    /// Waits for a full batch, for a span that has waited long enough, or for a flush.
    async fn collect(&mut self) -> Option<Flush> {
        let mut due = None;
        while self.batch.len() < BATCH {
            tokio::select! {
                biased;
                Some(flush) = self.flushes.recv() => {
                    while let Ok(spans) = self.ended.try_recv() {
                        self.batch.extend(spans);
                    }
                    return Some(flush);
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => return None,
                Some(spans) = self.ended.recv() => {
                    self.batch.extend(spans);
                    due.get_or_insert_with(|| Instant::now() + DELAY);
                }
                else => std::future::pending().await,
            }
        }
        None
    }

    async fn export(&mut self, spans: Vec<Span>) {
        let many = spans.len() as u64;
        let ended = self.send(spans).await;
        let refused = match &ended {
            Ok(()) => 0,
            Err(ExportFault::Partly(refused)) => u64::try_from(*refused).unwrap_or_default().min(many),
            Err(_) => many,
        };
        self.exports.count(Signal::Traces, ExportResult::Failure, refused);
        self.exports.count(Signal::Traces, ExportResult::Success, many - refused);
        self.collector.ended("traces", &ended);
    }

    async fn send(&mut self, spans: Vec<Span>) -> Result<(), ExportFault> {
        let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }];
        let resource = Some(self.collector.resource());
        let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
        let (channel, request) = self.collector.address(ExportTraceServiceRequest { resource_spans }).await?;
        let answer = TraceServiceClient::new(channel).export(request).await?.into_inner();
        match answer.partial_success.map(|partly| partly.rejected_spans) {
            None | Some(..=0) => Ok(()),
            Some(refused) => Err(ExportFault::Partly(refused)),
        }
    }
}
