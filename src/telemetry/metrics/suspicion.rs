//! The family that tells of suspicious use.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::suspicion::Kind;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    kind: &'static str,
}

/// How often tokens were used suspiciously.
#[derive(Debug)]
pub struct SuspicionMetrics([Counter; Kind::ALL.len()]);

impl SuspicionMetrics {
    /// Every kind is there from the start, at zero.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let events = Family::<Labels, Counter>::default();
        let help = "Suspicious uses of tokens by kind, each once for a token, client or address and window";
        registry.register("suspicious_events", help, events.clone());
        Self(Kind::ALL.map(|kind| events.get_or_create_owned(&Labels { kind: kind.label() })))
    }

    /// Counts an event.
    pub fn event(&self, kind: Kind) {
        // The enum has no explicit values, so a variant's number is its place in ALL.
        self.0.get(kind as usize).map(Counter::inc);
    }
}
