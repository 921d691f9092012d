//! What an issuer says of tokens: asked once for however many checks wait, kept for a while, and never asked
//! more than it can bear.

mod answers;
mod breaker;
mod call;
pub(super) mod client_auth;
mod flight;
mod limiter;
mod status;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

pub use breaker::BreakerState;
pub use call::{CallFault, Introspector};
pub(super) use client_auth::{CredentialFault, prove, read_secret};
pub use status::IntrospectionStatus;

use crate::check::credential::PresentedToken;
use crate::check::introspection::Answer;
use crate::check::issuer::IssuerId;
use crate::check::policy::{Introspect, Stale};
use crate::check::{Facts, OutageReason, Plan};
use crate::clock::Clock;
use crate::config::{IntrospectionSettings, TrustedIssuer};
use crate::jose::UnixTime;
use crate::secret::Secret;
use crate::telemetry::metrics::{Metrics, Saved};
use answers::{Answers, Kept, Key, key};
use breaker::Breaker;
use flight::{Ended, Flights, Held, Job, Joined, Outcome, call, call_result, landed};
use limiter::{Limiter, Taken};
use status::Tally;

/// Asks one issuer about tokens.
#[derive(Debug)]
pub struct IntrospectionSource {
    id: IssuerId,
    trusted: TrustedIssuer,
    settings: IntrospectionSettings,
    clock: Clock,
    metrics: Arc<Metrics>,
    introspector: Arc<Introspector>,
    answers: Answers,
    limiter: Limiter,
    flights: Mutex<Flights>,
    tally: Tally,
    jobs: mpsc::UnboundedSender<Job>,
    /// Taken by `run`, which is the one task that makes calls.
    queue: Mutex<Option<mpsc::UnboundedReceiver<Job>>>,
}

impl IntrospectionSource {
    /// A source that has asked nothing yet.
    #[must_use]
    pub fn new(
        id: IssuerId,
        trusted: TrustedIssuer,
        settings: IntrospectionSettings,
        introspector: Introspector,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (jobs, queue) = mpsc::unbounded_channel();
        let limits = settings.limits;
        let breaker = Breaker::new(limits.failures, limits.suspend);
        Self {
            id,
            clock,
            introspector: Arc::new(introspector),
            answers: Answers::new(settings.cache, settings.stale),
            limiter: Limiter::new(limits.burst, limits.per_second),
            flights: Mutex::new(Flights::new(breaker)),
            tally: Tally::new(metrics.issuers().saves(&trusted.issuer.name)),
            metrics,
            jobs,
            queue: Mutex::new(Some(queue)),
            trusted,
            settings,
        }
    }

    /// Who is asked, and how.
    #[must_use]
    pub fn trusted(&self) -> &TrustedIssuer {
        &self.trusted
    }

    /// Who is asked.
    #[must_use]
    pub fn id(&self) -> IssuerId {
        self.id
    }

    /// What /statusz shows.
    #[must_use]
    pub fn status(&self) -> IntrospectionStatus {
        let breaker = self.flights().breaker.state(Instant::now());
        self.tally.status(breaker, self.answers.count())
    }

    /// Forgets what the issuer said of a token.
    pub fn forget(&self, presented: PresentedToken<'_>) {
        self.answers.forget(&self.key(presented));
    }

    fn key(&self, presented: PresentedToken<'_>) -> Key {
        let endpoint = self.settings.endpoint.as_ref().map_or("", |endpoint| endpoint.as_str());
        key(&self.trusted.issuer.name, endpoint, presented.expose())
    }

    /// What the issuer says of the plan's token.
    pub(super) async fn ask(&self, plan: &Plan<'_>, now: UnixTime, deadline: Instant) -> Facts {
        let Some(presented) = plan.presented() else { return Facts::Nothing };
        let key = self.key(presented);
        let kept = self.answers.find(&key);
        if plan.introspect() != Introspect::Always
            && let Some(fresh) = kept.as_ref().filter(|kept| kept.is_fresh(now))
        {
            self.tally.saved(Saved::Cached);
            self.renew_ahead(fresh, key, plan, now);
            return Facts::Answer(Arc::clone(&fresh.answer));
        }
        match self.join_or_call(key, kept.as_deref(), plan) {
            Ok((flight, joined)) => {
                if joined == Joined::AnothersCall {
                    self.tally.saved(Saved::Coalesced);
                }
                match timeout_at(deadline, landed(flight))
                    .await
                    .unwrap_or(Err(OutageReason::DeadlineExceeded))
                {
                    Ok(answer) => Facts::Answer(answer),
                    Err(reason) => self.stale_or(reason, &key, plan, now),
                }
            }
            Err(Held::TooManyUnknownTokens) => Facts::TooManyUnknownTokens,
            Err(Held::Missing(reason)) => self.stale_or(reason, &key, plan, now),
        }
    }

