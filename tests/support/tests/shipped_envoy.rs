//! What the shipped Envoy configuration itself promises, without gatepost: Envoy runs with it, but lets
//! requests pass when nobody answers its checks, so that the upstream shows what gatepost would have been
//! asked about.

use std::path::Path;

use gatepost_test_support::{Answer, Envoy, EnvoyConfig, Request, Upstream};

async fn open(upstream: &Upstream) -> Envoy {
    let nobody = Path::new("/nonexistent/authz.sock");
    let config = EnvoyConfig::shipped().unwrap().between(nobody, upstream.address()).unwrap();
    let config = config.replace("failure_mode_allow: false", "failure_mode_allow: true").unwrap();
    Envoy::run(&config).await.unwrap()
}

/// The values of a header that reached the upstream.
fn seen(answer: &Answer, name: &str) -> Vec<String> {
    let seen = answer.json().unwrap();
    let headers = seen["headers"].as_array().unwrap().iter().filter(|header| header[0] == name);
    headers.map(|header| header[1].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn resolves_only_what_the_uri_standard_calls_equivalent() {
    let upstream = Upstream::start().await.unwrap();
    let envoy = open(&upstream).await;
    for (sent, reached) in [
        ("/a/../b", "/b"),
        ("/a/%2e%2E/b?x=/../y", "/b?x=/../y"),
        ("/a/./b", "/a/b"),
        ("/%61b", "/ab"),
        ("/../../b", "/b"),
        (r"/a\..\b", "/b"),
        ("//b", "//b"),
        ("/a//b", "/a//b"),
        ("/a%2Fb", "/a%2Fb"),
        ("/a%5Cb", "/a%5Cb"),
        ("/%252e%252e/b", "/%252e%252e/b"),
        ("/a%zz", "/a%zz"),
    ] {
        let answer = envoy.send(Request::get(sent)).await.unwrap();
        assert_eq!(answer.json().unwrap()["target"], reached, "sent {sent}");
    }
}

#[tokio::test]
async fn refuses_targets_that_no_one_could_read_alike() {
    let upstream = Upstream::start().await.unwrap();
    let envoy = open(&upstream).await;
    for target in ["/a#b", "/a%00b", "/a b", "/é"] {
        assert_eq!(envoy.send(Request::get(target)).await.unwrap().status, 400, "{target}");
    }
    assert_eq!(upstream.requests(), 0);
}

#[tokio::test]
async fn takes_no_word_of_a_client_about_itself() {
    const CLAIMS: [&str; 5] = [
        "x-envoy-original-path",
        "x-envoy-upstream-rq-timeout-ms",
        "x-envoy-internal",
        "x-envoy-downstream-service-cluster",
        "x-forwarded-client-cert",
    ];
    let upstream = Upstream::start().await.unwrap();
    let envoy = open(&upstream).await;
    let request = CLAIMS.iter().fold(Request::get("/"), |request, name| request.header(name, "1"));
    let answer = envoy.send(request.header("x-request-id", "mine")).await.unwrap();
    for name in CLAIMS {
        assert_eq!(seen(&answer, name), [""; 0], "{name}");
    }
    assert_ne!(seen(&answer, "x-request-id"), ["mine"]);
}

#[tokio::test]
async fn leaves_every_spelling_of_a_header_for_gatepost_to_see() {
    let upstream = Upstream::start().await.unwrap();
    let envoy = open(&upstream).await;
    let request =
        Request::get("/").header("X-Subject", "a").header("x_subject", "b").header("X-SUBJECT", "c");
    let answer = envoy.send(request).await.unwrap();
    assert_eq!(seen(&answer, "x-subject"), ["a", "c"]);
    assert_eq!(seen(&answer, "x_subject"), ["b"]);
}

#[tokio::test]
async fn logs_a_request_without_its_query_and_credentials() {
    let upstream = Upstream::start().await.unwrap();
    let mut envoy = open(&upstream).await;
    envoy.send(Request::get("/a?access_token=hidden-1").bearer("hidden-2")).await.unwrap();
    let line = envoy.process().line("the access log", |line| line.contains(r#""path":"/a""#)).await.unwrap();
    assert!(!line.contains("hidden"), "{line}");
}
