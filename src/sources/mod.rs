//! Facts from outside: the issuers' keys, kept fresh in the background, and what they say of tokens.
//!
//! A source wakes at its interval, or when a check meets something unknown; it keeps the last good value and
//! shows how old it is. [`gather`] is the only code that waits during a check.

mod file;
mod gather;
mod http;
mod introspection;
mod jwks;
mod key_fetcher;
mod metadata;
mod refresh;

use std::sync::Arc;

pub use gather::gather;
pub use http::{HttpClient, HttpFault};
pub use introspection::{BreakerState, CallFault, IntrospectionSource, IntrospectionStatus, Introspector};
pub use jwks::{KeySource, KeyStatus};
pub use key_fetcher::{KeyFetcher, RefreshFault};

use crate::check::issuer::IssuerId;

/// The sources of one configuration.
#[derive(Debug, Default)]
pub struct Sources {
    keys: Vec<Arc<KeySource>>,
    introspection: Vec<Arc<IntrospectionSource>>,
}

impl Sources {
    /// From one key source for each issuer, and one for each that introspects.
    #[must_use]
    pub fn new(keys: Vec<Arc<KeySource>>, introspection: Vec<Arc<IntrospectionSource>>) -> Self {
        Self { keys, introspection }
    }

    /// The introspection source of this issuer.
    #[must_use]
    pub fn introspection(&self, id: IssuerId) -> Option<&Arc<IntrospectionSource>> {
        self.introspection.iter().find(|source| source.id() == id)
    }

    /// All introspection sources.
    pub fn all_introspection(&self) -> impl Iterator<Item = &Arc<IntrospectionSource>> {
        self.introspection.iter()
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
