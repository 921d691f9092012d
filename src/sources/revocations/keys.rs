//! The keys that sign a feed's messages: read when they are first needed, and again for a key that is not known,
//! but not for each of a flood of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::fault::FeedFault;
use crate::config::SignerKeys;
use crate::jose::{Algorithm, KeySet};
use crate::sources::file::read_bounded;
use crate::sources::http::{Fetched, HttpClient, MAX_BODY_BYTES};
use crate::sources::key_fetcher::KeyFetcher;

/// How long keys serve before they are read again, so that one that was taken away stops counting.
const REFRESH: Duration = Duration::from_secs(300);

/// How many unknown keys in a row may make us read again: rotations come in pairs, forgeries in floods.
const BURST: u32 = 4;

/// How often one more may.
const COOLDOWN: Duration = Duration::from_secs(1);

/// The keys of one signer.
#[derive(Debug)]
pub(super) struct KeyRing(Mutex<Ring>);

#[derive(Debug)]
struct Ring {
    origin: Origin,
    held: Option<(Arc<KeySet>, Instant)>,
    left: u32,
    since: Instant,
}

#[derive(Debug)]
enum Origin {
    File(PathBuf),
    Issuer(Box<KeyFetcher>),
    Uri(HttpClient, Url),
}

impl KeyRing {
    pub(super) fn new(keys: &SignerKeys) -> Self {
        Self::from(match keys {
            SignerKeys::File(path) => Origin::File(path.clone()),
            SignerKeys::Issuer(trusted) => {
                Origin::Issuer(Box::new(KeyFetcher::new(trusted.as_ref().clone())))
            }
        })
    }

    pub(super) fn at(http: HttpClient, uri: Url) -> Self {
        Self::from(Origin::Uri(http, uri))
    }

    fn from(origin: Origin) -> Self {
        Self(Mutex::new(Ring { origin, held: None, left: BURST, since: Instant::now() }))
    }

    /// The keys, read again when they have served long enough; known ones stay good while that fails.
    ///
    /// # Errors
    /// When none were ever had: what they sign can't be judged then, and must come again.
    pub(super) async fn keys(&self) -> Result<Arc<KeySet>, FeedFault> {
        let mut ring = self.0.lock().await;
        match ring.held.clone() {
            Some((keys, read_at)) if read_at.elapsed() < REFRESH => Ok(keys),
            Some((keys, _)) => Ok(ring.read().await.unwrap_or(keys)),
            None => ring.read().await,
        }
    }

    /// The keys as they are now, for one that those held lack; none when they were read too often of late, or
    /// can't be.
    pub(super) async fn now(&self) -> Option<Arc<KeySet>> {
        let mut ring = self.0.lock().await;
        if !ring.may_read_again() {
            return None;
        }
        ring.read().await.ok()
    }
}

impl Ring {
    async fn read(&mut self) -> Result<Arc<KeySet>, FeedFault> {
        let keys = self.origin.read().await?;
        self.held = Some((Arc::clone(&keys), Instant::now()));
        Ok(keys)
    }

    fn may_read_again(&mut self) -> bool {
        let grown = self.since.elapsed().as_secs() / COOLDOWN.as_secs();
        if grown > 0 {
            self.left = self.left.saturating_add(u32::try_from(grown).unwrap_or(BURST)).min(BURST);
            self.since = Instant::now();
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

impl Origin {
    async fn read(&mut self) -> Result<Arc<KeySet>, FeedFault> {
        let fault = |why: String| FeedFault::Keys(why);
        match self {
            Self::File(path) => read_set(&read_file(path).await?),
            Self::Issuer(fetcher) => fetcher.fetch().await.map_err(|error| fault(error.to_string())),
            Self::Uri(http, uri) => match http.get(uri, None).await {
                Ok(Fetched::Body { bytes, .. }) => read_set(&bytes),
                Ok(Fetched::NotModified) => Err(fault(format!("{uri} answered 304 to a first request"))),
                Err(error) => Err(fault(error.to_string())),
            },
        }
    }
}

async fn read_file(path: &Path) -> Result<Vec<u8>, FeedFault> {
    let read = read_bounded(path, MAX_BODY_BYTES as u64).await;
    read.map_err(|error| FeedFault::Keys(format!("{}: {error}", path.display())))
}

fn read_set(bytes: &[u8]) -> Result<Arc<KeySet>, FeedFault> {
    KeySet::read(bytes, &Algorithm::ALL).map(Arc::new).map_err(|fault| FeedFault::Keys(fault.to_string()))
}
