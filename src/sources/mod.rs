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
mod named_files;
mod of_issuer;
mod propagation;
mod refresh;
mod revocations;
mod succession;
mod usage;

use std::sync::Arc;

pub use gather::gather;
pub use http::{HttpClient, HttpFault};
pub use introspection::{BreakerState, CallFault, IntrospectionSource, IntrospectionStatus, Introspector};
pub use jwks::{KeySink, KeySource, KeyStatus};
pub use key_fetcher::{KeyFetcher, RefreshFault};
pub use named_files::{FileFault, unusable_collector_files, unusable_files};
pub use of_issuer::{IssuerSources, Surroundings};
pub use revocations::{
    FeedFault, FeedPhase, FeedSource, FeedStatus, Position, PublishFault, Receipt, Refusal,
    RevocationSources, Revocations, Unwritable, may_publish, publish,
};
pub use succession::Succession;

use crate::check::issuer::{IssuerId, Issuers, KnownKeys};

/// The sources of one generation. An issuer whose configuration is the same in the next keeps its own.
#[derive(Debug, Default)]
pub struct Sources {
    issuers: Vec<Arc<IssuerSources>>,
    /// How many ids were given.
    numbered: u64,
}

impl Sources {
    /// Those of each issuer, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<IssuerSources>> {
        self.issuers.iter()
    }

    /// Whom they are about.
    #[must_use]
    pub fn issuers(&self) -> Issuers {
        self.iter().map(|its| (its.id(), its.trusted().issuer.clone())).collect()
    }

    /// The keys of all of them, as last read.
    #[must_use]
    pub fn known_keys(&self) -> KnownKeys {
        self.iter().filter_map(|its| Some((its.id(), its.keys().latest()?.as_ref().clone()))).collect()
    }

    /// The introspection source of this issuer.
    #[must_use]
    pub fn introspection(&self, id: IssuerId) -> Option<&Arc<IntrospectionSource>> {
        self.of(id)?.introspection()
    }

    /// The key source of this issuer.
    #[must_use]
    pub fn keys(&self, id: IssuerId) -> Option<&Arc<KeySource>> {
        self.of(id).map(|its| its.keys())
    }

    fn of(&self, id: IssuerId) -> Option<&Arc<IssuerSources>> {
        self.iter().find(|its| its.id() == id)
    }
}
