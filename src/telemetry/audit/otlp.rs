//! The audit log as OTLP logs over gRPC.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use tonic::Code;

use super::Line;
use super::output::Failed;
use crate::check::trace_context::TraceId;
use crate::config::CollectorSettings;
use crate::telemetry::otlp::collector::{Collector, ExportFault, scope};

/// Sends lines to a collector.
pub(super) struct LineExporter(Collector);

impl LineExporter {
    pub(super) fn new(settings: CollectorSettings) -> Self {
        Self(Collector::new(settings))
    }

    /// Sends these lines in one call.
    pub(super) async fn send(&mut self, lines: &[Line]) -> Result<(), Failed> {
        let Err(fault) = self.export(lines).await else { return Ok(()) };
        self.0.disconnect();
        let lost = match &fault {
            ExportFault::Partly(refused) => usize::try_from(*refused).unwrap_or(lines.len()).min(lines.len()),
            ExportFault::Status(code) if !is_worth_another_try(*code) => lines.len(),
            ExportFault::Status(_) | ExportFault::File { .. } | ExportFault::Header(_) | ExportFault::Tls => {
                0
            }
        };
        let written = if matches!(fault, ExportFault::Partly(_)) { lines.len() - lost } else { 0 };
        Err(Failed { written, lost, why: fault.to_string() })
    }

    async fn export(&mut self, lines: &[Line]) -> Result<(), ExportFault> {
        let message = request(lines, self.0.resource());
        let (channel, request) = self.0.address(message).await?;
        let answer = LogsServiceClient::new(channel).export(request).await?.into_inner();
        match answer.partial_success.map(|partly| partly.rejected_log_records) {
            None | Some(..=0) => Ok(()),
            Some(refused) => Err(ExportFault::Partly(refused)),
        }
    }
}

/// The codes of the OTLP specification ("Failures") for which a client tries again.
fn is_worth_another_try(code: Code) -> bool {
    matches!(
        code,
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

fn request(lines: &[Line], resource: Resource) -> ExportLogsServiceRequest {
    let scope = InstrumentationScope { name: "gatepost.audit".to_owned(), ..scope() };
    let log_records = lines.iter().map(log_record).collect();
    let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records, ..ScopeLogs::default() }];
    let resource = Some(resource);
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }],
    }
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
        trace_id: line.trace.as_deref().and_then(trace_id).unwrap_or_default(),
        event_name: "gatepost.audit".to_owned(),
        ..LogRecord::default()
    }
}

fn trace_id(hex: &str) -> Option<Vec<u8>> {
    TraceId::read(hex.as_bytes()).map(|trace| trace.bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::net::TcpListener;
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::{Request, Response};

    use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
        LogsService, LogsServiceServer,
    };
    use opentelemetry_proto::tonic::collector::logs::v1::{
        ExportLogsPartialSuccess, ExportLogsServiceResponse,
    };
    use tonic::Status;
    use url::Url;

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

    fn at(endpoint: Url, ca_file: Option<&str>) -> LineExporter {
        let (header_files, attributes) = (Vec::new(), Vec::new());
        let ca_file = ca_file.map(Into::into);
        LineExporter::new(CollectorSettings { endpoint, ca_file, header_files, attributes })
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
            let mut collector = at(endpoint, None);
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
        let failed = at(away, None).send(&[line("{}")]).await.unwrap_err();
        assert_eq!((failed.written, failed.lost), (0, 0), "{}", failed.why);
        let tls = Url::parse(&format!("https://{address}")).unwrap();
        let failed = at(tls, Some("/not/there.pem")).send(&[line("{}")]).await.unwrap_err();
        assert!(failed.lost == 0 && failed.why.contains("/not/there.pem"), "{}", failed.why);
    }
}
