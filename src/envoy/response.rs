//! From a [`Decision`] to Envoy's answer. A default or half-filled answer would allow, so each of the three
//! outcomes is built whole and in one place.

use prost_types::value::Kind;
use prost_types::{Struct, Value};

use super::proto::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use super::proto::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use super::proto::envoy::service::auth::v3::check_response::HttpResponse;
use super::proto::envoy::service::auth::v3::{CheckResponse, DeniedHttpResponse, OkHttpResponse};
use super::proto::envoy::r#type::v3::{HttpStatus, StatusCode};
use super::proto::google::rpc::Status;
use crate::check::challenge::challenge;
use crate::check::{Decision, Denial, Grant, Outage};

/// The answer for a decision.
pub(super) fn response(decision: &Decision) -> CheckResponse {
    let answer = match decision {
        Decision::Allow(grant) => allow(grant),
        Decision::Deny(denial) => deny(denial),
        Decision::Unavailable(outage) => unavailable(outage),
    };
    CheckResponse { dynamic_metadata: Some(metadata(decision)), ..answer }
}

/// What Envoy's access log can say about the request: the outcome, why, and by which rule.
fn metadata(decision: &Decision) -> Struct {
    let rule = decision.rule().map(AsRef::as_ref).unwrap_or_default();
    let fields = [("outcome", decision.outcome()), ("reason", decision.reason()), ("rule", rule)];
    let text = |value: &str| Value { kind: Some(Kind::StringValue(value.to_owned())) };
    let present = fields.into_iter().filter(|(_, value)| !value.is_empty());
    Struct { fields: present.map(|(name, value)| (name.to_owned(), text(value))).collect() }
}

fn allow(grant: &Grant) -> CheckResponse {
    let headers = grant.set().iter().map(|(name, value)| header(name, value)).collect();
    let allowed = OkHttpResponse { headers, headers_to_remove: grant.remove().to_vec() };
    answer(tonic::Code::Ok, "", HttpResponse::OkResponse(allowed))
}

fn deny(denial: &Denial) -> CheckResponse {
    let facts = denial.reason.facts();
    let (status, code) = match facts.status {
        400 => (StatusCode::BadRequest, tonic::Code::InvalidArgument),
        401 => (StatusCode::Unauthorized, tonic::Code::Unauthenticated),
        429 => (StatusCode::TooManyRequests, tonic::Code::ResourceExhausted),
        _ => (StatusCode::Forbidden, tonic::Code::PermissionDenied),
    };
    let mut headers = vec![no_store()];
    headers.extend(challenge(denial).map(|text| header("www-authenticate", &text)));
    let denied = DeniedHttpResponse { status: Some(http_status(status)), headers, body: String::new() };
    answer(code, facts.label, HttpResponse::DeniedResponse(denied))
}

fn unavailable(outage: &Outage) -> CheckResponse {
    let status = Some(http_status(StatusCode::ServiceUnavailable));
    let failed = DeniedHttpResponse { status, headers: vec![no_store()], body: String::new() };
    answer(tonic::Code::Unavailable, outage.reason.label(), HttpResponse::ErrorResponse(failed))
}

fn answer(code: tonic::Code, message: &str, http: HttpResponse) -> CheckResponse {
    let status = Status { code: code as i32, message: message.to_owned() };
    CheckResponse { status: Some(status), http_response: Some(http), dynamic_metadata: None }
}

fn http_status(code: StatusCode) -> HttpStatus {
    HttpStatus { code: code.into() }
}

/// RFC 6750 §5.3: what depends on a token is not for caches.
fn no_store() -> HeaderValueOption {
    header("cache-control", "no-store")
}

/// Envoy's default is to append, which would leave a client's spoofed value in front.
fn header(name: &str, value: &str) -> HeaderValueOption {
    let header = HeaderValue { key: name.to_owned(), value: value.to_owned(), ..HeaderValue::default() };
    HeaderValueOption {
        header: Some(header),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{DenyReason, OutageReason};

    #[test]
    fn every_denial_is_a_denied_response_with_its_status() {
        for reason in DenyReason::ALL {
            let answer = response(&Decision::Deny(Denial { reason: *reason, rule: None, scope: None }));
            assert_ne!(answer.status.unwrap().code, 0, "{reason:?}");
            let Some(HttpResponse::DeniedResponse(denied)) = answer.http_response else {
                panic!("{reason:?}")
            };
            assert_eq!(denied.status.unwrap().code, i32::from(reason.facts().status), "{reason:?}");
            let names: Vec<_> =
                denied.headers.iter().map(|h| h.header.as_ref().unwrap().key.as_str()).collect();
            assert_eq!(names.contains(&"www-authenticate"), reason.facts().challenge, "{reason:?}");
            assert!(names.contains(&"cache-control"));
        }
    }

    #[test]
    fn every_outage_is_an_error_response_and_not_a_denial() {
        for reason in OutageReason::ALL.iter().copied() {
            let answer = response(&Decision::Unavailable(Outage { reason, rule: None, issuer: None }));
            assert_ne!(answer.status.unwrap().code, 0);
            let Some(HttpResponse::ErrorResponse(failed)) = answer.http_response else {
                panic!("{reason:?}")
            };
            assert_eq!(failed.status.unwrap().code, 503);
        }
    }
}
