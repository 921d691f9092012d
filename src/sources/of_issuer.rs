//! All sources of one issuer's configuration, which begin and end together.

use std::sync::{Arc, Weak};

use super::usage::Usage;
use super::{IntrospectionSource, Introspector, KeySink, KeySource};
use crate::check::issuer::IssuerId;
use crate::clock::Clock;
use crate::config::TrustedIssuer;
use crate::telemetry::metrics::Metrics;

/// What every source needs from the sidecar.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// What time it is.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where keys go.
    pub sink: Weak<dyn KeySink>,
}

/// The sources of one issuer. Whoever holds this uses them: their tasks end with the last one that does, which
/// may be a check that began before the issuer's configuration was replaced.
#[derive(Debug)]
pub struct IssuerSources {
    id: IssuerId,
    keys: Arc<KeySource>,
    introspection: Option<Arc<IntrospectionSource>>,
    usage: Usage,
}

impl IssuerSources {
    /// Sources that have asked nothing yet.
    #[must_use]
    pub fn new(id: IssuerId, trusted: TrustedIssuer, around: &Surroundings) -> Self {
        let Surroundings { clock, metrics, sink } = around.clone();
        metrics.issuers().follow(&trusted.issuer.name, trusted.introspection.is_some());
        let keys =
            Arc::new(KeySource::new(id, trusted.clone(), clock, Weak::clone(&sink), Arc::clone(&metrics)));
        let introspection = trusted.introspection.clone().map(|settings| {
            let introspector =
                Introspector::new(trusted.clone(), settings.clone(), clock, Some(Arc::clone(&keys)));
            Arc::new(IntrospectionSource::new(id, trusted, settings, introspector, clock, metrics))
        });
        Self { id, keys, introspection, usage: Usage::default() }
    }

    /// Whose they are.
    #[must_use]
    pub fn id(&self) -> IssuerId {
        self.id
    }

    /// Whose they are, and how it is asked.
    #[must_use]
    pub fn trusted(&self) -> &TrustedIssuer {
        self.keys.trusted()
    }

    /// Its keys.
    #[must_use]
    pub fn keys(&self) -> &Arc<KeySource> {
        &self.keys
    }

    /// What it says of tokens, where it is asked.
    #[must_use]
    pub fn introspection(&self) -> Option<&Arc<IntrospectionSource>> {
        self.introspection.as_ref()
    }

    /// True the first time: then the tasks are to be started.
    pub fn begin(&self) -> bool {
        self.usage.begin()
    }

    /// Ends when nobody uses the sources any longer.
    pub fn unused(&self) -> impl Future<Output = ()> + Send + use<> {
        self.usage.over()
    }
}