    /// An older answer, where configuration and rule let it serve; else the outage. Looked up again: while the
    /// check waited, another may have heard that the token is not active any more.
    fn stale_or(&self, reason: OutageReason, key: &Key, plan: &Plan<'_>, now: UnixTime) -> Facts {
        let allowed = plan.stale() == Stale::AsConfigured && plan.introspect() != Introspect::Always;
        let usable = self.answers.find(key).filter(|kept| allowed && kept.may_serve_stale(now));
        match usable {
            Some(kept) => {
                self.tally.saved(Saved::Stale);
                Facts::Answer(Arc::clone(&kept.answer))
            }
            None => Facts::Missing(reason),
        }
    }

    fn renew_ahead(&self, kept: &Kept, key: Key, plan: &Plan<'_>, now: UnixTime) {
        if kept.wants_renewal(now) && self.join_or_call(key, Some(kept), plan).is_err() {
            kept.renewal_failed();
        }
    }

    /// Joins the call that is under way for this token, or starts one.
    fn join_or_call(
        &self,
        key: Key,
        kept: Option<&Kept>,
        plan: &Plan<'_>,
    ) -> Result<(watch::Receiver<Option<Outcome>>, Joined), Held> {
        let mut flights = self.flights();
        if let Some(flight) = flights.waiting.get(&key) {
            return Ok((flight.clone(), Joined::AnothersCall));
        }
        if flights.waiting.len() >= self.settings.limits.in_flight as usize {
            return Err(Held::Missing(OutageReason::IntrospectionSaturated));
        }
        let now = Instant::now();
        if flights.breaker.state(now) == BreakerState::Open {
            return Err(Held::Missing(OutageReason::IntrospectionSuspended));
        }
        let token = plan.presented().map(|token| Secret::new(token.expose().to_owned()));
        let token = token.ok_or(Held::Missing(OutageReason::IntrospectionMissing))?;
        // A token that verified, or was active a moment ago, was issued: asking about it is no waste.
        let known = plan.is_verified() || kept.is_some_and(|kept| *kept.answer != Answer::Inactive);
        let taken = match known {
            true => None,
            false => Some(self.limiter.take(plan.input().source).ok_or(Held::TooManyUnknownTokens)?),
        };
        if !flights.breaker.permits(now) {
            taken.into_iter().for_each(Taken::give_back);
            return Err(Held::Missing(OutageReason::IntrospectionSuspended));
        }
        let (done, flight) = watch::channel(None);
        flights.waiting.insert(key, flight.clone());
        // The receiver lives as long as `run`, whose end ends the process.
        let _ = self.jobs.send(Job { key, token, verified: plan.is_verified(), taken, done });
        Ok((flight, Joined::OwnCall))
    }

    fn flights(&self) -> MutexGuard<'_, Flights> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the calls, for ever; never ends. They are tasks of this one, so that a check that is given up
    /// takes no call with it.
    pub async fn run(&self) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut queue) = queue else { return };
        let mut calls = JoinSet::new();
        loop {
            tokio::select! {
                Some(job) = queue.recv() => {
                    let introspector = Arc::clone(&self.introspector);
                    calls.spawn(call(introspector, job));
                }
                Some(ended) = calls.join_next() => {
                    if let Ok(ended) = ended {
                        self.land(ended);
                    }
                }
            }
        }
    }

    fn land(&self, ended: Ended) {
        let Ended { job, result, took } = ended;
        self.metrics.issuers().introspection_called(&self.trusted.issuer.name, call_result(&result), took);
        let wasted = match &result {
            Ok(answer) => *answer == Answer::Inactive,
            Err(fault) => fault.is_about_the_token(),
        };
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
        job.done.send_replace(Some(outcome));
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
