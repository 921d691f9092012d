//! Promise: a traced request shows gatepost's check, and what that waited for, below the span of the real Envoy;
//! and what a sidecar knows when it is stopped still reaches the collector, unless that does not answer.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use gatepost_test_support::{Collector, EnvoyConfig, IntrospectionServer, Say, TestIssuer, wait};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;
use tokio::time::Instant;

use crate::introspection::{SECRET, Secrets, config};
use crate::stand::{Config, Stand, get};

const CHECK: &str = "envoy.service.auth.v3.Authorization/Check";
const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn telemetry(collector: &Collector, more: &str) -> String {
    format!("telemetry: {{ otlp: {{ endpoint: 'http://{}'{more} }} }}", collector.address())
}

/// The file we ship with README's tracing, of every request, for this collector.
fn tracing(collector: SocketAddr) -> EnvoyConfig {
    const LOG: &str = "          access_log:\n          - name: envoy.access_loggers.stdout\n";
    const CLUSTERS: &str = "  clusters:\n";
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, block) = readme.split_once("# Envoy: http_connection_manager\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let block = block.replace("{ value: 10 }", "{ value: 100 }");
    let tracing: String = block.lines().map(|line| format!("          {line}\n")).collect();
    let cluster = format!(
        "  - name: collector
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{ http2_protocol_options: {{}} }}
    load_assignment:
      cluster_name: collector
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address: {{ address: {}, port_value: {} }}
",
        collector.ip(),
        collector.port()
    );
    let shipped = EnvoyConfig::shipped().unwrap();
    let shipped = shipped.replace(LOG, &format!("{tracing}{LOG}")).unwrap();
    let shipped = shipped.replace(" timeout: 1s\n", " timeout: 15s\n").unwrap();
    shipped.replace(CLUSTERS, &format!("{CLUSTERS}{cluster}")).unwrap()
}

fn attribute(span: &Span, key: &str) -> String {
    match span.attributes.iter().find(|its| its.key == key).and_then(|its| its.value.clone()?.value) {
        Some(Value::StringValue(value)) => value,
        Some(Value::IntValue(value)) => value.to_string(),
        _ => String::new(),
    }
}

/// The span that has this identifier, whoever sent it.
fn with_id<'a>(spans: &'a [Span], id: &[u8]) -> Option<&'a Span> {
    spans.iter().find(|span| span.span_id == id)
}

#[tokio::test]
async fn a_check_and_its_introspection_are_below_the_span_of_the_real_envoy() {
    let collector = Collector::start().await.unwrap();
    let issuer = IntrospectionServer::start().await.unwrap();
    let secrets = Secrets::with(SECRET);
    let config = config(issuer.issuer(), &secrets.basic()).and(&telemetry(&collector, ""));
    let mut stand = Stand::behind(tracing(collector.address()), issuer, config).await;
    stand.gatepost.ready().await;
    let token = "an-opaque-token-that-is-secret";
    stand.issuer.calls_good(token);
    for _ in 0..2 {
        assert_eq!(stand.token(token).await.status, 200);
    }
    let whole = |spans: &[Span]| {
        let checks: Vec<_> = spans.iter().filter(|span| span.name == CHECK).collect();
        checks.len() == 2 && checks.iter().all(|check| with_id(spans, &check.parent_span_id).is_some())
    };
    let spans = collector.until_spans("both checks and their parents", whole).await.unwrap();

    let checks: Vec<_> = spans.iter().filter(|span| span.name == CHECK).collect();
    for check in &checks {
        let asks = with_id(&spans, &check.parent_span_id).unwrap();
        assert_eq!((&asks.trace_id, asks.kind), (&check.trace_id, SpanKind::Client as i32), "{asks:?}");
        assert!(asks.name.contains("Authorization"), "{asks:?}");
        let margin = 1_000_000;
        assert!(check.start_time_unix_nano + margin >= asks.start_time_unix_nano);
        assert!(check.end_time_unix_nano <= asks.end_time_unix_nano + margin);
    }
    assert_ne!(checks[0].trace_id, checks[1].trace_id, "two requests");

    let gathered = |check: &Span| {
        let below = |span: &&Span| span.parent_span_id == check.span_id && span.name.starts_with("gather");
        spans.iter().find(below).cloned().unwrap()
    };
    let (asked, cached) = (gathered(checks[0]), gathered(checks[1]));
    assert_eq!(attribute(&asked, "gatepost.answer"), "call");
    assert_eq!(attribute(&cached, "gatepost.answer"), "cache");
    let calls: Vec<_> =
        spans.iter().filter(|span| attribute(span, "url.full").ends_with("/introspect")).collect();
    assert_eq!(calls.len(), 1);
    assert_eq!((&calls[0].parent_span_id, calls[0].kind), (&asked.span_id, SpanKind::Client as i32));
    assert_eq!(attribute(calls[0], "http.request.method"), "POST");
    assert_eq!(attribute(calls[0], "http.response.status_code"), "200");
    assert!(["127.0.0.1", "localhost"].contains(&attribute(calls[0], "server.address").as_str()));
    let everything = collector.everything();
    assert!(!everything.contains(token) && !everything.contains(SECRET));
}

