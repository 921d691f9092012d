//! The service behind Envoy: answers every request with what it saw of it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::IntoResponse;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::Result;
use crate::error::Doing as _;

/// A service on HTTP/1.1 that answers 200 with `{"method", "target", "headers": [[name, value], …]}`: the
/// target as it came, query included; header names in lower case, repeats kept.
pub struct Upstream {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
    said: Arc<Mutex<HeaderMap>>,
    _task: JoinSet<()>,
}

impl Upstream {
    /// Starts to listen at a port the system chooses.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.doing(|| "cannot start the upstream".into())?;
        let address = listener.local_addr().doing(|| "cannot start the upstream".into())?;
        let requests = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&requests);
        let said = Arc::new(Mutex::new(HeaderMap::new()));
        let saying = Arc::clone(&said);
        let app = Router::new().fallback(async move |parts: Parts| {
            seen.fetch_add(1, Relaxed);
            (saying.lock().unwrap_or_else(PoisonError::into_inner).clone(), describe(&parts))
        });
        let mut task = JoinSet::new();
        task.spawn(async move {
            // Its result is never seen: it ends with the task.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, requests, said, _task: task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a header to all its answers from here on.
    ///
    /// # Panics
    /// When it is no header.
    pub fn says(&self, name: &'static str, value: &'static str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }

    /// How many requests have reached it.
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }
}

fn describe(parts: &Parts) -> impl IntoResponse + use<> {
    let headers: Vec<_> = parts
        .headers
        .iter()
        .map(|(name, value)| [name.as_str().into(), String::from_utf8_lossy(value.as_bytes())])
        .collect();
    let seen =
        json!({ "method": parts.method.as_str(), "target": parts.uri.to_string(), "headers": headers });
    ([(CONTENT_TYPE, "application/json")], seen.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request;

    #[tokio::test]
    async fn tells_what_it_saw_byte_for_byte_and_counts() {
        let upstream = Upstream::start().await.unwrap();
        let request = Request::get("//a/%2e%2e/b?c=%2F").header("x_a", "1").header("x_a", "2");
        let seen = request.send(upstream.address()).await.unwrap().json().unwrap();
        assert_eq!(seen["target"], "//a/%2e%2e/b?c=%2F");
        let headers = seen["headers"].as_array().unwrap();
        assert_eq!(headers.iter().filter(|header| header[0] == "x_a").count(), 2);
        assert_eq!(upstream.requests(), 1);
    }
}
