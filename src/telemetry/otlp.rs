//! Pushes traces and metrics to a collector over OTLP/gRPC. No check waits for it: what it can't take is counted
//! and gone.

pub(super) mod collector;
mod metrics;
mod openmetrics;
mod spans;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::metrics::Metrics;
use super::trace::Tracer;
use crate::clock::Clock;
use crate::config::OtlpSettings;
use collector::Collector;
use metrics::MetricPusher;
use spans::SpanExporter;

/// How long the end of the process waits for the last exports.
const FLUSH: Duration = Duration::from_secs(1);

/// Someone who waits until everything is sent that there is now.
type Flush = oneshot::Sender<()>;

/// The tasks that push, to be run once each.
#[derive(Debug, Default)]
pub struct Exporters {
    spans: Option<SpanExporter>,
    metrics: Option<MetricPusher>,
}

/// Reaches the tasks, to have everything sent before the end.
#[derive(Debug, Default)]
pub struct Flusher(Vec<mpsc::Sender<Flush>>);

/// Prepares what the settings ask for; nothing runs yet.
#[must_use]
pub fn prepare(
    settings: &OtlpSettings,
    metrics: &Arc<Metrics>,
    clock: Clock,
) -> (Option<Arc<Tracer>>, Exporters, Flusher) {
    let mut flusher = Flusher::default();
    let mut flushes = || {
        let (ask, asked) = mpsc::channel(1);
        flusher.0.push(ask);
        asked
    };
    let (tracer, spans) = settings
        .traces
        .then(|| {
            let (tracer, ended) = Tracer::new(metrics.exports(), clock);
            let collector = Collector::new(settings.collector.clone());
            (tracer, SpanExporter::new(collector, ended, flushes(), metrics.exports()))
        })
        .unzip();
    let pusher = settings.metrics.then(|| {
        MetricPusher::new(
            Collector::new(settings.collector.clone()),
            settings.push_every,
            Arc::clone(metrics),
            clock,
            flushes(),
        )
    });
    (tracer, Exporters { spans, metrics: pusher }, flusher)
}

impl Exporters {
    /// Pushes for ever.
    pub async fn run(self) {
        let spans = async {
            match self.spans {
                Some(exporter) => exporter.run().await,
                None => std::future::pending().await,
            }
        };
        let metrics = async {
            match self.metrics {
                Some(pusher) => pusher.run().await,
                None => std::future::pending().await,
            }
        };
        tokio::join!(spans, metrics);
    }
}

impl Flusher {
    /// Has everything sent that there is now, but waits a second at most.
    pub async fn flush(&self) {
        let each = self.0.iter().map(|task| async {
            let (done, sent) = oneshot::channel();
            if task.send(done).await.is_ok() {
                // A task that is gone has nothing to send.
                let _ = sent.await;
            }
        });
        if timeout(FLUSH, join_all(each)).await.is_err() {
            tracing::warn!("stopped with telemetry that the collector did not take in time");
        }
    }
}
