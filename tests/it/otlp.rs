//! Promise: a check that its caller traces appears in the trace, below the caller's span and without a word of
//! the token; one that is not traced does not; metrics are pushed as they are scraped; and a collector that is
//! gone or slow is no matter to any check.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use gatepost_test_support::{Collector, ReservedPort, Token, wait};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tokio::time::Instant;
use tonic::Request;
use tonic::transport::Channel;

use crate::sidecar::{Sidecar, add};
use crate::wire::question;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async fn sidecar(collector: &Collector, more: &str) -> Sidecar {
    let endpoint = format!("http://{}", collector.address());
    Sidecar::with(&format!("telemetry: {{ otlp: {{ endpoint: '{endpoint}'{more} }} }}")).await
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|its| its.key == key).and_then(|its| its.value.clone()?.value);
    match found {
        Some(Value::StringValue(value)) => value,
        Some(Value::IntValue(value)) => value.to_string(),
        _ => String::new(),
    }
}

/// The spans of checks among these.
fn checks(spans: &[Span]) -> Vec<&Span> {
    spans.iter().filter(|span| span.kind == SpanKind::Server as i32).collect()
}

async fn ask(client: &mut AuthorizationClient<Channel>, path: &str, headers: &[(&str, &str)]) -> i32 {
    client.check(question("GET", path, headers)).await.unwrap().into_inner().status.unwrap().code
}

