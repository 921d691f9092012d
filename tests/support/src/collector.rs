//! A collector that takes OTLP over gRPC and shows a test what it was sent, made from OpenTelemetry's own
//! definitions.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::metadata::MetadataMap;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

use crate::Result;
use crate::error::Doing as _;
use crate::tls::Certificates;
use crate::wait;

/// A running collector.
pub struct Collector {
    address: SocketAddr,
    shared: Shared,
    _serving: JoinSet<()>,
}

#[derive(Clone)]
struct Shared {
    received: Arc<Mutex<Received>>,
    answers: Arc<watch::Sender<bool>>,
}

#[derive(Default)]
struct Received {
    metadata: Vec<MetadataMap>,
    traces: Vec<ExportTraceServiceRequest>,
    metrics: Vec<ExportMetricsServiceRequest>,
    logs: Vec<ExportLogsServiceRequest>,
}

impl Collector {
    /// One that takes plain connections.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start() -> Result<Self> {
        Self::at(([127, 0, 0, 1], 0).into()).await
    }

    /// One that takes plain connections at this address.
    ///
    /// # Errors
    /// When the port can't be opened.
    pub async fn at(address: SocketAddr) -> Result<Self> {
        Self::serve(Server::builder(), address).await
    }

    /// One that speaks TLS as `localhost`, and the certificate of its authority, PEM.
    ///
    /// # Errors
    /// When no certificates can be made or no port can be opened.
    pub async fn over_tls() -> Result<(Self, String)> {
        let certificates = Certificates::new()?;
        let identity = Identity::from_pem(&certificates.server, &certificates.server_key);
        let server = Server::builder().tls_config(ServerTlsConfig::new().identity(identity));
        let server = server.doing(|| "cannot set up TLS".into())?;
        Ok((Self::serve(server, ([127, 0, 0, 1], 0).into()).await?, certificates.authority))
    }

    async fn serve(mut server: Server, address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).await.doing(|| "cannot open a port".into())?;
        let address = listener.local_addr().doing(|| "cannot tell the port".into())?;
        let shared = Shared { received: Arc::default(), answers: Arc::new(watch::channel(true).0) };
        let router = server
            .add_service(TraceServiceServer::new(shared.clone()))
            .add_service(MetricsServiceServer::new(shared.clone()))
            .add_service(LogsServiceServer::new(shared.clone()));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            // Whoever waits for what it should have taken is told that nothing came.
            let _ = router.serve_with_incoming(TcpIncoming::from(listener)).await;
        });
        Ok(Self { address, shared, _serving: serving })
    }

    /// Where it takes connections.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// It takes calls from now on and answers none.
    pub fn hang(&self) {
        self.shared.answers.send_replace(false);
    }

    /// The spans that have come, of whatever sender.
    pub fn spans(&self) -> Vec<Span> {
        let received = self.shared.received();
        let resources = received.traces.iter().flat_map(|export| &export.resource_spans);
        resources.flat_map(|its| &its.scope_spans).flat_map(|its| its.spans.clone()).collect()
    }

    /// Waits until the spans that have come include what is looked for.
    ///
    /// # Errors
    /// When they do not in time.
    pub async fn until_spans(&self, what: &str, are_there: impl Fn(&[Span]) -> bool) -> Result<Vec<Span>> {
        wait::until(what, async || Some(self.spans()).filter(|spans| are_there(spans))).await
    }

    /// The pushes of metrics that have come, with their times.
    pub fn pushes(&self) -> Vec<Vec<Metric>> {
        let of = |export: &ExportMetricsServiceRequest| {
            let scopes = export.resource_metrics.iter().flat_map(|its| &its.scope_metrics);
            scopes.flat_map(|its| its.metrics.clone()).collect()
        };
        self.shared.received().metrics.iter().map(of).collect()
    }

    /// The log records that have come.
    pub fn records(&self) -> Vec<LogRecord> {
        let received = self.shared.received();
        let resources = received.logs.iter().flat_map(|export| &export.resource_logs);
        resources.flat_map(|its| &its.scope_logs).flat_map(|its| its.log_records.clone()).collect()
    }

    /// The values of a header, one for each export that had it.
    pub fn header(&self, name: &str) -> Vec<String> {
        let received = self.shared.received();
        let values = received.metadata.iter().filter_map(|metadata| metadata.get(name)?.to_str().ok());
        values.map(str::to_owned).collect()
    }

    /// All that has come, as text to search in.
    pub fn everything(&self) -> String {
        let received = self.shared.received();
        format!("{:?}{:?}{:?}{:?}", received.metadata, received.traces, received.metrics, received.logs)
    }
}

impl Shared {
    fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take<T>(&self, request: Request<T>, keep: impl FnOnce(&mut Received, T)) {
        let (metadata, _, message) = request.into_parts();
        {
            let mut received = self.received();
            received.metadata.push(metadata);
            keep(&mut received, message);
        }
        // The sender lives as long as this.
        let _ = self.answers.subscribe().wait_for(|answers| *answers).await;
    }
}

#[tonic::async_trait]
impl TraceService for Shared {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> std::result::Result<Response<ExportTraceServiceResponse>, Status> {
        self.take(request, |received, message| received.traces.push(message)).await;
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Shared {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> std::result::Result<Response<ExportMetricsServiceResponse>, Status> {
        self.take(request, |received, message| received.metrics.push(message)).await;
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Shared {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> std::result::Result<Response<ExportLogsServiceResponse>, Status> {
        self.take(request, |received, message| received.logs.push(message)).await;
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}
