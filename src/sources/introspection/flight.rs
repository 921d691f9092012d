//! Calls under way: who waits for them, and how they end.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;

use super::answers::Key;
use super::breaker::Breaker;
use super::call::{CallFault, Introspector};
use super::limiter::Taken;
use crate::check::OutageReason;
use crate::check::introspection::Answer;
use crate::clock::stopwatch;
use crate::secret::Secret;
use crate::telemetry::metrics::CallResult;
use crate::telemetry::trace::Origin;

/// How a call ended, for all who wait.
pub(super) type Outcome = Result<Arc<Answer>, OutageReason>;

/// A call that ended, for all who wait.
#[derive(Clone, Debug)]
pub(super) struct Landed {
    pub(super) outcome: Outcome,
    /// The HTTP status, where one came.
    pub(super) status: Option<u16>,
}

/// The calls under way, and whether more may be made.
#[derive(Debug)]
pub(super) struct Flights {
    pub(super) waiting: HashMap<Key, watch::Receiver<Option<Landed>>>,
    pub(super) breaker: Breaker,
}

impl Flights {
    pub(super) fn new(breaker: Breaker) -> Self {
        Self { waiting: HashMap::new(), breaker }
    }
}

/// One call to make. As many as may be in flight exist, so the queue is bounded by that.
pub(super) struct Job {
    pub(super) key: Key,
    pub(super) token: Secret,
    pub(super) verified: bool,
    pub(super) taken: Option<Taken>,
    pub(super) done: watch::Sender<Option<Landed>>,
}

/// A call that ended.
pub(super) struct Ended {
    pub(super) job: Job,
    pub(super) result: Result<Answer, CallFault>,
    pub(super) took: Duration,
}

/// Whose call a check waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// One that it started.
    OwnCall,
    /// One that was under way.
    AnothersCall,
}

impl Joined {
    /// The same, for a trace.
    pub(super) fn origin(self) -> Origin {
        match self {
            Self::OwnCall => Origin::OwnCall,
            Self::AnothersCall => Origin::AnothersCall,
        }
    }
}

/// For a check that could not wait until the call ended.
pub(super) const TOO_LATE: Landed = Landed { outcome: Err(OutageReason::DeadlineExceeded), status: None };

/// Why no call is made.
pub(super) enum Held {
    TooManyUnknownTokens,
    Missing(OutageReason),
}

/// Makes the call.
pub(super) async fn call(introspector: Arc<Introspector>, job: Job) -> Ended {
    let started = stopwatch();
    // Those who wait must hear of the end, whatever it is.
    let asked = AssertUnwindSafe(introspector.ask(&job.token)).catch_unwind().await;
    let result = asked.unwrap_or(Err(CallFault::Panicked));
    Ended { job, result, took: started.elapsed() }
}

/// Waits for a call, whoever started it.
pub(super) async fn landed(mut flight: watch::Receiver<Option<Landed>>) -> Landed {
    let landed = flight.wait_for(Option::is_some).await.ok().and_then(|landed| landed.clone());
    // Otherwise the call panicked: no answer came of it.
    landed.unwrap_or(Landed { outcome: Err(OutageReason::IntrospectionUnreachable), status: None })
}

/// Which metric a call counts for.
pub(super) fn call_result(result: &Result<Answer, CallFault>) -> CallResult {
    match result {
        Ok(Answer::Active(_)) => CallResult::Active,
        Ok(Answer::Inactive) => CallResult::Inactive,
        Err(CallFault::Rejected { .. }) => CallResult::Rejected,
        Err(_) => CallResult::Failure,
    }
}
