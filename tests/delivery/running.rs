//! What is delivered, running: the files of the rendered ConfigMap in the real gatepost, asked by a real Envoy with the
//! Envoy configuration that is delivered beside them.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use gatepost_test_support::{
    ConfigDir, Envoy, EnvoyConfig, Helm, Manifests, Process, Request, ReservedPort, TestIssuer, Upstream,
    wait,
};
use serde_json::{Value, json};

use crate::chart::here;
use crate::chart::render::with;

const ANY_PORT: &str = "127.0.0.1:0";

/// The files of the chart's ConfigMap for a standalone gatepost that trusts this issuer, at addresses of this machine.
fn files(issuer: &TestIssuer, authz: SocketAddr) -> Vec<(String, String)> {
    let issuer = format!("config.issuers[0].issuer={}", issuer.issuer());
    let rendered = with(&Helm::current().unwrap(), "standalone", &["--set", &issuer]).unwrap();
    let rendered = Manifests::read(&rendered, &[]).unwrap();
    let map = rendered.of_kind("ConfigMap").into_iter().find(|map| map["metadata"]["name"] == "gatepost");
    let files = map.unwrap()["data"].as_object().unwrap().iter();
    let here =
        |text: &str| text.replace("0.0.0.0:9001", &authz.to_string()).replace("0.0.0.0:9192", ANY_PORT);
    files.map(|(name, text)| (name.clone(), here(text.as_str().unwrap()))).collect()
}

fn mount(issuer: &TestIssuer, authz: SocketAddr) -> ConfigDir {
    let files = files(issuer, authz);
    let files: Vec<_> = files.iter().map(|(name, text)| (&name[..], &text[..])).collect();
    ConfigDir::mount(&files).unwrap()
}

/// The real gatepost with the arguments of the chart's Deployment, ready.
async fn gatepost(mounted: &ConfigDir) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.args(["serve", &format!("--config={}", mounted.path().display()), "--log=info"]);
    let mut process = Process::start("gatepost", &mut command).unwrap();
    let line = process.line("its announcement", |line| line.contains("\"gatepost serves\"")).await.unwrap();
    let announced: Value = serde_json::from_str(&line).unwrap();
    let admin: SocketAddr = announced["admin"].as_str().unwrap().parse().unwrap();
    let ready = async || (Request::get("/readyz").send(admin).await.ok()?.status == 200).then_some(());
    process.until("its readiness", ready).await.unwrap();
    process
}

fn document(path: &str) -> Value {
    Manifests::read_file(&here(path), &[]).unwrap().objects()[0].clone()
}

/// The ext_authz filter of an Envoy configuration.
fn filter(envoy: &mut Value) -> &mut Value {
    let manager = &mut envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
    let filter = &mut manager["typed_config"]["http_filters"][0];
    assert_eq!(filter["name"], "envoy.filters.http.ext_authz");
    filter
}

fn endpoint(cluster: &mut Value) -> &mut Value {
    &mut cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
}

fn socket(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

/// deploy/envoy/envoy.yaml with what deploy/envoy/standalone.yaml changes in it.
fn standalone() -> Value {
    let (mut envoy, change) = (document("deploy/envoy/envoy.yaml"), document("deploy/envoy/standalone.yaml"));
    filter(&mut envoy)["typed_config"]["grpc_service"]["retry_policy"] = change["retry_policy"].clone();
    let clusters = envoy["static_resources"]["clusters"].as_array_mut().unwrap();
    let cluster = clusters.iter_mut().find(|cluster| cluster["name"] == "gatepost").unwrap();
    *cluster = change["cluster"].clone();
    envoy
}

/// The same between these addresses.
fn between(mut envoy: Value, gateposts: &[SocketAddr], upstream: &Upstream) -> Value {
    let any = socket(SocketAddr::from(([127, 0, 0, 1], 0)));
    envoy["admin"]["address"] = any.clone();
    envoy["static_resources"]["listeners"][0]["address"] = any;
    let clusters = &mut envoy["static_resources"]["clusters"];
    let pods = gateposts.iter().map(|address| json!({ "endpoint": { "address": socket(*address) } }));
    *endpoint(&mut clusters[0]) = pods.collect();
    *endpoint(&mut clusters[1]) = json!([{ "endpoint": { "address": socket(upstream.address()) } }]);
    envoy
}

async fn validate(envoy: &Value) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("envoy.yaml");
    std::fs::write(&file, envoy.to_string()).unwrap();
    Envoy::validate(&file).await.unwrap();
}

