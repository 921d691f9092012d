//! Finds out what a plan needs, within the check's deadline.

use tokio::time::{Instant, timeout_at};

use super::Sources;
use crate::check::issuer::KnownKeys;
use crate::check::{Facts, Need, OutageReason, Plan};
use crate::jose::UnixTime;
use crate::telemetry::trace::{Observer, Part};

/// Gathers the facts for a plan. Keys and sources are those of the snapshot that it was made from.
pub async fn gather(
    plan: &Plan<'_>,
    keys: &KnownKeys,
    sources: &Sources,
    now: UnixTime,
    deadline: Instant,
    observer: &mut impl Observer,
) -> Facts {
    match plan.need() {
        Need::Nothing => Facts::Nothing,
        Need::Keys(id) => match keys.of(id) {
            Some(known) => Facts::Keys(known.set.clone()),
            None => Facts::Missing(OutageReason::KeysMissing),
        },
        Need::FreshKeys(id) => match sources.keys(id) {
            Some(source) => {
                observer.enters(Part::Keys);
                in_time(deadline, source.fresh_keys(plan, now)).await
            }
            None => Facts::Missing(OutageReason::KeysMissing),
        },
        Need::Introspection(id) => match sources.introspection(id) {
            Some(source) => {
                observer.enters(Part::Introspection);
                source.ask(plan, now, deadline, observer).await
            }
            None => Facts::Missing(OutageReason::IntrospectionMissing),
        },
    }
}

async fn in_time(deadline: Instant, facts: impl Future<Output = Facts>) -> Facts {
    timeout_at(deadline, facts).await.unwrap_or(Facts::Missing(OutageReason::DeadlineExceeded))
}
