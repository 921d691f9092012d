//! Fetches one issuer's key set: from its metadata, a URL or a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::header::HeaderValue;
use url::Url;

use super::file::read_bounded;
use super::http::{Fetched, HttpClient, HttpFault, MAX_BODY_BYTES};
use super::metadata::{self, MetadataFault};
use crate::config::{KeyOrigin, TrustedIssuer};
use crate::jose::{KeySet, KeySetFault};

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

    /// The scopes that the issuer's metadata lists (`scopes_supported`, RFC 8414 §2); none where it lists none,
    /// and where the keys come from elsewhere, so that the metadata is not asked.
    ///
    /// # Errors
    /// When the metadata can't be had.
    pub async fn scopes_supported(&mut self) -> Result<Option<Vec<String>>, RefreshFault> {
        if self.trusted.keys != KeyOrigin::Metadata {
            return Ok(None);
        }
        let http = self.client()?;
        Ok(metadata::read(&http, &self.trusted.issuer.identifier, self.loopback).await?.scopes)
    }

    async fn read_file(&self, path: &Path) -> Result<Arc<KeySet>, RefreshFault> {
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
            (None, _) => (self.discover(&http).await?, None, 0),
        };
        match (http.get(&uri, known.as_ref().map(|(etag, _)| etag)).await?, known) {
            (Fetched::NotModified, Some((etag, keys))) => Ok(Found { uri, etag: Some(etag), keys, uses }),
            (Fetched::NotModified, None) => Err(KeySetFault::NotAKeySet.into()),
            (Fetched::Body { bytes, etag }, _) => {
                Ok(Found { uri, etag, keys: Arc::new(self.read_set(&bytes)?), uses })
            }
        }
    }

    async fn discover(&self, http: &HttpClient) -> Result<Url, MetadataFault> {
        let read = metadata::read(http, &self.trusted.issuer.identifier, self.loopback).await?;
        read.jwks_uri.ok_or(MetadataFault::JwksUri(read.location))
    }

    fn client(&mut self) -> Result<HttpClient, HttpFault> {
        if let Some(http) = &self.http {
            return Ok(http.clone());
        }
        let http = HttpClient::new(
            self.trusted.refresh.timeout,
            self.trusted.ca_file.as_deref(),
            self.loopback,
            None,
        )?;
        self.http = Some(http.clone());
        Ok(http)
    }
}
