//! One issuer's key set: fetched, kept fresh, and shown with its age and last error.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use reqwest::header::HeaderValue;
use url::Url;

use super::file::read_bounded;
use super::http::{Fetched, HttpClient, HttpFault, MAX_BODY_BYTES};
use super::metadata::{self, MetadataFault};
use super::refresh::{RefreshGate, Refreshed};
use crate::check::issuer::{IssuerId, IssuerKeys};
use crate::check::{Facts, OutageReason, Plan};
use crate::clock::{Clock, stopwatch};
use crate::config::{KeyOrigin, TrustedIssuer};
use crate::jose::{KeySet, KeySetFault, UnixTime};
use crate::snapshot::SnapshotCell;
use crate::telemetry::metrics::{Metrics, RefreshResult};

/// Why a refresh failed.
#[derive(Debug, thiserror::Error)]
pub enum RefreshFault {
    /// The issuer's metadata can't be used.
    #[error("metadata: {0}")]
    Metadata(#[from] MetadataFault),
    /// The key set can't be had.
    #[error("key set: {0}")]
    Http(#[from] HttpFault),
    /// The file can't be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// What was read is no key set to use.
    #[error("key set: {0}")]
    KeySet(#[from] KeySetFault),
}

/// The time to the next refresh: after failures sooner than usual, so that an issuer that is back is used at
/// once, but each time less soon.
fn pause(interval: Duration, failures: u32) -> Duration {
    match failures {
        0 => interval,
        _ => interval.min(Duration::from_secs(1 << (failures - 1).min(6))),
    }
}

/// What /statusz shows.
#[derive(Clone, Debug, Default)]
pub struct KeyStatus {
    /// When a refresh was last tried.
    pub tried_at: Option<UnixTime>,
    /// Why the last one failed; none when it succeeded.
    pub last_error: Option<String>,
}

/// Fetches one issuer's keys, once for each call.
#[derive(Debug)]
pub struct KeyFetcher {
    trusted: TrustedIssuer,
    loopback: bool,
    http: Option<HttpClient>,
    found: Option<Found>,
}

/// What the last successful fetch teaches the next one.
#[derive(Debug)]
struct Found {
    uri: Url,
    etag: Option<HeaderValue>,
    keys: Arc<KeySet>,
    uses: u32,
}

/// How often a key set is read before the metadata is asked again whether it has moved.
const USES_OF_METADATA: u32 = 10;

impl KeyFetcher {
    /// A fetcher that has not asked yet.
    #[must_use]
    pub fn new(trusted: TrustedIssuer) -> Self {
        let asked = match &trusted.keys {
            KeyOrigin::Uri(uri) => Some(uri.clone()),
            KeyOrigin::Metadata | KeyOrigin::File(_) => Url::parse(&trusted.issuer.identifier).ok(),
        };
        let loopback = asked.as_ref().is_some_and(crate::config::is_loopback);
        Self { trusted, loopback, http: None, found: None }
    }

    /// Fetches the keys.
    ///
    /// # Errors
    /// Why there are none. The next call then starts from the metadata again.
    pub async fn fetch(&mut self) -> Result<Arc<KeySet>, RefreshFault> {
        if let KeyOrigin::File(path) = &self.trusted.keys {
            return self.read_file(path).await;
        }
        let found = self.found.take().filter(|found| found.uses < USES_OF_METADATA);
        match self.fetch_remote(found).await {
            Ok(found) => {
                let keys = Arc::clone(&found.keys);
                self.found = Some(found);
                Ok(keys)
            }
            Err(fault) => {
                // Made again, so that a `ca_file` that was replaced is read.
                self.http = None;
                Err(fault)
            }
        }
    }

    async fn read_file(&self, path: &std::path::Path) -> Result<Arc<KeySet>, RefreshFault> {
        let bytes = read_bounded(path, MAX_BODY_BYTES as u64)
            .await
            .map_err(|error| RefreshFault::File { path: path.to_owned(), error })?;
        Ok(Arc::new(self.read_set(&bytes)?))
    }

    fn read_set(&self, bytes: &[u8]) -> Result<KeySet, KeySetFault> {
        KeySet::read(bytes, &self.trusted.issuer.profile.algorithms)
    }

    async fn fetch_remote(&mut self, found: Option<Found>) -> Result<Found, RefreshFault> {
        let http = self.client()?;
        let (uri, known, uses) = match (found, &self.trusted.keys) {
            (Some(Found { uri, etag, keys, uses }), _) => (uri, etag.map(|etag| (etag, keys)), uses + 1),
            (None, KeyOrigin::Uri(uri)) => (uri.clone(), None, 0),
            (None, _) => {
                (metadata::jwks_uri(&http, &self.trusted.issuer.identifier, self.loopback).await?, None, 0)
            }
        };
        match (http.get(&uri, known.as_ref().map(|(etag, _)| etag)).await?, known) {
            (Fetched::NotModified, Some((etag, keys))) => Ok(Found { uri, etag: Some(etag), keys, uses }),
            (Fetched::NotModified, None) => Err(KeySetFault::NotAKeySet.into()),
            (Fetched::Body { bytes, etag }, _) => {
                Ok(Found { uri, etag, keys: Arc::new(self.read_set(&bytes)?), uses })
            }
        }
    }

    fn client(&mut self) -> Result<HttpClient, HttpFault> {
        if let Some(http) = &self.http {
            return Ok(http.clone());
        }
        let http =
            HttpClient::new(self.trusted.refresh.timeout, self.trusted.ca_file.as_deref(), self.loopback)?;
        self.http = Some(http.clone());
        Ok(http)
    }
}

/// Keeps one issuer's keys fresh.
#[derive(Debug)]
pub struct KeySource {
    id: IssuerId,
    trusted: TrustedIssuer,
    clock: Clock,
    snapshot: Arc<SnapshotCell>,
    metrics: Arc<Metrics>,
    gate: RefreshGate,
    latest: ArcSwapOption<IssuerKeys>,
    status: Mutex<KeyStatus>,
}

impl KeySource {
    /// A source that has nothing yet.
    #[must_use]
    pub fn new(
        id: IssuerId,
        trusted: TrustedIssuer,
        clock: Clock,
        snapshot: Arc<SnapshotCell>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let gate = RefreshGate::new(trusted.refresh.cooldown);
        Self {
            id,
            trusted,
            clock,
            snapshot,
            metrics,
            gate,
            latest: ArcSwapOption::empty(),
            status: Mutex::default(),
        }
    }

    /// Whose keys.
    #[must_use]
    pub fn id(&self) -> IssuerId {
        self.id
    }

    /// Whose keys, and where they come from.
    #[must_use]
    pub fn trusted(&self) -> &TrustedIssuer {
        &self.trusted
    }

    /// The keys as last read.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<IssuerKeys>> {
        self.latest.load_full()
    }

    /// How the last refresh went.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Refreshes for ever; never ends.
    pub async fn run(&self) {
        let mut fetcher = KeyFetcher::new(self.trusted.clone());
        let mut failures = 0;
        loop {
            failures = if self.refresh(&mut fetcher).await { 0 } else { failures + 1 };
            self.gate.due(pause(self.trusted.refresh.interval, failures)).await;
        }
    }

    /// Refreshes once and tells whether it went well.
    async fn refresh(&self, fetcher: &mut KeyFetcher) -> bool {
        self.gate.started();
        let started = stopwatch();
        let result = fetcher.fetch().await;
        let outcome = if result.is_ok() { RefreshResult::Success } else { RefreshResult::Failure };
        self.metrics.jwks_refreshed(&self.trusted.issuer.name, outcome, started.elapsed());
        let succeeded = result.is_ok();
        match result {
            Ok(keys) => self.accept(keys),
            Err(fault) => self.note_failure(&fault),
        }
        self.gate.finished(!succeeded);
        succeeded
    }

    fn accept(&self, set: Arc<KeySet>) {
        let read_at = self.clock.now();
        let from_file = matches!(self.trusted.keys, KeyOrigin::File(_));
        let stale_at = (!from_file).then(|| read_at.plus(self.trusted.refresh.max_stale));
        self.log_change(&set);
        let keys = IssuerKeys { set, read_at, stale_at };
        self.metrics.jwks_keys(&self.trusted.issuer.name, keys.set.keys().len(), read_at);
        self.snapshot.put_keys(self.id, &keys);
        self.latest.store(Some(Arc::new(keys)));
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) =
            KeyStatus { tried_at: Some(read_at), last_error: None };
    }

    fn log_change(&self, set: &KeySet) {
        let labels = |set: &KeySet| set.keys().iter().map(|key| key.label().to_owned()).collect::<Vec<_>>();
        let new = labels(set);
        if self.latest.load().as_ref().is_none_or(|old| labels(&old.set) != new) {
            let skipped: Vec<_> =
                set.skipped().iter().map(|key| format!("{}: {}", key.position, key.fault)).collect();
            tracing::info!(issuer = %self.trusted.issuer.name, keys = new.join(" "), skipped = skipped.join("; "), "issuer keys read");
        }
    }

    fn note_failure(&self, fault: &RefreshFault) {
        let age = self.latest.load().as_ref().map(|keys| self.clock.now().since(keys.read_at));
        let keeps =
            age.map_or("no keys yet".to_owned(), |age| format!("last good keys, {} s old", age.as_secs()));
        tracing::warn!(issuer = %self.trusted.issuer.name, error = %fault, serving = keeps, "issuer keys could not be read");
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) =
            KeyStatus { tried_at: Some(self.clock.now()), last_error: Some(fault.to_string()) };
    }

