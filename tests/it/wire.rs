//! What we say and hear on the wire is Envoy's ext_authz v3, and no answer is ever an accidental allow.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{
    HttpRequest, Peer, Request as AttributeRequest,
};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use gatepost::envoy::proto::envoy::service::auth::v3 as ours;
use gatepost_test_support::Token;
use prost::Message as _;

use crate::sidecar::Sidecar;

/// The question that Envoy asks about this request, with the fields around it that we do not read.
pub fn question(method: &str, path: &str, headers: &[(&str, &str)]) -> CheckRequest {
    let field = |(name, value): &(&str, &str)| HeaderValue {
        key: (*name).to_owned(),
        raw_value: value.as_bytes().to_vec(),
        ..HeaderValue::default()
    };
    let http = HttpRequest {
        id: "12345".to_owned(),
        method: method.to_owned(),
        header_map: Some(HeaderMap { headers: headers.iter().map(field).collect() }),
        path: path.to_owned(),
        host: "orders.example.com:8080".to_owned(),
        scheme: "https".to_owned(),
        size: -1,
        protocol: "HTTP/1.1".to_owned(),
        body: "ignored".to_owned(),
        ..HttpRequest::default()
    };
    CheckRequest {
        attributes: Some(AttributeContext {
            source: Some(Peer { principal: "spiffe://example".to_owned(), ..Peer::default() }),
            request: Some(AttributeRequest { http: Some(http), ..AttributeRequest::default() }),
            context_extensions: HashMap::from([("a".to_owned(), "b".to_owned())]),
            ..AttributeContext::default()
        }),
    }
}

async fn ask(sidecar: &Sidecar, question: CheckRequest) -> CheckResponse {
    sidecar.client().await.check(question).await.unwrap().into_inner()
}

fn code(answer: &CheckResponse) -> i32 {
    answer.status.as_ref().unwrap().code
}

#[tokio::test]
#[expect(deprecated, reason = "what is deprecated must stay unset, which is what is tested")]
async fn an_allow_overwrites_identity_headers_and_removes_their_variants() {
    let sidecar = Sidecar::start().await;
    let bearer = format!("bearer {}", Token::good().mint());
    let answer = ask(&sidecar, question("GET", "/orders/7?x=1", &[("authorization", &bearer)])).await;
    assert_eq!(code(&answer), 0);
    let Some(HttpResponse::OkResponse(allowed)) = answer.http_response else { panic!("not an OK response") };
    for option in &allowed.headers {
        assert_eq!(option.append_action, 2, "OVERWRITE_IF_EXISTS_OR_ADD");
        assert_eq!(option.append, None, "the deprecated field would win over append_action");
    }
    let header = |name: &str| {
        let headers = allowed.headers.iter().filter_map(|option| option.header.as_ref());
        headers.filter(|header| header.key == name).map(|header| header.value.clone()).collect::<Vec<_>>()
    };
    assert_eq!(header("x-subject"), ["alice"]);
    assert_eq!(header("x-scopes"), ["orders:read"]);
    assert_eq!(allowed.headers_to_remove, ["x_scopes", "x_subject"]);
}

#[tokio::test]
async fn a_denial_is_a_denied_response_with_its_challenge() {
    let sidecar = Sidecar::start().await;
    let answer = ask(&sidecar, question("GET", "/orders/7", &[])).await;
    assert_eq!(code(&answer), 16, "UNAUTHENTICATED");
    let Some(HttpResponse::DeniedResponse(denied)) = answer.http_response else { panic!("not a denial") };
    assert_eq!(denied.status.unwrap().code, 401);
    let headers: Vec<_> = denied.headers.into_iter().filter_map(|option| option.header).collect();
    assert!(headers.iter().any(|header| header.key == "www-authenticate" && header.value == "Bearer"));
}

#[tokio::test]
async fn an_outage_is_an_error_response_and_not_a_denial() {
    let sidecar = Sidecar::without_keys().await;
    let bearer = format!("Bearer {}", Token::good().mint());
    let answer = ask(&sidecar, question("GET", "/orders/7", &[("authorization", &bearer)])).await;
    assert_eq!(code(&answer), 14, "UNAVAILABLE");
    let Some(HttpResponse::ErrorResponse(failed)) = answer.http_response else { panic!("not an error") };
    assert_eq!(failed.status.unwrap().code, 503);
}

#[tokio::test]
async fn whatever_is_asked_no_answer_allows_by_default() {
    let sidecar = Sidecar::start().await;
    let without_http = CheckRequest {
        attributes: Some(AttributeContext {
            request: Some(AttributeRequest::default()),
            ..AttributeContext::default()
        }),
    };
    let hostile = [
        CheckRequest::default(),
        without_http,
        question("", "/healthz", &[]),
        question("GE T", "/healthz", &[]),
        question("CONNECT", "", &[]),
        question("GET", "", &[]),
        question("GET", "*", &[]),
        question("GET", "//healthz", &[]),
        question("GET", "/nowhere", &[]),
        question("DELETE", "/orders/7", &[]),
    ];
    for question in hostile {
        let described = format!("{question:?}");
        let answer = ask(&sidecar, question).await;
        assert_ne!(code(&answer), 0, "{described}");
        assert!(matches!(answer.http_response, Some(HttpResponse::DeniedResponse(_))), "{described}");
    }
}

#[test]
fn requests_mean_the_same_in_both_directions() {
    let theirs =
        question("GET", "/orders/7", &[("authorization", "Bearer a"), ("authorization", "Bearer b")]);
    let read = ours::CheckRequest::decode(theirs.encode_to_vec().as_slice()).unwrap();
    let http = read.attributes.clone().unwrap().request.unwrap().http.unwrap();
    assert_eq!((http.method.as_str(), http.path.as_str()), ("GET", "/orders/7"));
    assert_eq!(http.host, "orders.example.com:8080");
    assert_eq!(http.header_map.unwrap().headers.len(), 2);

    let back = CheckRequest::decode(read.encode_to_vec().as_slice()).unwrap();
    let back = back.attributes.unwrap().request.unwrap().http.unwrap();
    let sent = theirs.attributes.unwrap().request.unwrap().http.unwrap();
    assert_eq!((back.method, back.path, back.host), (sent.method, sent.path, sent.host));
    assert_eq!(back.header_map, sent.header_map);
}

#[test]
fn responses_mean_the_same_in_both_directions() {
    use envoy_types::pb::envoy::service::auth::v3::{DeniedHttpResponse, OkHttpResponse};
    use envoy_types::pb::envoy::r#type::v3::HttpStatus;
    use envoy_types::pb::google::rpc::Status;

    let denied = |code| DeniedHttpResponse {
        status: Some(HttpStatus { code }),
        body: "b".to_owned(),
        headers: vec![],
    };
    let allowed = OkHttpResponse { headers_to_remove: vec!["x".to_owned()], ..OkHttpResponse::default() };
    for http_response in [
        HttpResponse::OkResponse(allowed),
        HttpResponse::DeniedResponse(denied(401)),
        HttpResponse::DeniedResponse(denied(200)),
        HttpResponse::ErrorResponse(denied(503)),
    ] {
        let status = Status { code: 7, message: "m".to_owned(), details: vec![] };
        let theirs = CheckResponse {
            status: Some(status),
            http_response: Some(http_response),
            ..CheckResponse::default()
        };
        let bytes = theirs.encode_to_vec();
        let read = ours::CheckResponse::decode(bytes.as_slice()).unwrap();
        assert_eq!(read.encode_to_vec(), bytes, "every field that they set is one that we know");
    }
}