fn read_orders(token: Option<&str>) -> Request {
    let request = Request::get("/orders/7").host("orders.example.com").header("x-subject", "mallory");
    token.into_iter().fold(request, Request::bearer)
}

/// A gateway that a project makes, with what its project sets in place of ours; and with gatepost.
struct Gateway {
    issuer: TestIssuer,
    upstream: Upstream,
    gatepost: Process,
    envoy: Envoy,
    _port: ReservedPort,
    _mounted: ConfigDir,
}

impl Gateway {
    async fn with(filter: &Value, manager: &Value) -> Self {
        let (issuer, upstream) = (TestIssuer::start().await.unwrap(), Upstream::start().await.unwrap());
        let port = ReservedPort::choose().unwrap();
        let mounted = mount(&issuer, port.address());
        let gatepost = gatepost(&mounted).await;
        let mut envoy = between(standalone(), &[port.address()], &upstream);
        let shipped = &mut envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
        set(&mut shipped["typed_config"], manager);
        set(&mut shipped["typed_config"]["http_filters"][0]["typed_config"], filter);
        let envoy = Envoy::run(&EnvoyConfig::of(&envoy)).await.unwrap();
        Self { issuer, upstream, gatepost, envoy, _port: port, _mounted: mounted }
    }

    async fn status(&self, request: Request) -> u16 {
        self.envoy.send(request).await.unwrap().status
    }

    fn asks(&self, target: &str) -> Request {
        Request::get(target).host("orders.example.com").bearer(&self.issuer.token().mint())
    }
}

fn set(config: &mut Value, members: &Value) {
    for (name, value) in members.as_object().unwrap() {
        config[name] = value.clone();
    }
}

#[tokio::test]
async fn behind_a_filter_like_contours_nothing_passes_that_should_not() {
    let filter = json!({
        "encode_raw_headers": false,
        "validate_mutations": false,
        "clear_route_cache": true,
        "include_peer_certificate": true,
        "status_on_error": { "code": "Forbidden" },
    });
    let mut gateway = Gateway::with(&filter, &json!({ "merge_slashes": true })).await;
    let forged = ["x-subject", "X_Subject", "x-subject"].into_iter();
    let answer = forged.fold(gateway.asks("//orders/7"), |request, name| request.header(name, "mallory"));
    let answer = gateway.envoy.send(answer).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(!answer.text().contains("mallory"), "{}", answer.text());
    assert_eq!(answer.json().unwrap()["target"], "/orders/7");
    let token = gateway.issuer.token().mint();
    let twice = gateway.asks("/orders/7").header("authorization", format!("Bearer {token}"));
    assert_eq!(gateway.status(twice).await, 400);
    assert_eq!(gateway.status(gateway.asks("/orders%2F7")).await, 400);
    assert_eq!(gateway.status(Request::get("/orders/7").host("orders.example.com")).await, 401);
    gateway.gatepost.kill();
    assert_eq!(gateway.status(gateway.asks("/orders/7")).await, 403);
    assert_eq!(gateway.upstream.requests(), 1);
}

