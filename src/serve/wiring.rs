//! Turns a configuration into the parts that decide checks. `explain` wires the same parts as the server.

use std::sync::Arc;

use super::driver::Driver;
use crate::authorizer::Authorizer;
use crate::check::issuer::{Issuers, KnownKeys};
use crate::clock::Clock;
use crate::config::Config;
use crate::snapshot::{Snapshot, SnapshotCell};
use crate::sources::{IntrospectionSource, Introspector, KeySource, Sources};
use crate::telemetry::metrics::Metrics;

/// Everything that a configuration becomes, but for the listeners.
#[derive(Debug)]
pub struct Wiring {
    /// Answers checks.
    pub authorizer: Arc<Authorizer>,
    /// What it knows from outside.
    pub sources: Arc<Sources>,
    /// What it sees.
    pub snapshot: Arc<SnapshotCell>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// What time it is.
    pub clock: Clock,
}

impl Wiring {
    /// Wires a configuration; nothing runs yet.
    #[must_use]
    pub fn new(config: Config, clock: Clock) -> Self {
        let metrics = Arc::new(Metrics::new());
        let Config { issuers: trusted, policy, check, .. } = config;
        let issuers = Arc::new(Issuers::new(trusted.iter().map(|trusted| trusted.issuer.clone()).collect()));
        let generation = 1;
        metrics.configured(generation);
        let snapshot = Arc::new(SnapshotCell::new(Snapshot {
            generation,
            applied_at: clock.now(),
            policy: Arc::new(policy),
            issuers: Arc::clone(&issuers),
            keys: KnownKeys::default(),
            max_token_bytes: check.max_token_bytes,
        }));
        let keys = issuers.iter().zip(trusted).map(|((id, _), trusted)| {
            Arc::new(KeySource::new(id, trusted, clock, Arc::clone(&snapshot), Arc::clone(&metrics)))
        });
        let keys: Vec<_> = keys.collect();
        let introspection = keys.iter().filter_map(|keys| introspection(keys, clock, &metrics)).collect();
        let sources = Arc::new(Sources::new(keys, introspection));
        let authorizer = Authorizer::new(
            Arc::clone(&snapshot),
            Arc::clone(&sources),
            Arc::clone(&metrics),
            clock,
            check.deadline,
        );
        Self { authorizer: Arc::new(authorizer), sources, snapshot, metrics, clock }
    }

    /// Starts the background tasks of the sources.
    pub(crate) fn drive(&self, driver: &mut Driver) {
        for source in self.sources.all_keys() {
            let source = Arc::clone(source);
            driver.spawn("issuer keys", async move { source.run().await });
        }
        for source in self.sources.all_introspection() {
            let source = Arc::clone(source);
            driver.spawn("introspection", async move { source.run().await });
        }
    }
}

fn introspection(
    keys: &Arc<KeySource>,
    clock: Clock,
    metrics: &Arc<Metrics>,
) -> Option<Arc<IntrospectionSource>> {
    let trusted = keys.trusted().clone();
    let settings = trusted.introspection.clone()?;
    let introspector = Introspector::new(trusted.clone(), settings.clone(), clock, Some(Arc::clone(keys)));
    let metrics = Arc::clone(metrics);
    Some(Arc::new(IntrospectionSource::new(keys.id(), trusted, settings, introspector, clock, metrics)))
}
