//! The admin listener: /livez, /readyz, /statusz and /metrics. Read-only, for operators and probes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderName, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::config_status::{ConfigStatus, Shown};
use super::readiness::Readiness;
use crate::authorizer::Authorizer;
use crate::check::revocation::Kind;
use crate::check::trial::Trial;
use crate::clock::Clock;
use crate::config::Auditing;
use crate::jose::UnixTime;
use crate::snapshot::SnapshotCell;
use crate::sources::{FeedSource, IntrospectionSource, IssuerSources, KeySource, Revocations};
use crate::telemetry::audit::AuditStatus;
use crate::telemetry::metrics::{Format, Metrics};

/// What the pages are made from.
#[derive(Debug)]
pub(super) struct Admin {
    pub(super) readiness: Arc<Readiness>,
    pub(super) snapshot: Arc<SnapshotCell>,
    pub(super) config: Arc<ConfigStatus>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    pub(super) authorizer: Arc<Authorizer>,
}

pub(super) fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/statusz", get(statusz))
        .route("/metrics", get(render_metrics))
        .with_state(admin)
}

/// More are not needed by probes and a few scrapers, and must not take the file descriptors of checks.
const MAX_CONNECTIONS: usize = 64;

/// And so does one whose client takes this long to read.
const LONGEST: Duration = Duration::from_secs(120);

/// An idle connection makes room after this.
const IDLE: Duration = Duration::from_secs(15);

/// Serves the pages, for ever; never ends.
pub(super) async fn serve(listener: TcpListener, pages: Router) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await;
        match listener.accept().await {
            Ok((stream, _)) => {
                let pages = TowerToHyperService::new(pages.clone());
                connections.spawn(async move {
                    let serving = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .header_read_timeout(IDLE)
                        .serve_connection(TokioIo::new(stream), pages);
                    // A client that breaks off is the client's affair.
                    let _ = tokio::time::timeout(LONGEST, serving).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::error!(%error, "a connection to the admin listener could not be accepted");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

type Page = ([(HeaderName, &'static str); 1], String);

async fn readyz(State(admin): State<Arc<Admin>>) -> (StatusCode, String) {
    match admin.readiness.check() {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn render_metrics(
    State(admin): State<Arc<Admin>>,
    headers: HeaderMap,
) -> ([(HeaderName, &'static str); 2], String) {
    let accept: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let accept = (!accept.is_empty()).then(|| accept.join(","));
    let format = Format::wanted(accept.as_deref());
    ([(CONTENT_TYPE, format.content_type()), (VARY, "accept")], admin.metrics.render_as(format))
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
        let Shown { rejected_since, problems, restart_needed } = self.config.shown();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "now": now.to_string(),
            "ready": ready.is_ok(),
            "not_ready_because": ready.err(),
            "config": {
                "generation": snapshot.generation,
                "applied_at": snapshot.applied_at.to_string(),
                "rules": snapshot.policy.rules().len(),
                "candidate_rejected": snapshot.candidate_rejected,
                "on_trial": snapshot.trials.iter().map(on_trial).collect::<Vec<_>>(),
                "rejected_since": rejected_since.map(|time| time.to_string()),
                "problems": problems,
                "restart_needed": restart_needed,
            },
            "revocations": snapshot.revocations.as_ref().map(|its| revocations(its.revocations())),
            "audit": audit(&self.authorizer.audit().status(), &snapshot.audit),
            "issuers": snapshot.sources.iter().map(|its| issuer(its, now)).collect::<Vec<_>>(),
        })
    }
}

fn audit(status: &AuditStatus, auditing: &Auditing) -> Value {
    let lines = status.lines.iter().map(|(result, count)| ((*result).to_owned(), json!(count)));
    json!({
        "to": status.to,
        "identities": auditing.identities.key_id().map_or("plain", |_| "hashed"),
        "hash_key": auditing.key.name(),
        "hash_key_id": auditing.identities.key_id(),
        "hash_key_error": auditing.key.fault(),
        "waiting": status.waiting,
        "lines": lines.collect::<Map<_, _>>(),
        "last_error": status.last_error,
    })
}

fn revocations(revocations: &Revocations) -> Value {
    let index = revocations.index();
    let marks = Kind::ALL.into_iter().map(|kind| (kind.name().to_owned(), json!(index.count(kind))));
    json!({
        "stale": revocations.are_stale(),
        "marks": marks.collect::<Map<_, _>>(),
        "feeds": revocations.feeds().map(|feed| revocation_feed(revocations, feed)).collect::<Vec<_>>(),
    })
}

fn revocation_feed(revocations: &Revocations, feed: &FeedSource) -> Value {
    let status = feed.status();
    let named = |counts: BTreeMap<&'static str, u64>| json!(counts);
    json!({
        "name": feed.name(),
        "kind": feed.settings().origin.kind(),
        "phase": status.phase.name(),
        "stale": revocations.is_stale(feed),
        "connections": status.connections,
        "caught_up_at": status.caught_up_at.map(|time| time.to_string()),
        "catch_up_seconds": status.catch_up_took.map(|took| took.as_secs_f64()),
        "last_message_at": status.last_message_at.map(|time| time.to_string()),
        "lag_seconds": status.lag.map(|lag| lag.as_secs_f64()),
        "silent_for_seconds": status.silent_for.map(|silent| silent.as_secs_f64()),
        "applied": named(status.applied.into_iter().map(|(kind, count)| (kind.name(), count)).collect()),
        "repeated": status.repeated,
        "heartbeats": status.heartbeats,
        "refused": named(status.refused.into_iter().map(|(why, count)| (why.name(), count)).collect()),
        "gaps": status.gaps,
        "incomplete_until": status.incomplete_until.map(|time| time.to_string()),
        "last_error": status.last_error,
    })
}

fn on_trial(trial: &Trial) -> Value {
    json!({ "policy": trial.kind.label(), "rules": trial.policy.rules().len() })
}

fn issuer(its: &IssuerSources, now: UnixTime) -> Value {
    let mut shown = issuer_keys(its.keys(), now);
    if let (Some(introspection), Value::Object(members)) = (its.introspection(), &mut shown) {
        members.insert("introspection".to_owned(), issuer_introspection(introspection, now));
    }
    shown
}

fn issuer_introspection(source: &IntrospectionSource, now: UnixTime) -> Value {
    let status = source.status();
    json!({
        "breaker": status.breaker.name(),
        "calls": status.calls,
        "calls_saved": status.cached + status.coalesced,
        "hit_ratio": status.hit_ratio(),
        "served_stale": status.stale,
        "answers_kept": status.kept,
        "last_answer_age_seconds": status.answered_at.map(|time| now.since(time).as_secs()),
        "last_error": status.last_error,
    })
}

fn issuer_keys(source: &KeySource, now: UnixTime) -> Value {
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
