//! What every check sees: one immutable snapshot of one generation, replaced whole.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::check::World;
use crate::check::issuer::{IssuerId, IssuerKeys, Issuers, KnownKeys};
use crate::check::known_tokens::KnownTokens;
use crate::check::policy::{Policy, Reads};
use crate::check::resource::ProtectedResource;
use crate::check::trial::Trial;
use crate::config::{Auditing, CheckLimits, SuspicionSettings};
use crate::jose::UnixTime;
use crate::sources::{KeySink, RevocationSources, Sources};

/// One consistent view of all that an edit of the configuration can change. A check that began with a
/// generation ends with it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Counts the configurations applied since the start, from 1.
    pub generation: u64,
    /// When this configuration was applied.
    pub applied_at: UnixTime,
    /// The rules.
    pub policy: Arc<Policy>,
    /// The service as clients find it.
    pub resource: Option<Arc<ProtectedResource>>,
    /// Policies that are tried out beside them.
    pub trials: Arc<[Trial]>,
    /// Whether there is a candidate policy with problems, which is not tried out.
    pub candidate_rejected: bool,
    /// What all of them read.
    pub reads: Arc<Reads>,
    /// Whom we trust.
    pub issuers: Arc<Issuers>,
    /// Their keys as last read.
    pub keys: KnownKeys,
    /// What can be asked of them.
    pub sources: Arc<Sources>,
    /// The tokens that verified lately; one generation goes on with those of another.
    pub known: Arc<KnownTokens>,
    /// What has been revoked.
    pub revocations: Option<Arc<RevocationSources>>,
    /// Which checks are recorded, and how.
    pub audit: Arc<Auditing>,
    /// What counts as suspicious use.
    pub suspicion: SuspicionSettings,
    /// Bounds on every check.
    pub limits: CheckLimits,
}

impl Snapshot {
    /// The view in the terms of a check.
    #[must_use]
    pub fn world(&self) -> World<'_> {
        World {
            policy: &self.policy,
            resource: self.resource.as_deref(),
            issuers: &self.issuers,
            keys: &self.keys,
            screen: self.revocations.as_ref().map(|revocations| revocations.screen()),
            known: Some(&self.known),
            max_token_bytes: self.limits.max_token_bytes,
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

    /// The current snapshot, to be kept for a while.
    #[must_use]
    pub fn load_full(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts another generation in the place of this one. Its keys are those that its sources know by then.
    pub fn replace(&self, next: &Snapshot) {
        // Sources show their keys before they put them here, so a refresh at this moment is either seen by
        // `known_keys` or comes after, to the new snapshot.
        self.0.rcu(|_| Snapshot { keys: next.sources.known_keys(), ..next.clone() });
    }
}

impl KeySink for SnapshotCell {
    /// Replaces the keys of one issuer and leaves everything else as it is, whoever else is writing. Those of
    /// an issuer that is not in use any more change nothing.
    fn put_keys(&self, id: IssuerId, keys: &IssuerKeys) {
        self.0.rcu(|current| match current.issuers.at(id) {
            Some(_) => {
                Arc::new(Snapshot { keys: current.keys.with(id, keys.clone()), ..Snapshot::clone(current) })
            }
            None => Arc::clone(current),
        });
    }
}
