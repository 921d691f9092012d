//! Promise: a path has one meaning for Envoy, for gatepost and for the service: what could be read in two ways
//! is refused, and what Envoy resolves is judged as the service receives it.

use gatepost_test_support::Request;

use crate::stand::{HOST, Stand, get, seen};
use crate::table::{BARE, Refusal, assert_refused, refused, refused_by_envoy};

fn ambiguous(target: &str) -> Refusal {
    refused(target, get(target), 400, None)
}

// CVE-2021-29492, CVE-2026-26205, CVE-2026-33494
#[tokio::test]
async fn refuses_paths_that_can_be_read_in_two_ways() {
    let stand = Stand::start().await;
    let mut cases: Vec<_> = [
        "//",
        "//healthz",
        "//admin/x",
        "//evil.example/healthz",
        "/healthz//",
        "/healthz//x",
        "/orders//7",
        "///healthz",
        "/healthz%2F",
        "/healthz%2f..%2fadmin",
        "/%2fhealthz",
        "/admin%2Fx",
        "/%5Chealthz",
        "/healthz%5c..%5cadmin",
        "/healthz/..%2fadmin",
        "/healthz/%252e%252e/admin",
        "/%252e%252e/healthz",
        "/healthz%252F",
        "/healthz/..%252fadmin",
        "/healthz;x=1",
        "/admin;/x",
        "/healthz%3Bx",
        "/healthz%0d%0ax",
        "/healthz%7f",
        "/healthz%",
        "/healthz%2",
        "/healthz%zz",
        "/healthz%ff",
        "/healthz%c0%ae",
        "/%c0%ae%c0%ae/admin",
        "/healthz/%E0%80%AF",
        "/healthz%c2%85",
    ]
    .map(ambiguous)
    .into();
    cases.push(ambiguous("//healthz?x"));
    assert_refused(&stand, cases).await;
}

#[tokio::test]
async fn a_good_token_does_not_make_an_ambiguous_path_clear() {
    let stand = Stand::start().await;
    let token = stand.issuer.token().mint();
    let targets =
        ["/orders//7", "/orders/7%2F..", "/orders/a;b", "/orders/%5C7", "//orders/7", "/orders/%252e"];
    let cases = targets.map(|target| refused(target, get(target).bearer(&token), 400, None));
    assert_refused(&stand, cases.into()).await;
}

// CVE-2021-32779, CVE-2021-39156
#[tokio::test]
async fn envoy_refuses_what_is_no_path() {
    let stand = Stand::start().await;
    let mut cases: Vec<_> =
        ["/healthz#", "/orders/7#/healthz", "/healthz%00", "/health z", "/healthz\u{e9}", "*", "healthz", ""]
            .map(|target| refused_by_envoy(format!("{target:?}"), get(target), 400))
            .into();
    cases.push(refused_by_envoy(
        "CONNECT",
        Request::new("CONNECT", "orders.example.com:443").host(HOST),
        404,
    ));
    assert_refused(&stand, cases).await;
}

#[tokio::test]
async fn what_envoy_resolves_is_judged_as_the_service_receives_it() {
    let stand = Stand::start().await;
    let to_orders = [
        "/healthz/../orders/7",
        "/healthz/%2e%2e/orders/7",
        "/healthz/%2E%2e/orders/7",
        "/healthz/./../orders/7",
        "/healthz/x/../../orders/7",
        "/healthz/.%2e/orders/7",
        r"/healthz\..\orders\7",
        "/%6frders/7",
        "/./orders/7",
        "/../orders/7",
        "/healthz;/../orders/7",
        "/healthz/../orders/7?/healthz",
    ];
    assert_refused(&stand, to_orders.map(|target| refused(target, get(target), 401, BARE)).into()).await;
    for target in ["/orders/../healthz", "/admin/%2e%2e/healthz", "/%68ealthz", "/./healthz", "/x/../healthz"]
    {
        let answer = stand.send(get(target)).await;
        assert_eq!(answer.status, 200, "{target}");
        assert_eq!(answer.json().unwrap()["target"], "/healthz", "{target}");
    }
    let token = stand.issuer.token().mint();
    for target in to_orders {
        let answer = stand.send(get(target).bearer(&token)).await;
        assert_eq!(answer.status, 200, "{target}");
        let reached = answer.json().unwrap()["target"].as_str().unwrap().to_owned();
        assert_eq!(reached.split('?').next(), Some("/orders/7"), "{target}");
    }
}

// CVE-2025-54576, CVE-2025-41059
#[tokio::test]
async fn a_query_never_makes_a_path_public() {
    let stand = Stand::start().await;
    let targets = [
        "/orders/7?/healthz",
        "/orders/7?path=/healthz",
        "/orders/7?x=/../healthz",
        "/orders/7?x=%2F..%2Fhealthz",
        "/orders/7??/healthz",
        "/orders/7?#/healthz".trim_end_matches("#/healthz"),
        "/orders/healthz",
        "/orders/7/healthz",
    ];
    assert_refused(&stand, targets.map(|target| refused(target, get(target), 401, BARE)).into()).await;
    for target in ["/healthz?", "/healthz?x=/../admin", "/healthz?//", "/healthz?%2F%5C%00"] {
        let answer = stand.send(get(target)).await;
        assert_eq!((answer.status, answer.json().unwrap()["target"].as_str()), (200, Some(target)));
    }
}

#[tokio::test]
async fn an_absolute_url_is_judged_by_the_host_and_path_that_the_service_receives() {
    let stand = Stand::start().await;
    let token = stand.issuer.token().mint();
    let absolute = |url: &str| Request::get(url).host("evil.example");
    let answer = stand.send(absolute("http://orders.example.com/orders/7").bearer(&token)).await;
    assert_eq!((answer.status, answer.json().unwrap()["target"].as_str()), (200, Some("/orders/7")));
    assert_refused(
        &stand,
        vec![
            refused("without a token", absolute("http://orders.example.com/orders/7"), 401, BARE),
            refused(
                "another host",
                Request::get("http://evil.example/orders/7").host(HOST).bearer(&token),
                403,
                None,
            ),
            refused("an ambiguous path", absolute("http://orders.example.com//healthz"), 400, None),
        ],
    )
    .await;
    // Envoy takes the user off before anyone hears of it.
    let answer = stand.send(absolute("http://x@orders.example.com/orders/7").bearer(&token)).await;
    assert_eq!((answer.status, seen(&answer, "host")), (200, vec![HOST.to_owned()]));
}