#[tokio::test]
async fn a_failed_call_is_an_error_with_its_status_and_so_is_the_check() {
    let collector = Collector::start().await.unwrap();
    let issuer = IntrospectionServer::start().await.unwrap();
    let secrets = Secrets::with(SECRET);
    let config = config(issuer.issuer(), &secrets.basic()).and(&telemetry(&collector, ""));
    let mut stand = Stand::behind(EnvoyConfig::shipped().unwrap(), issuer, config).await;
    stand.gatepost.ready().await;
    stand.issuer.says("opaque", Say::status(500));
    let request = get("/orders/7").bearer("opaque").header("traceparent", SAMPLED);
    assert_eq!(stand.send(request).await.status, 503);
    let ended = |spans: &[Span]| spans.iter().any(|span| span.name == CHECK);
    let spans = collector.until_spans("the check", ended).await.unwrap();
    let check = spans.iter().find(|span| span.name == CHECK).unwrap();
    assert_eq!(check.parent_span_id[0], 0xb7, "Envoy does not trace: the client's context counts");
    assert_eq!(check.status.as_ref().unwrap().code, 2);
    let call = spans.iter().find(|span| span.kind == SpanKind::Client as i32).unwrap();
    assert_eq!(attribute(call, "http.response.status_code"), "500");
    assert_eq!(attribute(call, "error.type"), "500");
    assert_eq!(call.status.as_ref().unwrap().code, 2);
}

async fn stand(collector: &Collector) -> Stand {
    let issuer = TestIssuer::start().await.unwrap();
    let config = Config::trusting(issuer.issuer()).and(&telemetry(collector, ", push_every: 1h"));
    Stand::ready(issuer, config).await
}

#[tokio::test]
async fn what_is_known_at_the_end_is_sent_and_a_collector_that_hangs_delays_the_end_by_a_second() {
    let collector = Collector::start().await.unwrap();
    let mut first = stand(&collector).await;
    let pushed = async || (collector.pushes().len() == 1).then_some(());
    wait::until("the first push", pushed).await.unwrap();
    assert_eq!(first.send(get("/healthz").header("traceparent", SAMPLED)).await.status, 200);
    first.gatepost.process.terminate(Duration::from_secs(10)).await.unwrap();
    assert!(collector.spans().iter().any(|span| span.name == CHECK));
    assert_eq!(collector.pushes().len(), 2, "the last push");

    let mut second = stand(&collector).await;
    collector.hang();
    assert_eq!(second.send(get("/healthz").header("traceparent", SAMPLED)).await.status, 200);
    let started = Instant::now();
    let status = second.gatepost.process.terminate(Duration::from_secs(15)).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[tokio::test]
async fn another_collector_needs_a_restart() {
    let collector = Collector::start().await.unwrap();
    let mut stand = stand(&collector).await;
    let other = Collector::start().await.unwrap();
    let config = Config::trusting(stand.issuer.issuer()).and(&telemetry(&other, ", push_every: 1h"));
    stand.gatepost.edit(config);
    let shown = async || {
        let status = stand.gatepost.status().await;
        (status["config"]["restart_needed"] == json!(["telemetry.otlp"])).then_some(())
    };
    wait::until("the setting on the status page", shown).await.unwrap();
    assert!(other.pushes().is_empty());
}
