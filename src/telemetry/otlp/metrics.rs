//! Pushes what /metrics shows, again and again, and once more at the end.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::Flush;
use super::collector::{Collector, ExportFault, scope};
use super::openmetrics;
use crate::clock::Clock;
use crate::telemetry::metrics::{ExportResult, Metrics, Signal};

/// Pushes metrics.
#[derive(Debug)]
pub(super) struct MetricPusher {
    collector: Collector,
    every: Duration,
    metrics: Arc<Metrics>,
    clock: Clock,
    flushes: mpsc::Receiver<Flush>,
    /// Since when counters count, in nanoseconds since the epoch.
    started: u64,
}

impl MetricPusher {
    pub(super) fn new(
        collector: Collector,
        every: Duration,
        metrics: Arc<Metrics>,
        clock: Clock,
        flushes: mpsc::Receiver<Flush>,
    ) -> Self {
        Self { collector, every, metrics, clock, flushes, started: clock.now_nanos() }
    }

    pub(super) async fn run(mut self) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.push().await,
                Some(done) = self.flushes.recv() => {
                    self.push().await;
                    // Whoever asked may have stopped waiting.
                    let _ = done.send(());
                }
            }
        }
    }

    async fn push(&mut self) {
        let ended = self.send().await;
        let result = if ended.is_ok() { ExportResult::Success } else { ExportResult::Failure };
        self.metrics.exports().count(Signal::Metrics, result, 1);
        self.collector.ended("metrics", &ended);
    }

    async fn send(&mut self) -> Result<(), ExportFault> {
        let metrics = openmetrics::read(&self.metrics.render(), self.started, self.clock.now_nanos());
        let scope_metrics = vec![ScopeMetrics { scope: Some(scope()), metrics, ..ScopeMetrics::default() }];
        let resource = Some(self.collector.resource());
        let resource_metrics =
            vec![ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }];
        let message = ExportMetricsServiceRequest { resource_metrics };
        let (channel, request) = self.collector.address(message).await?;
        let answer = MetricsServiceClient::new(channel).export(request).await?.into_inner();
        match answer.partial_success.map(|partly| partly.rejected_data_points) {
            None | Some(..=0) => Ok(()),
            Some(refused) => Err(ExportFault::Partly(refused)),
        }
    }
}