    /// Asks the issuer because a plan met a key that is not known, and tells what is known then: as soon as
    /// the key is there, whichever refresh brought it.
    pub(super) async fn fresh_keys(&self, plan: &Plan<'_>, now: UnixTime) -> Facts {
        let answered = || self.usable(now).filter(|known| plan.is_answered_by(&known.set)).is_some();
        let refreshed = self.gate.ask(answered).await;
        let Some(known) = self.latest() else { return Facts::Missing(OutageReason::KeysMissing) };
        if self.usable(now).is_none() {
            return Facts::Missing(OutageReason::KeysStale);
        }
        match refreshed {
            // The key may be a new one that we could not hear of.
            Refreshed::Failed if !plan.is_answered_by(&known.set) => {
                Facts::Missing(OutageReason::KeysUnreachable)
            }
            Refreshed::Failed | Refreshed::Succeeded => Facts::Keys(Arc::clone(&known.set)),
        }
    }

    fn usable(&self, now: UnixTime) -> Option<Arc<IssuerKeys>> {
        self.latest().filter(|known| known.stale_at.is_none_or(|stale_at| now < stale_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_retried_sooner_than_the_interval_and_then_less_often() {
        let minute = Duration::from_secs(60);
        let pauses: Vec<_> = (0..9).map(|failures| pause(minute, failures).as_secs()).collect();
        assert_eq!(pauses, [60, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(minute * 60, u32::MAX), Duration::from_secs(64));
        assert_eq!(pause(Duration::from_millis(500), 1), Duration::from_millis(500));
    }
}
