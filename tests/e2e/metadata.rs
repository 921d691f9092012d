//! Promise: a client without a token finds out where to get one: Envoy serves the protected resource metadata
//! (RFC 9728) that gatepost makes, at its one place, and the service never hears of it.

use gatepost_test_support::{Request, TestIssuer, wait};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::stand::{Config, HOST, Stand, get};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Whatever reaches the rules reaches the service too.
const OPEN: &str = "rules: [{ name: all, match: { path: /** }, public: true }]";

async fn describing(resource: &str) -> Stand {
    let issuer = TestIssuer::start().await.unwrap();
    let config = Config::trusting(issuer.issuer()).and(&format!("resource: {resource}")).policy(OPEN);
    Stand::with(issuer, config).await
}

/// What the service would say of a request that reached it.
fn reached(description: &Value) -> bool {
    description.get("target").is_some()
}

#[tokio::test]
async fn tells_anybody_where_tokens_come_from() {
    let stand = describing(
        "{ identifier: 'https://orders.example.com', name: Orders, documentation: 'https://docs.example.com', \
         policy_uri: 'https://docs.example.com/policy', tos_uri: 'https://docs.example.com/terms', \
         scopes: ['orders:read', 'orders:write'] }",
    )
    .await;
    let expected = json!({
        "resource": "https://orders.example.com",
        "authorization_servers": [stand.issuer.issuer()],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["orders:read", "orders:write"],
        "resource_name": "Orders",
        "resource_documentation": "https://docs.example.com",
        "resource_policy_uri": "https://docs.example.com/policy",
        "resource_tos_uri": "https://docs.example.com/terms",
    });
    let requests = [
        get(WELL_KNOWN),
        get(&format!("{WELL_KNOWN}?any=thing")),
        get(WELL_KNOWN).bearer("nonsense"),
        get(WELL_KNOWN).header("Origin", "https://app.example.com"),
        Request::get(WELL_KNOWN).host("Orders.Example.com:8443"),
    ];
    for request in &requests {
        let answer = stand.send(request.clone()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json().unwrap(), expected);
        for (name, value) in [
            ("content-type", "application/json"),
            ("access-control-allow-origin", "*"),
            ("cache-control", "max-age=300"),
        ] {
            assert_eq!(answer.headers(name).collect::<Vec<_>>(), [value], "{name}");
        }
        assert_eq!(answer.header("www-authenticate"), None);
    }
    assert_eq!(stand.upstream.requests(), 0, "the service was asked");
    let counted = stand.gatepost.metric("gatepost_checks_total{outcome=\"answer\",reason=\"\"}").await;
    assert_eq!(counted, requests.len() as u64);
    let denied = async || stand.envoy.stat("http.inbound.ext_authz.gatepost.denied").await.ok();
    wait::until("Envoy's count", async || (denied().await? == counted).then_some(())).await.unwrap();
}

#[tokio::test]
async fn a_head_request_is_answered_without_a_body() {
    let stand = describing("{ identifier: 'https://orders.example.com' }").await;
    let length = stand.send(get(WELL_KNOWN)).await.body.len();
    let mut stream = TcpStream::connect(stand.envoy.address()).await.unwrap();
    let head = format!("HEAD {WELL_KNOWN} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (headers, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(headers.starts_with("HTTP/1.1 200 "), "{headers}");
    assert!(headers.contains("content-type: application/json"), "{headers}");
    assert!(headers.contains(&format!("content-length: {length}")), "{headers}");
    assert_eq!(body, "");
    assert_eq!(stand.upstream.requests(), 0);
}

#[tokio::test]
async fn everything_else_goes_to_the_rules() {
    let stand = describing("{ identifier: 'https://orders.example.com' }").await;
    let others = [
        Request::post(WELL_KNOWN).host(HOST),
        Request::new("OPTIONS", WELL_KNOWN).host(HOST),
        Request::get(WELL_KNOWN).host("other.example.com"),
        Request::get(WELL_KNOWN).host("x.orders.example.com"),
        get(&format!("{WELL_KNOWN}/other")),
        get(&format!("{WELL_KNOWN}/")),
        get("/.well-known/oauth-authorization-server"),
        get("/orders"),
    ];
    for (count, request) in (1..).zip(others) {
        let answer = stand.send(request).await;
        assert!(reached(&answer.json().unwrap()), "{}", answer.text());
        assert_eq!(stand.upstream.requests(), count);
    }
}

#[tokio::test]
async fn a_resource_below_a_path_has_its_metadata_below_the_well_known_one() {
    let stand = describing("{ identifier: 'https://orders.example.com/eu/orders' }").await;
    let answer = stand.send(get(&format!("{WELL_KNOWN}/eu/orders"))).await.json().unwrap();
    assert_eq!(answer["resource"], "https://orders.example.com/eu/orders");
    for target in [WELL_KNOWN.to_owned(), format!("{WELL_KNOWN}/eu"), format!("/eu/orders{WELL_KNOWN}")] {
        assert!(reached(&stand.send(get(&target)).await.json().unwrap()), "{target}");
    }
}

#[tokio::test]
async fn nothing_is_answered_where_no_resource_is_configured() {
    let stand = Stand::start().await;
    let answer = stand.send(get(WELL_KNOWN)).await;
    assert_eq!((answer.status, stand.gatepost.checks("no_rule").await), (403, 1));
}
