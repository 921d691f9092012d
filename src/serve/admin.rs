//! The admin listener: /livez, /readyz, /statusz and /metrics. Read-only, for operators and probes.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::routing::get;
use serde_json::{Value, json};

use super::readiness::Readiness;
use crate::clock::Clock;
use crate::jose::UnixTime;
use crate::snapshot::SnapshotCell;
use crate::sources::{KeySource, Sources};
use crate::telemetry::metrics::{self, Metrics};

/// What the pages are made from.
#[derive(Debug)]
pub(super) struct Admin {
    pub(super) readiness: Arc<Readiness>,
    pub(super) snapshot: Arc<SnapshotCell>,
    pub(super) sources: Arc<Sources>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
}

pub(super) fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/statusz", get(statusz))
        .route("/metrics", get(render_metrics))
        .with_state(admin)
}

type Page = ([(HeaderName, &'static str); 1], String);

async fn readyz(State(admin): State<Arc<Admin>>) -> (StatusCode, String) {
    match admin.readiness.check() {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn render_metrics(State(admin): State<Arc<Admin>>) -> Page {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], admin.metrics.render())
}

async fn statusz(State(admin): State<Arc<Admin>>) -> Page {
    let text = format!("{:#}\n", admin.status());
    ([(CONTENT_TYPE, "application/json")], text)
}

impl Admin {
    fn status(&self) -> Value {
        let now = self.clock.now();
        let snapshot = self.snapshot.load();
        let ready = self.readiness.check();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "now": now.to_string(),
            "ready": ready.is_ok(),
            "not_ready_because": ready.err(),
            "config": {
                "generation": snapshot.generation,
                "applied_at": snapshot.applied_at.to_string(),
                "rules": snapshot.policy.rules.len(),
            },
            "issuers": self.sources.all_keys().map(|source| issuer(source, now)).collect::<Vec<_>>(),
        })
    }
}

fn issuer(source: &KeySource, now: UnixTime) -> Value {
    let trusted = source.trusted();
    let status = source.status();
    let latest = source.latest();
    let set = latest.as_ref().map(|keys| &keys.set);
    let skipped = set.into_iter().flat_map(|set| set.skipped());
    json!({
        "name": trusted.issuer.name.as_ref(),
        "issuer": trusted.issuer.identifier,
        "optional": trusted.optional,
        "key_ids": set.into_iter().flat_map(|set| set.keys()).map(|key| key.label()).collect::<Vec<_>>(),
        "skipped_keys": skipped.map(|key| format!("{}: {}", key.position, key.fault)).collect::<Vec<_>>(),
        "keys_read_at": latest.as_ref().map(|keys| keys.read_at.to_string()),
        "keys_age_seconds": latest.as_ref().map(|keys| now.since(keys.read_at).as_secs()),
        "keys_stale_at": latest.as_ref().and_then(|keys| keys.stale_at).map(|time| time.to_string()),
        "last_tried_at": status.tried_at.map(|time| time.to_string()),
        "last_error": status.last_error,
    })
}
