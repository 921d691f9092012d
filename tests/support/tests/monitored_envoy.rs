//! What Envoy counts for the shipped rules and dashboards: the names of its series are those that they ask for, and the
//! gateway's mean what rules.yaml says of them.

#![expect(clippy::unwrap_used, reason = "test code outside #[test] functions")]

use std::collections::BTreeSet;
use std::path::Path;

use gatepost_test_support::{
    Answer, AuthorizationServer, Endpoint, Envoy, EnvoyConfig, Fault, GATEWAY_SERIES, Request,
    SIDECAR_SERIES, Upstream, wait,
};

/// The series as Prometheus scrapes them.
async fn scraped(envoy: &Envoy) -> String {
    Request::get("/stats/prometheus").send(envoy.admin()).await.unwrap().text()
}

/// Whether a series of this name has just these labels.
fn has(scraped: &str, name: &str, labels: &[&str]) -> bool {
    let name = if name.ends_with("_time") { format!("{name}_count") } else { name.to_owned() };
    let wanted: BTreeSet<_> = labels.iter().copied().collect();
    scraped.lines().filter_map(|line| line.strip_prefix(&name)?.strip_prefix('{')?.split_once('}')).any(
        |(inside, _)| {
            inside.split(',').filter_map(|pair| Some(pair.split_once('=')?.0)).collect::<BTreeSet<_>>()
                == wanted
        },
    )
}

/// Waits until a series, such as `name{label="value"}`, has this value.
async fn until(envoy: &Envoy, series: &str, value: u64) {
    let line = format!("{series} {value}");
    let counted = async || scraped(envoy).await.lines().any(|it| it == line).then_some(());
    if let Err(error) = wait::until(&line, counted).await {
        let name = series.split('{').next().unwrap_or(series);
        let found: Vec<_> =
            scraped(envoy).await.lines().filter(|it| it.starts_with(name)).map(str::to_owned).collect();
        panic!("{error}: {found:#?}");
    }
}

#[tokio::test]
async fn the_sidecar_has_every_series_that_expressions_name() {
    let upstream = Upstream::start().await.unwrap();
    let envoy = Envoy::start(Path::new("/nonexistent/authz.sock"), upstream.address()).await.unwrap();
    let found = scraped(&envoy).await;
    for (name, labels) in SIDECAR_SERIES {
        assert!(has(&found, name, labels), "{name} {labels:?}");
    }
    assert!(found.contains("envoy_ext_authz_prefix=\"gatepost\""), "{found}");
}

/// An authorization server behind a gateway.
struct Gateway {
    server: AuthorizationServer,
    envoy: Envoy,
}

impl Gateway {
    async fn start() -> Self {
        let server = AuthorizationServer::start().await.unwrap();
        let envoy = Envoy::run(&EnvoyConfig::gateway(server.address()).unwrap()).await.unwrap();
        Self { server, envoy }
    }

    /// Asks the token endpoint through the gateway.
    async fn ask(&self, form: &[(&str, &str)]) -> Answer {
        self.envoy.send(Request::post("/token").form(form)).await.unwrap()
    }

    /// The same, when the server answers so.
    async fn answered(&self, status: u16, body: &str, form: &[(&str, &str)]) {
        let fault = Fault { status: Some(status), body: body.into(), ..Fault::default() };
        self.server.fault(Endpoint::Token, &fault).await.unwrap();
        assert_eq!(self.ask(form).await.status, status);
    }
}

const REFRESH: &[(&str, &str)] = &[("grant_type", "refresh_token"), ("refresh_token", "r")];
const CODE: &[(&str, &str)] = &[("grant_type", "authorization_code"), ("code", "c"), ("code_verifier", "v")];
const REFUSED: &str = r#"{"error":"invalid_grant"}"#;

#[tokio::test]
async fn a_gateway_counts_refreshes_and_verifiers_by_how_they_ended() {
    let gateway = Gateway::start().await;
    gateway.answered(200, r#"{"access_token":"a","refresh_token":"s"}"#, REFRESH).await;
    gateway.answered(200, r#"{"access_token":"a"}"#, REFRESH).await;
    gateway.answered(400, REFUSED, REFRESH).await;
    gateway.answered(500, "", REFRESH).await;
    gateway.answered(200, r#"{"access_token":"a"}"#, CODE).await;
    gateway.answered(400, REFUSED, CODE).await;
    for (series, value) in [
        ("envoy_token_refreshes{}", 4),
        ("envoy_token_refreshes_rotated{}", 1),
        ("envoy_token_refreshes_refused{}", 1),
        ("envoy_token_verifiers{}", 2),
        ("envoy_token_verifiers_refused{}", 1),
    ] {
        until(&gateway.envoy, series, value).await;
    }
    let found = scraped(&gateway.envoy).await;
    for (name, labels) in GATEWAY_SERIES {
        assert!(has(&found, name, labels), "{name} {labels:?}");
    }
}

fn answers(cluster: &str, class: u8) -> String {
    format!(
        "envoy_vhost_vcluster_upstream_rq_xx{{envoy_response_code_class=\"{class}\",\
         envoy_virtual_cluster=\"{cluster}\",envoy_virtual_host=\"authorization_server\"}}"
    )
}

#[tokio::test]
async fn a_gateway_tells_grants_apart_by_the_form_and_by_nothing_that_a_header_says() {
    let gateway = Gateway::start().await;
    let form = [("grant_type", "client_credentials"), ("client_id", "web"), ("client_secret", "wrong")];
    assert_eq!(gateway.ask(&form).await.status, 401);
    let spoofed = Request::get("/jwks").header("x-gateway-grant", "refresh_token");
    assert_eq!(gateway.envoy.send(spoofed).await.unwrap().status, 200);
    gateway.ask(REFRESH).await;
    gateway.ask(&[("grant_type", "refresh_token"), ("grant_type", "client_credentials")]).await;
    until(&gateway.envoy, &answers("token_client_credentials", 4), 1).await;
    until(&gateway.envoy, &answers("token_refresh", 4), 1).await;
    until(&gateway.envoy, &answers("token_other", 4), 1).await;
    // Nobody is there: Envoy answers itself, and counts it.
    gateway.server.stop().await.unwrap();
    assert_eq!(gateway.ask(REFRESH).await.status, 503);
    until(&gateway.envoy, &answers("token_refresh", 5), 1).await;
}

#[tokio::test]
async fn a_gateway_cuts_its_times_at_the_objective() {
    let gateway = Gateway::start().await;
    gateway.ask(REFRESH).await;
    let series = "envoy_vhost_vcluster_upstream_rq_time_bucket{envoy_virtual_cluster=\"token_refresh\",\
                  envoy_virtual_host=\"authorization_server\",le=\"300\"}";
    until(&gateway.envoy, series, 1).await;
}
