//! The audit log as OTLP logs over gRPC.

use std::path::PathBuf;
use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Status};
use url::Url;

use self::proto::any_value::Value;
use self::proto::logs_service_client::LogsServiceClient;
use self::proto::{
    AnyValue, ExportLogsServiceRequest, InstrumentationScope, KeyValue, LogRecord, Resource, ResourceLogs,
    ScopeLogs,
};
use super::Line;
use super::output::Failed;

/// The generated message types: our own trimmed definitions in `proto/`.
#[expect(
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
mod proto {
    tonic::include_proto!("opentelemetry.proto.collector.logs.v1");
}

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A collector of logs.
pub(super) struct Collector {
    endpoint: Url,
    ca_file: Option<PathBuf>,
    client: Option<LogsServiceClient<Channel>>,
}

impl Collector {
    pub(super) fn new(endpoint: Url, ca_file: Option<PathBuf>) -> Self {
        Self { endpoint, ca_file, client: None }
    }

    /// Sends these lines in one call.
    pub(super) async fn send(&mut self, lines: &[Line]) -> Result<(), Failed> {
        let failed = |lost, why: String| Failed { written: 0, lost, why };
        let client = self.client().await.map_err(|why| failed(0, why))?;
        match client.export(request(lines)).await {
            Ok(answer) => match answer.into_inner().partial_success {
                Some(partial) if partial.rejected_log_records > 0 => {
                    let lost = usize::try_from(partial.rejected_log_records).unwrap_or(lines.len());
                    let lost = lost.min(lines.len());
                    let why = format!("the collector rejected {lost} lines");
                    Err(Failed { written: lines.len() - lost, lost, why })
                }
                _ => Ok(()),
            },
            Err(status) => {
                let lost = if is_worth_another_try(&status) { 0 } else { lines.len() };
                // What a collector says may be anything; the code says enough.
                Err(failed(lost, format!("{} answered: {}", self.endpoint, status.code().description())))
            }
        }
    }

    async fn client(&mut self) -> Result<&mut LogsServiceClient<Channel>, String> {
        if self.client.is_none() {
            let channel = self.channel().await?;
            self.client = Some(LogsServiceClient::new(channel));
        }
        self.client.as_mut().ok_or_else(|| "there is no connection".to_owned())
    }

    async fn channel(&self) -> Result<Channel, String> {
        let unusable = |error: tonic::transport::Error| format!("{}: {error}", self.endpoint);
        let mut endpoint = Endpoint::from_shared(self.endpoint.to_string())
            .map_err(unusable)?
            .user_agent(concat!("gatepost/", env!("CARGO_PKG_VERSION")))
            .map_err(unusable)?
            .connect_timeout(TIMEOUT)
            .timeout(TIMEOUT);
        if self.endpoint.scheme() == "https" {
            let tls = match &self.ca_file {
                Some(file) => {
                    let pem = tokio::fs::read(file).await;
                    let pem = pem.map_err(|error| format!("{}: {error}", file.display()))?;
                    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
                }
                None => ClientTlsConfig::new().with_native_roots(),
            };
            endpoint = endpoint.tls_config(tls).map_err(unusable)?;
        }
        Ok(endpoint.connect_lazy())
    }
}

/// The codes of the OTLP specification ("Failures") for which a client tries again.
fn is_worth_another_try(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
            | Code::ResourceExhausted
            // A transport that breaks in the middle of a call.
            | Code::Unknown
    )
}

fn request(lines: &[Line]) -> ExportLogsServiceRequest {
    let version = env!("CARGO_PKG_VERSION");
    let resource = Resource {
        attributes: [("service.name", "gatepost"), ("service.version", version)].map(attribute).into(),
    };
    let scope = InstrumentationScope { name: "gatepost.audit".to_owned(), version: version.to_owned() };
    let scope_logs = ScopeLogs { scope: Some(scope), log_records: lines.iter().map(log_record).collect() };
    let resource_logs = ResourceLogs { resource: Some(resource), scope_logs: vec![scope_logs] };
    ExportLogsServiceRequest { resource_logs: vec![resource_logs] }
}

fn attribute((key, value): (&str, &str)) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(text(value)) }
}

fn text(value: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(value.to_owned())) }
}

fn log_record(line: &Line) -> LogRecord {
    let nanos = u64::try_from(line.time.as_millis()).unwrap_or_default().saturating_mul(1_000_000);
    LogRecord {
        time_unix_nano: nanos,
        observed_time_unix_nano: nanos,
        severity_number: line.severity as i32,
        body: Some(text(line.text.trim_end())),
        attributes: Vec::new(),
        trace_id: line.trace.as_deref().and_then(bytes).unwrap_or_default(),
        event_name: "gatepost.audit".to_owned(),
    }
}

/// Of hex digits.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = (0..hex.len() / 2).map(|index| hex.get(2 * index..2 * index + 2));
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}
