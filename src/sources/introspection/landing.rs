//! What follows when a call has ended: the answer is kept or the failure noted, and whoever waits is told.

use std::sync::Arc;

use tokio::time::Instant;

use super::IntrospectionSource;
use super::breaker::{Breaker, BreakerState};
use super::call::CallFault;
use super::flight::{Ended, Job, Landed, call_result};
use super::limiter::Taken;
use crate::check::OutageReason;
use crate::check::introspection::Answer;

impl IntrospectionSource {
    pub(super) fn land(&self, ended: Ended) {
        let Ended { job, result, took } = ended;
        self.metrics.issuers().introspection_called(&self.trusted.issuer.name, call_result(&result), took);
        let wasted = match &result {
            Ok(answer) => *answer == Answer::Inactive,
            Err(fault) => fault.is_about_the_token(),
        };
        let status = result.as_ref().map_or_else(CallFault::status, |_| Some(200));
        let outcome = match result {
            Ok(answer) => Ok(self.keep(&job, answer)),
            Err(fault) => {
                // One that was to be renewed ahead of time is tried again at its next use.
                self.answers.find(&job.key).iter().for_each(|kept| kept.renewal_failed());
                Err(self.note_failure(&fault))
            }
        };
        if !wasted {
            job.taken.into_iter().for_each(Taken::give_back);
        }
        self.flights().waiting.remove(&job.key);
        job.done.send_replace(Some(Landed { outcome, status }));
    }

    fn keep(&self, job: &Job, answer: Answer) -> Arc<Answer> {
        let now = self.clock.now();
        self.settle(Breaker::succeeded);
        self.tally.succeeded(now);
        self.metrics.issuers().introspection_answered(&self.trusted.issuer.name, now);
        if job.verified && answer == Answer::Inactive {
            self.note_inactive_though_verified();
        }
        let answer = Arc::new(answer);
        self.answers.keep(job.key, &answer, now);
        answer
    }

    /// Tells the breaker how a call ended, and the operator what follows.
    fn settle(&self, tell: impl FnOnce(&mut Breaker)) {
        let mut flights = self.flights();
        tell(&mut flights.breaker);
        let suspended = flights.breaker.state(Instant::now()) != BreakerState::Closed;
        self.metrics.issuers().introspection_suspended(&self.trusted.issuer.name, suspended);
    }

    fn note_failure(&self, fault: &CallFault) -> OutageReason {
        self.settle(|breaker| match fault.is_about_the_token() {
            // The issuer is there, and answers about others.
            true => breaker.succeeded(),
            false => breaker.failed(Instant::now(), fault.retry_after()),
        });
        self.tally.failed(fault.to_string());
        tracing::warn!(issuer = %self.trusted.issuer.name, error = %fault, "the issuer could not be asked about a token");
        fault.reason()
    }

    /// The commonest misconfiguration: the server tells a client only about tokens that are meant for it.
    fn note_inactive_though_verified(&self) {
        self.metrics.issuers().introspection_inactive_though_verified(&self.trusted.issuer.name);
        if self.tally.worth_telling(self.clock.now()) {
            tracing::warn!(
                issuer = %self.trusted.issuer.name,
                client = %self.settings.client.id,
                "the issuer calls a token inactive whose signature verifies: it was revoked, or the issuer tells \
                 our client nothing about tokens that do not have it in their audience; `gatepost check --online \
                 --token-file FILE` tells which"
            );
        }
    }
}