#[tokio::test]
async fn a_sampled_check_is_a_child_of_its_caller_with_its_parts_below_it() {
    let collector = Collector::start().await.unwrap();
    let sidecar = sidecar(&collector, ", metrics: false, attributes: { deployment.environment: test }").await;
    let token = Token::good().mint();
    let bearer = format!("Bearer {token}");
    let state = format!("x={token},ot=th:8");
    let headers =
        [("authorization", bearer.as_str()), ("traceparent", SAMPLED), ("tracestate", state.as_str())];
    let mut client = sidecar.client().await;
    // One that waits until the keys are read.
    assert_eq!(ask(&mut client, "/orders/7", &headers[..1]).await, 0);
    assert_eq!(ask(&mut client, &format!("/orders/{token}?x={token}"), &headers).await, 0);
    let spans = collector.until_spans("a trace", |spans| !checks(spans).is_empty()).await.unwrap();

    let check = checks(&spans)[0];
    assert_eq!(check.name, "envoy.service.auth.v3.Authorization/Check");
    assert_eq!(check.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert_eq!(check.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    assert_eq!((check.trace_state.as_str(), check.flags), ("ot=th:8", 0x301));
    assert!(check.status.is_none());
    for (key, expected) in [
        ("http.request.method", "GET"),
        ("gatepost.outcome", "allow"),
        ("gatepost.rule", "read orders"),
        ("gatepost.issuer", "test"),
        ("gatepost.generation", "1"),
    ] {
        assert_eq!(text(&check.attributes, key), expected, "{key}");
    }

    let parts: Vec<_> = spans.iter().filter(|span| span.parent_span_id == check.span_id).collect();
    assert_eq!(parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), ["plan", "decide"]);
    let stages: Vec<_> = parts.iter().flat_map(|part| &part.events).collect();
    for (place, stage) in ["route", "credential", "claims", "policy"].into_iter().enumerate() {
        let event = stages.iter().find(|event| event.name == stage).unwrap();
        assert_eq!(text(&event.attributes, "gatepost.verdict"), "passed", "{place} {stage}");
    }
    for part in &parts {
        assert_eq!(part.trace_id, check.trace_id);
        assert!(part.start_time_unix_nano >= check.start_time_unix_nano);
        assert!(part.end_time_unix_nano <= check.end_time_unix_nano);
        assert!(part.end_time_unix_nano >= part.start_time_unix_nano);
    }

    let everything = collector.everything();
    assert!(everything.contains("deployment.environment") && everything.contains("service.name"));
    for part in token.split('.').chain(["alice", "/orders/", "orders.example.com"]) {
        assert!(!everything.contains(part), "{part}");
    }
    let metrics = sidecar.metrics().await;
    let exemplar = format!(" # {{trace_id=\"{TRACE}\"}} ");
    let lines: Vec<_> = metrics.lines().filter(|line| line.contains(&exemplar)).collect();
    assert_eq!(lines.len(), 1, "{metrics}");
    assert!(lines[0].starts_with("gatepost_check_duration_seconds_bucket{le="));
}

#[tokio::test]
async fn what_is_not_sampled_leaves_no_span_and_no_exemplar() {
    let collector = Collector::start().await.unwrap();
    let sidecar = sidecar(&collector, ", metrics: false").await;
    let mut client = sidecar.client().await;
    let unsampled = SAMPLED.replace("-01", "-00");
    ask(&mut client, "/healthz", &[]).await;
    for context in [unsampled.as_str(), "rubbish", "", &SAMPLED.replace("0af7", "zzzz")] {
        ask(&mut client, "/healthz", &[("traceparent", context)]).await;
    }
    ask(&mut client, "/healthz", &[("traceparent", SAMPLED), ("traceparent", SAMPLED)]).await;
    assert!(!sidecar.metrics().await.contains("trace_id"));
    // What comes last comes last.
    ask(&mut client, "/healthz", &[("traceparent", &SAMPLED.replace("0af7", "ffff"))]).await;
    let spans = collector.until_spans("a trace", |spans| !spans.is_empty()).await.unwrap();
    assert!(spans.iter().all(|span| span.trace_id[0] == 0xff), "{spans:?}");
    assert_eq!(checks(&spans).len(), 1);
}

#[tokio::test]
async fn the_context_of_the_call_counts_before_that_of_the_request() {
    let collector = Collector::start().await.unwrap();
    let sidecar = sidecar(&collector, ", metrics: false").await;
    let mut client = sidecar.client().await;
    for (context, path) in [(SAMPLED.replace("-01", "-00"), "/a"), (SAMPLED.replace("b7ad", "ffff"), "/b")] {
        let mut request = Request::new(question("GET", path, &[("traceparent", SAMPLED)]));
        request.metadata_mut().insert("traceparent", context.parse().unwrap());
        client.check(request).await.unwrap();
    }
    let spans = collector.until_spans("a trace", |spans| !spans.is_empty()).await.unwrap();
    assert_eq!(checks(&spans).len(), 1, "Envoy has said that the first is not sampled");
    assert_eq!(checks(&spans)[0].parent_span_id[0], 0xff);
}

#[tokio::test]
async fn only_an_outage_is_an_error() {
    let collector = Collector::start().await.unwrap();
    let endpoint = format!("http://{}", collector.address());
    let lines = format!("telemetry: {{ otlp: {{ endpoint: '{endpoint}' }} }}");
    let sidecar = Sidecar::prepared(|directory| {
        fs::remove_file(directory.join("jwks.json")).unwrap();
        add(directory, &lines);
    })
    .await;
    let mut client = sidecar.client().await;
    assert_eq!(ask(&mut client, "/orders/7", &[("traceparent", SAMPLED)]).await, 16);
    let bearer = format!("Bearer {}", Token::good().mint());
    assert_eq!(
        ask(&mut client, "/orders/7", &[("traceparent", SAMPLED), ("authorization", &bearer)]).await,
        14
    );
    let spans = collector.until_spans("two traces", |spans| checks(spans).len() == 2).await.unwrap();
    let (denied, outage) = (checks(&spans)[0], checks(&spans)[1]);
    assert!(denied.status.is_none());
    assert_eq!(text(&denied.attributes, "gatepost.reason"), "credential_missing");
    assert_eq!(outage.status.as_ref().unwrap().code, 2);
    assert_eq!(text(&outage.attributes, "gatepost.outcome"), "unavailable");
    assert_eq!(text(&outage.attributes, "gatepost.issuer"), "test");
    assert_eq!(text(&outage.attributes, "error.type"), text(&outage.attributes, "gatepost.reason"));
    let waited: Vec<_> = spans.iter().filter(|span| span.name == "gather keys").collect();
    assert_eq!(waited.len(), 1);
    assert_eq!(waited[0].parent_span_id, outage.span_id);
}

/// Counters and gauges by name and labels.
fn numbers(metrics: &[Metric]) -> BTreeMap<String, f64> {
    let mut numbers = BTreeMap::new();
    for metric in metrics {
        let (points, suffix) = match metric.data.as_ref().unwrap() {
            Data::Gauge(gauge) => (&gauge.data_points, ""),
            Data::Sum(sum) => (&sum.data_points, if sum.is_monotonic { "_total" } else { "" }),
            _ => continue,
        };
        for point in points {
            let labels: Vec<_> = point
                .attributes
                .iter()
                .map(|its| format!("{}={:?}", its.key, text(&point.attributes, &its.key)))
                .collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let value = match point.value.unwrap() {
                number_data_point::Value::AsInt(value) => value as f64,
                number_data_point::Value::AsDouble(value) => value,
            };
            numbers.insert(format!("{}{suffix}{labels}", metric.name), value);
        }
    }
    numbers
}

#[tokio::test]
async fn what_is_pushed_is_what_is_scraped() {
    let collector = Collector::start().await.unwrap();
    let sidecar = sidecar(&collector, ", traces: false, push_every: 1s").await;
    let mut client = sidecar.client().await;
    for path in ["/healthz", "/healthz", "/orders/7", "/nowhere"] {
        ask(&mut client, path, &[("traceparent", SAMPLED)]).await;
    }
    let scraped = sidecar.metrics().await;
    let before = collector.pushes().len();
    let pushed = async || collector.pushes().get(before).cloned();
    let pushed = numbers(&wait::until("a push", pushed).await.unwrap());
    for (series, expected) in [
        ("gatepost_checks_total{outcome=\"allow\",reason=\"\"}", 2.0),
        ("gatepost_checks_total{outcome=\"deny\",reason=\"credential_missing\"}", 1.0),
        ("gatepost_checks_total{outcome=\"deny\",reason=\"no_rule\"}", 1.0),
        ("gatepost_config_generation", 1.0),
    ] {
        assert_eq!(pushed.get(series), Some(&expected), "{series}");
    }
    // What moves by itself: each push counts itself, the audit log is written later, and ages grow.
    let moves = |line: &str| {
        let moving = ["gatepost_telemetry", "gatepost_audit", "process_"];
        moving.iter().any(|family| line.starts_with(family)) || line.contains("_age_")
    };
    let samples = scraped.lines().filter(|line| !line.starts_with('#') && !moves(line));
    let mut compared = 0;
    for (series, value) in samples.filter_map(|line| line.rsplit_once(' ')) {
        if let Some(pushed) = pushed.get(series) {
            assert_eq!(*pushed, value.parse::<f64>().unwrap(), "{series}");
            compared += 1;
        } else {
            assert!(["_bucket", "_sum", "_count"].iter().any(|part| series.contains(part)), "{series}");
        }
    }
    assert!(compared > 50, "{compared}");
    assert!(collector.spans().is_empty(), "traces are off");
}

#[tokio::test]
async fn a_collector_that_is_gone_is_counted_and_no_check_waits() {
    let nobody = ReservedPort::choose().unwrap().address();
    let lines = format!("telemetry: {{ otlp: {{ endpoint: 'http://{nobody}', push_every: 1s }} }}");
    let sidecar = Sidecar::with(&lines).await;
    let mut client = sidecar.client().await;
    let started = Instant::now();
    for _ in 0..20 {
        assert_eq!(ask(&mut client, "/healthz", &[("traceparent", SAMPLED)]).await, 0);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    until_counted(&sidecar, "traces", "failure").await;
    until_counted(&sidecar, "metrics", "failure").await;
}

/// Waits until more than none are counted so.
async fn until_counted(sidecar: &Sidecar, signal: &str, result: &str) {
    let line = format!("gatepost_telemetry_exports_total{{signal=\"{signal}\",result=\"{result}\"}} ");
    let counted = async || {
        let text = sidecar.metrics().await;
        text.lines().any(|its| its.strip_prefix(&line).is_some_and(|count| count != "0")).then_some(())
    };
    wait::until(&format!("{line}> 0"), counted).await.unwrap();
}

#[tokio::test]
async fn a_collector_that_comes_late_gets_what_comes_after() {
    let port = ReservedPort::choose().unwrap();
    let address = port.address();
    drop(port);
    let lines = format!("telemetry: {{ otlp: {{ endpoint: 'http://{address}', push_every: 1s }} }}");
    let sidecar = Sidecar::with(&lines).await;
    let mut client = sidecar.client().await;
    assert_eq!(ask(&mut client, "/healthz", &[("traceparent", SAMPLED)]).await, 0);
    until_counted(&sidecar, "traces", "failure").await;
    until_counted(&sidecar, "metrics", "failure").await;
    let collector = Collector::at(address).await.unwrap();
    let later = SAMPLED.replace("0af7", "ffff");
    assert_eq!(ask(&mut client, "/healthz", &[("traceparent", &later)]).await, 0);
    let spans = collector.until_spans("the later trace", |spans| !spans.is_empty()).await.unwrap();
    assert!(spans.iter().all(|span| span.trace_id[0] == 0xff), "{spans:?}");
    until_counted(&sidecar, "traces", "success").await;
    until_counted(&sidecar, "metrics", "success").await;
}

#[tokio::test]
async fn the_audit_log_goes_the_same_way_and_names_the_trace_of_the_call() {
    let collector = Collector::start().await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let key = files.path().join("key");
    fs::write(&key, "s3cret").unwrap();
    let (endpoint, key) = (collector.address(), key.display());
    let sidecar = Sidecar::with(&format!(
        "audit: {{ to: {{ otlp: {{ endpoint: 'http://{endpoint}', header_files: {{ x-api-key: {key} }} }} }} }}"
    ))
    .await;
    let mut client = sidecar.client().await;
    let mut request = Request::new(question("GET", "/nowhere", &[]));
    request.metadata_mut().insert("traceparent", SAMPLED.parse().unwrap());
    client.check(request).await.unwrap();
    let come = async || collector.records().pop();
    let record = wait::until("a record", come).await.unwrap();
    assert_eq!(record.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert_eq!(record.event_name, "gatepost.audit");
    assert!(collector.everything().contains("no_rule"));
    assert_eq!(collector.header("x-api-key"), ["s3cret"]);
    until_counted(&sidecar, "audit", "success").await;
}

#[tokio::test]
async fn a_collector_that_does_not_answer_fills_a_bounded_queue_and_the_rest_is_dropped_and_counted() {
    let collector = Collector::start().await.unwrap();
    collector.hang();
    let sidecar = sidecar(&collector, ", metrics: false").await;
    let mut client = sidecar.client().await;
    let counted = |text: &str| {
        let name = "gatepost_telemetry_exports_total{signal=\"traces\",result=\"dropped\"} ";
        text.lines().find_map(|line| line.strip_prefix(name)?.parse::<u64>().ok()).unwrap()
    };
    let mut asked = 0;
    while counted(&sidecar.metrics().await) == 0 {
        for _ in 0..100 {
            assert_eq!(ask(&mut client, "/healthz", &[("traceparent", SAMPLED)]).await, 0);
        }
        asked += 100;
        assert!(asked < 20_000, "nothing is dropped");
    }
}

#[tokio::test]
async fn it_speaks_tls_and_sends_headers_from_files() {
    let (collector, authority) = Collector::over_tls().await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = files.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (ca_file, key) = (file("ca.pem", &authority), file("key", "s3cret one\n"));
    let port = collector.address().port();
    let sidecar = Sidecar::with(&format!(
        "telemetry:\n  otlp:\n    endpoint: https://localhost:{port}\n    ca_file: {ca_file}\n    \
         header_files: {{ x-api-key: {key} }}\n    push_every: 1s\n"
    ))
    .await;
    let sent = async |value: &str| {
        let sent = async || collector.header("x-api-key").iter().any(|its| its == value).then_some(());
        wait::until("the header", sent).await.unwrap();
    };
    sent("s3cret one").await;
    file("key", "s3cret two");
    sent("s3cret two").await;
    assert!(!sidecar.metrics().await.contains("s3cret"));
}
