//! Applies edits of the configuration while it serves, and refuses those with problems: the last good
//! generation stays.

use std::sync::Arc;
use std::time::Duration;

use super::config_status::{ConfigStatus, errors, exports_that_differ, listeners_that_differ};
use super::driver::Driver;
use super::watch::{Edit, Watch};
use super::wiring::Wiring;
use crate::config::{Config, Listen, Problem, TelemetrySettings};

/// Follows the files, and owns the tasks of the sources, which come and go with the issuers.
#[derive(Debug)]
pub(super) struct Reload {
    wiring: Arc<Wiring>,
    watch: Watch,
    sources: Driver,
    status: Arc<ConfigStatus>,
    open: Listen,
    shutdown_deadline: Duration,
}

impl Reload {
    /// Starts the sources. `open` are the listeners, which stay as they are until the process ends.
    pub(super) fn new(wiring: Arc<Wiring>, watch: Watch, open: Listen, shutdown_deadline: Duration) -> Self {
        let mut sources = Driver::default();
        wiring.drive(&mut sources);
        Self { wiring, watch, sources, status: Arc::default(), open, shutdown_deadline }
    }

    /// What operators see.
    pub(super) fn status(&self) -> &Arc<ConfigStatus> {
        &self.status
    }

    /// How long checks in flight may take to finish, by the configuration in use.
    pub(super) fn shutdown_deadline(&self) -> Duration {
        self.shutdown_deadline
    }

    /// Follows the files until a task of a source ends, which none should, and says which.
    pub(super) async fn run(&mut self) -> String {
        loop {
            let edit = tokio::select! {
                why = self.sources.ended() => return why,
                edit = self.watch.next() => edit,
            };
            match edit {
                Edit::Good(config, warnings) => self.apply(*config, &warnings),
                Edit::Bad(problems) => self.refuse(&problems),
                Edit::Undone => self.undone(),
                Edit::Nothing => self.nothing(),
            }
        }
    }

    fn apply(&mut self, config: Config, warnings: &[Problem]) {
        for problem in warnings {
            tracing::warn!(%problem, "warning about the configuration");
        }
        let asked = (config.listen.clone(), config.telemetry.clone());
        self.shutdown_deadline = config.shutdown_deadline;
        let rules = config.policy.rules().len();
        let succession = self.wiring.apply(config);
        self.wiring.drive(&mut self.sources);
        self.accepted();
        tracing::info!(
            generation = self.generation(),
            rules,
            issuers_added = succession.added.join(" "),
            issuers_changed = succession.changed.join(" "),
            issuers_removed = succession.removed.join(" "),
            "the configuration was edited and is in use"
        );
        self.compare_with_open(&asked.0, &asked.1);
    }

    fn compare_with_open(&self, listen: &Listen, telemetry: &TelemetrySettings) {
        let mut differ = listeners_that_differ(&self.open, listen);
        differ.extend(exports_that_differ(self.wiring.telemetry(), telemetry));
        let settings = differ.join(" ");
        if self.status.needs_restart(differ) && !settings.is_empty() {
            tracing::warn!(
                settings,
                "the rest of the edit is in use, but a changed listener or collector needs a restart"
            );
        }
    }

    fn refuse(&self, problems: &[Problem]) {
        let errors = errors(problems);
        self.wiring.metrics.config().rejected();
        tracing::error!(
            generation = self.generation(),
            problems = errors.join("\n"),
            "the edited configuration is refused; the last good generation stays in use"
        );
        self.status.rejected(self.wiring.clock.now(), errors);
    }

    fn undone(&self) {
        self.accepted();
        tracing::info!(
            generation = self.generation(),
            "the refused edit was undone; the files say what is in use"
        );
    }

    fn nothing(&self) {
        let refused = self.status.shown().rejected_since.is_some();
        tracing::info!(generation = self.generation(), refused, "SIGHUP: the files have not changed");
    }

    fn accepted(&self) {
        self.wiring.metrics.config().accepted();
        self.status.accepted();
    }

    fn generation(&self) -> u64 {
        self.wiring.snapshot.load().generation
    }
}
