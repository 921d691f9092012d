//! The gRPC service: one question, one answer. Whatever goes wrong here becomes a gRPC error, which Envoy
//! treats as a failure of ours and never as an allow.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::{Request, Response, Status};

use super::proto::envoy::service::auth::v3::authorization_server::Authorization;
use super::proto::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use super::{request, response};
use crate::authorizer::{Authorizer, Caller, Checked};

/// Answers Envoy.
#[derive(Clone, Debug)]
pub struct AuthorizationService {
    authorizer: Arc<Authorizer>,
    in_flight: InFlight,
}

/// How many checks are under way.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<AtomicUsize>);

/// One check under way, until it is dropped.
struct Entered<'a>(&'a AtomicUsize);

impl From<Arc<AtomicUsize>> for InFlight {
    /// Counts there.
    fn from(count: Arc<AtomicUsize>) -> Self {
        Self(count)
    }
}

impl InFlight {
    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn enter(&self) -> Entered<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Entered(&self.0)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl AuthorizationService {
    /// A service that asks this authorizer, and counts the checks under way.
    #[must_use]
    pub fn new(authorizer: Arc<Authorizer>, in_flight: InFlight) -> Self {
        Self { authorizer, in_flight }
    }

    async fn answer(&self, request: Request<CheckRequest>) -> CheckResponse {
        let (metadata, _, question) = request.into_parts();
        let input = request::input(question);
        let within = grpc_timeout(&metadata);
        let Checked { decision, names_reason } =
            self.authorizer.check(&input, within, caller(&metadata)).await;
        response::response(&decision, names_reason)
    }
}

#[tonic::async_trait]
impl Authorization for AuthorizationService {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let _in_flight = self.in_flight.enter();
        match AssertUnwindSafe(self.answer(request)).catch_unwind().await {
            Ok(answer) => Ok(Response::new(answer)),
            Err(_) => {
                tracing::error!(
                    "a check panicked: this is a bug in gatepost, and the request was not let through"
                );
                Err(Status::internal("the check failed"))
            }
        }
    }
}

/// The span in which Envoy asks, where it is tracing.
fn caller(metadata: &MetadataMap) -> Caller<'_> {
    let text = |name| metadata.get(name).map(AsciiMetadataValue::as_bytes);
    Caller { traceparent: text("traceparent"), tracestate: text("tracestate") }
}

/// Nine tenths of what the caller gives us (gRPC over HTTP/2, "Timeout"), so that our answer still arrives.
fn grpc_timeout(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok()?;
    let timeout = match unit {
        "H" => Duration::from_secs(amount.checked_mul(3600)?),
        "M" => Duration::from_secs(amount.checked_mul(60)?),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    };
    Some(timeout / 10 * 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_callers_deadline() {
        let read = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().unwrap());
            grpc_timeout(&metadata)
        };
        assert_eq!(read("200m"), Some(Duration::from_millis(180)));
        assert_eq!(read("1S"), Some(Duration::from_millis(900)));
        assert_eq!(read("1000000u"), Some(Duration::from_millis(900)));
        for text in ["", "m", "1", "1x", "-1m", "99999999999999999999S", "é"] {
            if let Ok(value) = text.parse::<tonic::metadata::MetadataValue<_>>() {
                let mut metadata = MetadataMap::new();
                metadata.insert("grpc-timeout", value);
                assert_eq!(grpc_timeout(&metadata), None, "{text}");
            }
        }
        assert_eq!(grpc_timeout(&MetadataMap::new()), None);
    }
}
