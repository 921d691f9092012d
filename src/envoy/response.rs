//! From a [`Decision`] to Envoy's answer. A default or half-filled answer would allow, so each outcome
//! is built whole and in one place.

use std::collections::BTreeMap;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

use super::proto::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use super::proto::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use super::proto::envoy::service::auth::v3::check_response::HttpResponse;
use super::proto::envoy::service::auth::v3::{CheckResponse, DeniedHttpResponse, OkHttpResponse};
use super::proto::envoy::r#type::v3::{HttpStatus, StatusCode};
use super::proto::google::rpc::Status;
use crate::check::challenge::challenge;
use crate::check::{Decision, Denial, Grant, Outage};

/// The answer for a decision. `names_reason` also tells the client the name of the reason.
pub(super) fn response(decision: &Decision, names_reason: bool) -> CheckResponse {
    let mut answer = match decision {
        Decision::Allow(grant) => allow(grant),
        Decision::Deny(denial) => deny(denial),
        Decision::Unavailable(outage) => unavailable(outage),
        Decision::Answer(document) => direct(document),
    };
    if names_reason {
        name_reason(decision.reason(), &mut answer);
    }
    CheckResponse { dynamic_metadata: Some(metadata(decision)), ..answer }
}

fn name_reason(reason: &str, answer: &mut CheckResponse) {
    if let Some(HttpResponse::DeniedResponse(refused) | HttpResponse::ErrorResponse(refused)) =
        &mut answer.http_response
        && !reason.is_empty()
    {
        refused.headers.push(header("x-gatepost-reason", reason));
    }
}

/// What Envoy's access log and other filters can say about the request: the outcome, why, by which rule, and
/// under `claims` what the rule names.
fn metadata(decision: &Decision) -> Struct {
    let rule = decision.rule().map(AsRef::as_ref).unwrap_or_default();
    let fields = [("outcome", decision.outcome()), ("reason", decision.reason()), ("rule", rule)];
    let present = fields.into_iter().filter(|(_, value)| !value.is_empty());
    let text = |value: &str| Value { kind: Some(Kind::StringValue(value.to_owned())) };
    let mut fields: BTreeMap<_, _> = present.map(|(name, value)| (name.to_owned(), text(value))).collect();
    if let Decision::Allow(grant) = decision
        && !grant.metadata().is_empty()
    {
        let claims = grant.metadata().iter().map(|(name, value)| (name.clone(), protobuf(value))).collect();
        let claims = Value { kind: Some(Kind::StructValue(Struct { fields: claims })) };
        fields.insert("claims".to_owned(), claims);
    }
    Struct { fields }
}

fn number_value(number: &serde_json::Number) -> Kind {
    Kind::NumberValue(number.as_f64().unwrap_or_default())
}

/// JSON in protobuf's own form, in which every number is a double.
fn protobuf(value: &serde_json::Value) -> Value {
    let kind = match value {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(flag) => Kind::BoolValue(*flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            // Past 2^53 a double is another number.
            Some(whole) if whole.unsigned_abs() <= 1 << 53 => number_value(number),
            None if number.is_f64() => number_value(number),
            Some(_) | None => Kind::StringValue(number.to_string()),
        },
        serde_json::Value::String(text) => Kind::StringValue(text.clone()),
        serde_json::Value::Array(members) => {
            Kind::ListValue(ListValue { values: members.iter().map(protobuf).collect() })
        }
        serde_json::Value::Object(members) => {
            let fields = members.iter().map(|(name, value)| (name.clone(), protobuf(value))).collect();
            Kind::StructValue(Struct { fields })
        }
    };
    Value { kind: Some(kind) }
}

fn allow(grant: &Grant) -> CheckResponse {
    let headers = |set: &[(String, String)]| set.iter().map(|(name, value)| header(name, value)).collect();
    let allowed = OkHttpResponse {
        headers: headers(grant.set()),
        headers_to_remove: grant.remove().to_vec(),
        response_headers_to_add: headers(grant.response_headers()),
    };
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
    let wait = denial.hints.as_ref().and_then(|hints| hints.retry_after);
    headers.extend(wait.map(|seconds| header("retry-after", &seconds.to_string())));
    let denied = DeniedHttpResponse { status: Some(http_status(status)), headers, body: String::new() };
    answer(code, facts.label, HttpResponse::DeniedResponse(denied))
}

fn unavailable(outage: &Outage) -> CheckResponse {
    let status = Some(http_status(StatusCode::ServiceUnavailable));
    let failed = DeniedHttpResponse { status, headers: vec![no_store()], body: String::new() };
    answer(tonic::Code::Unavailable, outage.reason.label(), HttpResponse::ErrorResponse(failed))
}

/// An answer of our own. Envoy sends it in place of the service's for every code but OK, which would let the
/// request through.
fn direct(document: &str) -> CheckResponse {
    let headers = vec![
        header("content-type", "application/json"),
        // Scripts of any site may read what anybody may read.
        header("access-control-allow-origin", "*"),
        header("cache-control", "max-age=300"),
    ];
    let status = Some(http_status(StatusCode::Ok));
    let answered = DeniedHttpResponse { status, headers, body: document.to_owned() };
    answer(tonic::Code::PermissionDenied, "answer", HttpResponse::DeniedResponse(answered))
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
            let answer =
                response(&Decision::Deny(Denial { reason: *reason, rule: None, hints: None }), false);
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
    fn an_answer_of_our_own_never_lets_the_request_through() {
        let answer = response(&Decision::Answer("{}".into()), false);
        assert_ne!(answer.status.unwrap().code, 0);
        let Some(HttpResponse::DeniedResponse(answered)) = answer.http_response else { panic!("not ours") };
        assert_eq!((answered.status.unwrap().code, answered.body.as_str()), (200, "{}"));
        let names = answered.headers.iter().map(|header| header.header.as_ref().unwrap().key.as_str());
        assert_eq!(
            names.collect::<Vec<_>>(),
            ["content-type", "access-control-allow-origin", "cache-control"]
        );
    }

    #[test]
    fn every_outage_is_an_error_response_and_not_a_denial() {
        for reason in OutageReason::ALL.iter().copied() {
            let answer = response(&Decision::Unavailable(Outage { reason, rule: None, issuer: None }), false);
            assert_ne!(answer.status.unwrap().code, 0);
            let Some(HttpResponse::ErrorResponse(failed)) = answer.http_response else {
                panic!("{reason:?}")
            };
            assert_eq!(failed.status.unwrap().code, 503);
        }
    }

    #[test]
    fn the_reason_is_named_only_where_the_operator_wants_it() {
        let names = |decision: &Decision, names_reason| {
            let answer = response(decision, names_reason).http_response.unwrap();
            let headers = match answer {
                HttpResponse::DeniedResponse(refused) | HttpResponse::ErrorResponse(refused) => {
                    refused.headers
                }
                HttpResponse::OkResponse(allowed) => allowed.headers,
            };
            let headers = headers.into_iter().filter_map(|option| option.header);
            headers.filter(|h| h.key == "x-gatepost-reason").map(|h| h.value).collect::<Vec<_>>()
        };
        let denial = Denial { reason: DenyReason::NoRule, rule: None, hints: None };
        let outage = Outage { reason: OutageReason::KeysStale, rule: None, issuer: None };
        for (decision, name) in
            [(Decision::Deny(denial), "no_rule"), (Decision::Unavailable(outage), "keys_stale")]
        {
            assert_eq!(names(&decision, true), [name]);
            assert!(names(&decision, false).is_empty());
        }
        assert!(names(&Decision::Answer("{}".into()), true).is_empty());
    }
}
