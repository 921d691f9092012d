//! From the feeds of one generation to those of the next. What was revoked stays so.

use std::sync::Arc;

use super::super::usage::Usage;
use super::Revocations;
use crate::check::revocation::{Index, Screen};
use crate::clock::Clock;
use crate::config::RevocationSettings;
use crate::telemetry::metrics::RevocationMetrics;

/// The feeds of one configuration. Whoever holds this uses them: their tasks end with the last one that does.
#[derive(Debug)]
pub struct RevocationSources {
    revocations: Arc<Revocations>,
    /// The marks of the feeds before. They stay in force: a feed may have forgotten what it once said.
    former: Vec<Arc<Index>>,
    usage: Usage,
}

impl RevocationSources {
    /// The feeds for these settings: those in use, if the settings are the same, and else new ones.
    #[must_use]
    pub fn succeed(
        former: Option<&Arc<Self>>,
        settings: Option<RevocationSettings>,
        clock: Clock,
        metrics: &RevocationMetrics,
    ) -> Option<Arc<Self>> {
        let settings = settings?;
        if let Some(same) = former.filter(|former| *former.revocations.settings() == settings) {
            return Some(Arc::clone(same));
        }
        let mut revocations = Revocations::new(settings, clock, metrics.clone());
        if let Some(former) = former {
            revocations = revocations.after(&former.revocations);
        }
        Some(Arc::new(Self {
            revocations: Arc::new(revocations),
            former: former.map(|former| former.indexes()).unwrap_or_default(),
            usage: Usage::default(),
        }))
    }

    /// The feeds and their marks.
    #[must_use]
    pub fn revocations(&self) -> &Arc<Revocations> {
        &self.revocations
    }

    /// All that a check is screened against now.
    fn indexes(&self) -> Vec<Arc<Index>> {
        let former = self.former.iter().filter(|index| !index.is_empty());
        former.chain([self.revocations.index()]).map(Arc::clone).collect()
    }

    /// What a check is screened against now.
    #[must_use]
    pub fn screen(&self) -> Screen<'_> {
        let revocations = &self.revocations;
        Screen {
            index: revocations.index(),
            former: &self.former,
            stale: revocations.are_stale(),
            terms: &revocations.settings().terms,
        }
    }

    /// True the first time: then the tasks are to be started.
    pub fn begin(&self) -> bool {
        self.usage.begin()
    }

    /// Ends when nobody uses the feeds any longer.
    pub fn unused(&self) -> impl Future<Output = ()> + Send + use<> {
        self.usage.over()
    }
}
