//! The small service behind Envoy: answers every request with what it saw of it, for people to read.

use std::net::SocketAddr;

use axum::Router;
use axum::http::HeaderName;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::Fault;

/// Ends when it is dropped.
pub(crate) struct Service {
    address: SocketAddr,
    _task: JoinSet<()>,
}

impl Service {
    pub(crate) async fn start() -> Result<Self, Fault> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let app = Router::new().fallback(async |parts: Parts| describe(&parts));
        let mut task = JoinSet::new();
        task.spawn(async move {
            // Its result is never seen: it ends with the task.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, _task: task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A line for the request and one for each header, `name: value`.
fn describe(parts: &Parts) -> String {
    let line = |(name, value): (&HeaderName, _)| format!("  {name}: {}\n", shown(name, value));
    let headers = parts.headers.iter().map(|(name, value)| (name, String::from_utf8_lossy(value.as_bytes())));
    let headers: String = headers.map(line).collect();
    format!("The service saw {} {}\n{headers}", parts.method, parts.uri)
}

/// The token would fill the screen.
fn shown(name: &HeaderName, value: impl AsRef<str>) -> String {
    match value.as_ref().char_indices().nth(20) {
        Some((end, _)) if name == AUTHORIZATION => {
            format!("{}…", value.as_ref().get(..end).unwrap_or_default())
        }
        _ => value.as_ref().to_owned(),
    }
}

/// The headers that [`describe`] tells of.
pub(crate) fn headers(answer: &str) -> impl Iterator<Item = (&str, &str)> {
    answer.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": "))
}
