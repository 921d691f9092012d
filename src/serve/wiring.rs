//! Turns a configuration into the parts that decide checks, and another one into their next generation.
//! `explain` wires the same parts as the server.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::driver::Driver;
use super::feeds_seen::FeedsInUse;
use crate::authorizer::Authorizer;
use crate::check::issuer::KnownKeys;
use crate::check::known_tokens::KnownTokens;
use crate::check::policy::{Policy, Reads};
use crate::check::record::Identities;
use crate::clock::Clock;
use crate::config::{Auditing, Config, TelemetrySettings, of_this_process};
use crate::snapshot::{Snapshot, SnapshotCell};
use crate::sources::{KeySink, RevocationSources, Sources, Succession, Surroundings};
use crate::telemetry::audit::{AuditWriter, audit};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::otlp::{self, Exporters, Flusher};

/// Everything that a configuration becomes, but for the listeners.
#[derive(Debug)]
pub struct Wiring {
    /// Answers checks.
    pub authorizer: Arc<Authorizer>,
    /// What it sees.
    pub snapshot: Arc<SnapshotCell>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// What time it is.
    pub clock: Clock,
    writer: Mutex<Option<AuditWriter>>,
    /// How names are written where no key is configured.
    of_process: Identities,
    telemetry: TelemetrySettings,
    exporters: Mutex<Option<Exporters>>,
    flusher: Flusher,
}

impl Wiring {
    /// Wires a configuration, generation 1; nothing runs yet.
    #[must_use]
    pub fn new(config: Config, clock: Clock) -> Self {
        let unconfigured = unconfigured(&config, clock);
        let metrics = Metrics::new().with_known_tokens(&unconfigured.known);
        let snapshot = Arc::new(SnapshotCell::new(unconfigured));
        let metrics = Arc::new(metrics.with_feeds(FeedsInUse::of(&snapshot)));
        let (audit, writer) = audit(&metrics, config.audit.to.clone());
        let authorizer = Authorizer::new(Arc::clone(&snapshot), Arc::clone(&metrics), audit, clock);
        let telemetry = config.telemetry.clone();
        let exports = telemetry.otlp.as_ref().map(|otlp| otlp::prepare(otlp, &metrics, clock));
        let (tracer, exporters, flusher) = exports.unwrap_or_default();
        let authorizer = authorizer.traced_by(tracer);
        let writer = Mutex::new(Some(writer));
        let wiring = Self {
            authorizer: Arc::new(authorizer),
            snapshot,
            metrics,
            clock,
            writer,
            of_process: of_this_process(),
            telemetry,
            exporters: Mutex::new(Some(exporters)),
            flusher,
        };
        wiring.apply(config);
        wiring
    }

    /// What writes the audit log, once.
    pub(crate) fn audit_writer(&self) -> Option<AuditWriter> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Where telemetry is pushed, until the process ends.
    pub(crate) fn telemetry(&self) -> &TelemetrySettings {
        &self.telemetry
    }

    /// What pushes telemetry, once.
    pub(crate) fn exporters(&self) -> Option<Exporters> {
        self.exporters.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Has the telemetry sent that there is now, but does not wait for it long.
    pub(crate) async fn flush_telemetry(&self) {
        self.flusher.flush().await;
    }

    /// Replaces the generation in use by this configuration, and says how the issuers differ. Checks under way
    /// end with what they began with. [`Wiring::drive`] then starts what is new.
    pub(crate) fn apply(&self, config: Config) -> Succession {
        let Config {
            issuers,
            revocation,
            resource,
            policy,
            trials,
            candidate_rejected,
            check,
            audit,
            fingerprint,
            suspicion,
            ..
        } = config;
        let current = self.snapshot.load();
        let succession = current.sources.succeed(issuers, &self.surroundings());
        let sources = Arc::clone(&succession.sources);
        let reads = Reads::of([&policy].into_iter().chain(trials.iter().map(|trial| &trial.policy)));
        let former = current.revocations.as_ref();
        let revocations =
            RevocationSources::succeed(former, revocation, self.clock, self.metrics.revocations());
        self.metrics.rules().follow(policy.rules());
        let audit = Auditing::new(audit, &policy, &self.of_process);
        if current.generation == 0 || current.audit.key != audit.key {
            audit.announce();
        }
        self.authorizer.audit().send_to(&audit.settings.to);
        current.known.resize(check.max_known_bytes);
        let next = Snapshot {
            generation: current.generation + 1,
            applied_at: self.clock.now(),
            policy: Arc::new(policy),
            trials: trials.into(),
            candidate_rejected,
            reads: Arc::new(reads),
            resource: resource.map(Arc::new),
            issuers: Arc::new(sources.issuers()),
            keys: sources.known_keys(),
            sources,
            known: Arc::clone(&current.known),
            revocations,
            audit: Arc::new(audit),
            suspicion,
            limits: check,
        };
        self.snapshot.replace(&next);
        self.metrics.config().applied(next.generation, next.applied_at);
        self.metrics.config().candidate(candidate_rejected);
        self.metrics.config().digest(&fingerprint);
        succession
    }

    /// Starts the background tasks of the sources that have none yet. Those of sources that are not used any
    /// longer end by themselves.
    pub(crate) fn drive(&self, driver: &mut Driver) {
        self.drive_revocations(driver);
        for its in self.snapshot.load().sources.iter().filter(|its| its.begin()) {
            let source = Arc::clone(its.keys());
            driver.spawn_until(its.unused(), "issuer keys", async move { source.run().await });
            if let Some(source) = its.introspection().map(Arc::clone) {
                driver.spawn_until(its.unused(), "introspection", async move { source.run().await });
            }
        }
    }

    fn drive_revocations(&self, driver: &mut Driver) {
        let snapshot = self.snapshot.load();
        let Some(its) = snapshot.revocations.as_ref().filter(|its| its.begin()) else { return };
        for feed in its.revocations().feeds().map(Arc::clone) {
            driver.spawn_until(its.unused(), "revocation feed", async move { feed.run().await });
        }
        let revocations = Arc::clone(its.revocations());
        driver.spawn_until(its.unused(), "revocation upkeep", async move { revocations.run_upkeep().await });
    }

    /// What is known from outside.
    #[must_use]
    pub fn sources(&self) -> Arc<Sources> {
        Arc::clone(&self.snapshot.load().sources)
    }

    fn surroundings(&self) -> Surroundings {
        let sink: Weak<SnapshotCell> = Arc::downgrade(&self.snapshot);
        let sink: Weak<dyn KeySink> = sink;
        Surroundings { clock: self.clock, metrics: Arc::clone(&self.metrics), sink }
    }
}

/// Generation 0: no rule, so every request is refused. Nobody asks it.
fn unconfigured(config: &Config, clock: Clock) -> Snapshot {
    Snapshot {
        generation: 0,
        applied_at: clock.now(),
        policy: Arc::default(),
        trials: Arc::default(),
        candidate_rejected: false,
        reads: Arc::default(),
        resource: None,
        issuers: Arc::default(),
        keys: KnownKeys::default(),
        sources: Arc::default(),
        known: Arc::new(KnownTokens::within(config.check.max_known_bytes)),
        revocations: None,
        audit: Arc::new(Auditing::new(config.audit.clone(), &Policy::default(), &Identities::Plain)),
        suspicion: config.suspicion,
        limits: config.check,
    }
}
