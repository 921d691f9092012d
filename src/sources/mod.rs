//! Facts from outside: the issuers' keys, kept fresh in the background.
//!
//! A source wakes at its interval, or when a check meets something unknown; it keeps the last good value and
//! shows how old it is. [`gather`] is the only code that waits during a check.

mod file;
mod gather;
mod http;
mod jwks;
mod metadata;
mod refresh;

use std::sync::Arc;

pub use gather::gather;
pub use http::{HttpClient, HttpFault};
pub use jwks::{KeyFetcher, KeySource, KeyStatus, RefreshFault};

use crate::check::issuer::IssuerId;

/// The sources of one configuration.
#[derive(Debug, Default)]
pub struct Sources {
    keys: Vec<Arc<KeySource>>,
}

impl Sources {
    /// From one key source for each issuer, in the order of the issuers.
    #[must_use]
    pub fn new(keys: Vec<Arc<KeySource>>) -> Self {
        Self { keys }
    }

    /// The key source of this issuer.
    #[must_use]
    pub fn keys(&self, id: IssuerId) -> Option<&Arc<KeySource>> {
        self.keys.iter().find(|source| source.id() == id)
    }

    /// All key sources.
    pub fn all_keys(&self) -> impl Iterator<Item = &Arc<KeySource>> {
        self.keys.iter()
    }
}
