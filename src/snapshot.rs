//! What every check sees: one immutable snapshot, replaced whole.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::check::World;
use crate::check::issuer::{IssuerId, IssuerKeys, Issuers, KnownKeys};
use crate::check::policy::Policy;
use crate::jose::UnixTime;

/// One consistent view of policy, issuers and their keys.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Counts the configurations applied since the start, from 1.
    pub generation: u64,
    /// When this configuration was applied.
    pub applied_at: UnixTime,
    /// The rules.
    pub policy: Arc<Policy>,
    /// Whom we trust.
    pub issuers: Arc<Issuers>,
    /// Their keys as last read.
    pub keys: KnownKeys,
    /// The longest token that is looked at, in bytes.
    pub max_token_bytes: usize,
}

impl Snapshot {
    /// The view in the terms of a check.
    #[must_use]
    pub fn world(&self) -> World<'_> {
        World {
            policy: &self.policy,
            issuers: &self.issuers,
            keys: &self.keys,
            max_token_bytes: self.max_token_bytes,
        }
    }
}

/// Holds the current snapshot. Reading takes no lock.
#[derive(Debug)]
pub struct SnapshotCell(ArcSwap<Snapshot>);

impl SnapshotCell {
    /// Starts with this snapshot.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// The current snapshot; load it once for each check.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.0.load()
    }

    /// Replaces the keys of one issuer and leaves everything else as it is, whoever else is writing.
    pub fn put_keys(&self, id: IssuerId, keys: &IssuerKeys) {
        self.0.rcu(|current| Snapshot {
            keys: current.keys.with(id, keys.clone()),
            ..Snapshot::clone(current)
        });
    }
}
