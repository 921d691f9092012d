//! What an issuer says of tokens: asked once for however many checks wait, kept for a while, and never asked
//! more than it can bear.

mod answers;
mod breaker;
mod call;
pub(super) mod client_auth;
mod flight;
mod landing;
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
use crate::telemetry::trace::{Observer, Origin, RemoteCall};
use answers::{Answers, Kept, Key, key};
use breaker::Breaker;
use flight::{Flights, Held, Job, Joined, Landed, TOO_LATE, call, landed};
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
    pub(super) async fn ask(
        &self,
        plan: &Plan<'_>,
        now: UnixTime,
        deadline: Instant,
        observer: &mut impl Observer,
    ) -> Facts {
        let Some(presented) = plan.presented() else { return Facts::Nothing };
        let key = self.key(presented);
        let kept = self.answers.find(&key);
        if plan.introspect() != Introspect::Always
            && let Some(fresh) = kept.as_ref().filter(|kept| kept.is_fresh(now))
        {
            self.tally.saved(Saved::Cached);
            observer.asks(Origin::Cache);
            self.renew_ahead(fresh, key, plan, now);
            return Facts::Answer(Arc::clone(&fresh.answer));
        }
        match self.join_or_call(key, kept.as_deref(), plan) {
            Ok((flight, joined)) => {
                if joined == Joined::AnothersCall {
                    self.tally.saved(Saved::Coalesced);
                }
                observer.asks(joined.origin());
                let landed = timeout_at(deadline, landed(flight)).await.unwrap_or(TOO_LATE);
                observer.called(|| self.remote_call(&landed));
                match landed.outcome {
                    Ok(answer) => Facts::Answer(answer),
                    Err(reason) => self.stale_or(reason, &key, plan, now, observer),
                }
            }
            Err(Held::TooManyUnknownTokens) => Facts::TooManyUnknownTokens,
            Err(Held::Missing(reason)) => self.stale_or(reason, &key, plan, now, observer),
        }
    }

    fn remote_call(&self, landed: &Landed) -> RemoteCall {
        RemoteCall {
            url: self.introspector.known_endpoint(),
            status: landed.status,
            error: landed.outcome.as_ref().err().map(|reason| reason.label()),
        }
    }

    /// An older answer, where configuration and rule let it serve; else the outage. Looked up again: while the
    /// check waited, another may have heard that the token is not active any more.
    fn stale_or(
        &self,
        reason: OutageReason,
        key: &Key,
        plan: &Plan<'_>,
        now: UnixTime,
        observer: &mut impl Observer,
    ) -> Facts {
        let allowed = plan.stale() == Stale::AsConfigured && plan.introspect() != Introspect::Always;
        let usable = self.answers.find(key).filter(|kept| allowed && kept.may_serve_stale(now));
        match usable {
            Some(kept) => {
                self.tally.saved(Saved::Stale);
                observer.asks(Origin::Stale);
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
    ) -> Result<(watch::Receiver<Option<Landed>>, Joined), Held> {
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
}
