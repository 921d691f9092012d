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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::net::TcpListener;
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::{Request, Response};

    use super::proto::logs_service_server::{LogsService, LogsServiceServer};
    use super::proto::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
    use super::*;
    use crate::jose::UnixTime;
    use crate::telemetry::audit::Severity;

    /// Answers as it is told, from the last to the first, and then well.
    #[derive(Clone, Default)]
    struct Steered {
        got: Arc<Mutex<Vec<ExportLogsServiceRequest>>>,
        says: Arc<Mutex<Vec<Result<i64, Code>>>>,
    }

    #[tonic::async_trait]
    impl LogsService for Steered {
        async fn export(
            &self,
            request: Request<ExportLogsServiceRequest>,
        ) -> Result<Response<ExportLogsServiceResponse>, Status> {
            let rejected_log_records = match self.says.lock().unwrap().pop() {
                Some(Err(code)) => return Err(Status::new(code, "secret text of a collector")),
                Some(Ok(rejected)) => rejected,
                None => 0,
            };
            self.got.lock().unwrap().push(request.into_inner());
            let partial = ExportLogsPartialSuccess { rejected_log_records, error_message: String::new() };
            Ok(Response::new(ExportLogsServiceResponse { partial_success: Some(partial) }))
        }
    }

    fn line(text: &str) -> Line {
        let trace = Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned());
        let time = UnixTime::from_millis(1_795_435_260_123);
        Line { text: format!("{text}\n"), time, severity: Severity::Warn, trace }
    }

    #[tokio::test]
    async fn a_collector_gets_lines_and_what_it_refuses_is_told_from_what_can_be_tried_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let steered = Steered::default();
        *steered.says.lock().unwrap() = vec![Ok(1), Err(Code::InvalidArgument), Err(Code::Unavailable)];
        let server = tonic::transport::Server::builder().add_service(LogsServiceServer::new(steered.clone()));
        let served = server.serve_with_incoming(TcpListenerStream::new(listener));
        let sent = async {
            let mut collector = Collector::new(endpoint, None);
            let lines = [line("{}"), line("{\"a\":1}")];
            let mut failures = Vec::new();
            for _ in 0..3 {
                let Failed { written, lost, why } = collector.send(&lines).await.unwrap_err();
                assert!(!why.contains("secret"), "{why}");
                failures.push((written, lost));
            }
            collector.send(&lines).await.unwrap();
            failures
        };
        let failures = tokio::select! { failures = sent => failures, ended = served => panic!("{ended:?}") };
        assert_eq!(failures, [(0, 0), (0, 2), (1, 1)]);
        let got = steered.got.lock().unwrap();
        let [resource] = &got[1].resource_logs[..] else { panic!("one resource") };
        let records = &resource.scope_logs[0].log_records;
        let bodies: Vec<_> = records.iter().map(|its| its.body.clone().unwrap().value.unwrap()).collect();
        let text = |text: &str| Value::StringValue(text.to_owned());
        assert!(bodies == [text("{}"), text("{\"a\":1}")]);
        assert_eq!((records[0].time_unix_nano, records[0].severity_number), (1_795_435_260_123_000_000, 13));
        assert_eq!(records[0].trace_id[..3], [0x4b, 0xf9, 0x2f]);
    }

    #[tokio::test]
    async fn a_collector_that_is_away_can_be_tried_again_and_a_missing_authority_is_said() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let away = Url::parse(&format!("http://{address}")).unwrap();
        let failed = Collector::new(away, None).send(&[line("{}")]).await.unwrap_err();
        assert_eq!((failed.written, failed.lost), (0, 0), "{}", failed.why);
        let tls = Url::parse(&format!("https://{address}")).unwrap();
        let failed =
            Collector::new(tls, Some("/not/there.pem".into())).send(&[line("{}")]).await.unwrap_err();
        assert!(failed.lost == 0 && failed.why.contains("/not/there.pem"), "{}", failed.why);
    }
}