#[tokio::test]
async fn behind_a_filter_like_envoy_gateways_nothing_passes_that_should_not() {
    let manager = json!({
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        "common_http_protocol_options": { "headers_with_underscores_action": "REJECT_REQUEST" },
    });
    let gateway = Gateway::with(&json!({ "encode_raw_headers": false }), &manager).await;
    assert_eq!(gateway.status(gateway.asks("/orders/7").header("x-subject", "mallory")).await, 200);
    assert_eq!(gateway.status(gateway.asks("/orders/7").header("x_subject", "mallory")).await, 400);
    let redirected = gateway.envoy.send(gateway.asks("/orders/a%2F..%2F..%2Fadmin")).await.unwrap();
    assert_eq!((redirected.status, redirected.header("location")), (307, Some("/admin")));
    assert_eq!(gateway.status(gateway.asks("/admin")).await, 403);
    assert_eq!(gateway.upstream.requests(), 1);
}

#[tokio::test]
async fn envoy_takes_the_configuration_for_a_standalone_gatepost() {
    validate(&standalone()).await;
}

/// Istio merges it into the filter that it makes.
#[tokio::test]
async fn envoy_takes_what_the_istio_example_merges_into_its_filter() {
    let wiring = Manifests::read_file(&here("deploy/integrations/istio/wiring.yaml"), &[]).unwrap();
    let patch = &wiring.one("EnvoyFilter").unwrap()["spec"]["configPatches"][0]["patch"]["value"];
    let mut envoy = document("deploy/envoy/envoy.yaml");
    let filter = filter(&mut envoy);
    assert_eq!(filter["name"], patch["name"]);
    for (name, value) in patch["typed_config"].as_object().unwrap() {
        filter["typed_config"][name] = value.clone();
    }
    validate(&envoy).await;
    // Envoy refuses what it does not know, so that a misspelt field would be seen.
    let mut misspelt = document("deploy/envoy/envoy.yaml");
    self::filter(&mut misspelt)["typed_config"]["encode_raw_header"] = json!(true);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("envoy.yaml");
    std::fs::write(&file, misspelt.to_string()).unwrap();
    assert!(Envoy::validate(Path::new(&file)).await.is_err());
}

#[tokio::test]
async fn a_gateway_asks_the_standalone_gatepost_of_the_chart_and_loses_no_request_with_a_pod() {
    let issuer = TestIssuer::start().await.unwrap();
    let upstream = Upstream::start().await.unwrap();
    let ports = [ReservedPort::choose().unwrap(), ReservedPort::choose().unwrap()];
    let addresses = ports.each_ref().map(ReservedPort::address);
    let mounted = addresses.map(|address| {
        let files = files(&issuer, address);
        ConfigDir::mount(&files.iter().map(|(name, text)| (&name[..], &text[..])).collect::<Vec<_>>())
            .unwrap()
    });
    let (mut first, mut second) = tokio::join!(gatepost(&mounted[0]), gatepost(&mounted[1]));
    let envoy = between(standalone(), &addresses, &upstream);
    let envoy = Envoy::run(&EnvoyConfig::of(&envoy)).await.unwrap();
    let token = issuer.token().mint();

    let allowed = envoy.send(read_orders(Some(&token))).await.unwrap();
    assert_eq!(allowed.status, 200);
    let seen = allowed.json().unwrap();
    let headers = seen["headers"].as_array().unwrap();
    let subjects: Vec<_> = headers.iter().filter(|header| header[0] == "x-subject").collect();
    assert_eq!(subjects, [&json!(["x-subject", "alice"])]);
    assert_eq!(envoy.send(read_orders(None)).await.unwrap().status, 401);

    // A pod that is killed, as the kubelet or a node would.
    first.kill();
    for _ in 0..20 {
        assert_eq!(envoy.send(read_orders(Some(&token))).await.unwrap().status, 200);
    }

    // None at all: closed, and no refusal.
    second.kill();
    let outage = envoy.send(read_orders(Some(&token))).await.unwrap();
    assert_eq!((outage.status, outage.header("www-authenticate")), (503, None));

    // And back without a restart of Envoy.
    let _first = gatepost(&mounted[0]).await;
    let passes = async || (envoy.send(read_orders(Some(&token))).await.ok()?.status == 200).then_some(());
    wait::until("a good token to pass", passes).await.unwrap();
}
