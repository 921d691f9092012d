//! From Envoy's question to a [`CheckInput`].

use super::proto::envoy::service::auth::v3::CheckRequest;
use super::proto::envoy::service::auth::v3::attribute_context::HttpRequest;
use crate::check::{CheckInput, Headers};

/// Converts a question. One without an HTTP request becomes an empty input, which is refused.
pub(super) fn input(request: CheckRequest) -> CheckInput {
    let Some(attributes) = request.attributes else { return CheckInput::default() };
    let peer = attributes.source.unwrap_or_default();
    let source = peer.address.and_then(|address| address.socket_address);
    let source = source.and_then(|address| address.address.parse().ok());
    let certificate = Some(peer.certificate).filter(|text| !text.is_empty());
    let Some(mut http) = attributes.request.and_then(|request| request.http) else {
        return CheckInput::default();
    };
    let headers = headers(&mut http);
    CheckInput { method: http.method, host: http.host, target: http.path, headers, source, certificate }
}

/// Envoy fills one of the two; were both filled, both are read, so that nothing can hide in one of them.
fn headers(http: &mut HttpRequest) -> Headers {
    let mut headers = Headers::default();
    if !http.headers.is_empty() {
        headers.were_joined();
    }
    for (name, value) in http.headers.drain() {
        headers.push(&name, value);
    }
    for field in http.header_map.take().into_iter().flat_map(|map| map.headers) {
        let value =
            if field.raw_value.is_empty() { field.value.into_bytes() } else { field.raw_value.into() };
        headers.push(&field.key, value);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::proto::envoy::config::core::v3::{HeaderMap, HeaderValue};
    use crate::envoy::proto::envoy::service::auth::v3::{AttributeContext, attribute_context::Request};

    fn question(http: HttpRequest) -> CheckRequest {
        CheckRequest {
            attributes: Some(AttributeContext { source: None, request: Some(Request { http: Some(http) }) }),
        }
    }

    #[test]
    fn reads_either_form_of_headers() {
        let joined = HttpRequest { headers: [("A".into(), "1,2".into())].into(), ..HttpRequest::default() };
        assert_eq!(input(question(joined)).headers.all("a").collect::<Vec<_>>(), [b"1,2"]);

        let field = |raw: &'static [u8], value: &str| HeaderValue {
            key: "a".into(),
            value: value.into(),
            raw_value: raw.into(),
        };
        let header_map =
            Some(HeaderMap { headers: vec![field(b"1", ""), field(b"\xff", ""), field(b"", "3")] });
        let apart = HttpRequest { header_map, ..HttpRequest::default() };
        assert_eq!(input(question(apart)).headers.all("a").collect::<Vec<_>>(), [&b"1"[..], b"\xff", b"3"]);
    }

    #[test]
    fn a_question_without_a_request_is_an_empty_input() {
        assert_eq!(input(CheckRequest::default()), CheckInput::default());
    }
}
