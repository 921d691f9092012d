//! The families that tell what revocations come in, what they hit, and how soon. What the feeds know of themselves
//! is read at each scrape.

use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, EncodeMetric, MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::check::revocation::Kind;
use crate::jose::UnixTime;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabel {
    stage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FeedLabel {
    feed: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MessageLabels {
    feed: String,
    result: &'static str,
}

/// What revocations hit, and how soon.
#[derive(Clone, Debug)]
pub struct RevocationMetrics {
    hits: Family<KindLabel, Counter>,
    applied: Histogram,
    refused: Histogram,
}

impl Default for RevocationMetrics {
    fn default() -> Self {
        Self::register(&mut Registry::default())
    }
}

impl RevocationMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let hits = Family::<KindLabel, Counter>::default();
        registry.register("revocation_hits", "Checks refused by a revocation of this kind", hits.clone());
        for kind in Kind::ALL {
            // Zero from the start.
            drop(hits.get_or_create(&KindLabel { kind: kind.name() }));
        }
        let propagation = Family::new_with_constructor(human as fn() -> Histogram);
        let help = "Time from when a revocation was published, by its writer's clock, until it was in force \
                    (`applied`) and until it first refused a token (`refused`)";
        registry.register_with_unit("revocation_propagation", help, Unit::Seconds, propagation.clone());
        let stage = |stage| propagation.get_or_create_owned(&StageLabel { stage });
        Self { hits, applied: stage("applied"), refused: stage("refused") }
    }

    /// Counts a check that a mark of this kind refused.
    pub fn hit(&self, kind: Kind) {
        self.hits.get_or_create(&KindLabel { kind: kind.name() }).inc();
    }

    /// Notes how long after its publication a mark was in force.
    pub fn applied(&self, after: Duration) {
        self.applied.observe(after.as_secs_f64());
    }

    /// Notes how long after its publication a mark refused its first token.
    pub fn first_refused(&self, after: Duration) {
        self.refused.observe(after.as_secs_f64());
    }
}

/// 1 ms, which is how finely times in messages are kept, to 131 s, doubling.
fn human() -> Histogram {
    Histogram::new(exponential_buckets(1e-3, 2.0, 18))
}

/// What is known of revocations at one moment.
#[derive(Clone, Debug, Default)]
pub struct RevocationsSeen {
    /// Whether some may be missing.
    pub stale: bool,
    /// Marks in force, by kind.
    pub marks: Vec<(Kind, usize)>,
    /// The feeds, in the order written.
    pub feeds: Vec<FeedSeen>,
}

/// What is known of a feed at one moment.
#[derive(Clone, Debug, Default)]
pub struct FeedSeen {
    /// Its name.
    pub name: String,
    /// Whether it can't be relied on.
    pub stale: bool,
    /// Messages, by what became of them.
    pub messages: Vec<(&'static str, u64)>,
    /// How often it was connected to.
    pub connections: u64,
    /// How often messages were gone before they were read.
    pub gaps: u64,
    /// When the last message came.
    pub last_message_at: Option<UnixTime>,
    /// How long the last message that said when it was published was on its way.
    pub lag: Option<Duration>,
    /// How long the last complete reading took.
    pub catch_up: Option<Duration>,
    /// For how long nothing has shown that it is alive.
    pub silent: Option<Duration>,
}

/// Tells what is known now; nothing where no feed is configured.
pub trait SeesRevocations: std::fmt::Debug + Send + Sync + 'static {
    /// What is known now.
    fn look(&self) -> Option<RevocationsSeen>;
}

/// Reads at each scrape what feeds know of themselves.
#[derive(Debug)]
pub(super) struct Feeds(pub(super) Box<dyn SeesRevocations>);

impl Collector for Feeds {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let Some(seen) = self.0.look() else { return Ok(()) };
        let mut families = Families { encoder: &mut encoder, feeds: &seen.feeds };
        families.of_marks(&seen)?;
        families.of_messages()?;
        families.of_states()
    }
}

struct Families<'a, 'e> {
    encoder: &'a mut DescriptorEncoder<'e>,
    feeds: &'a [FeedSeen],
}

impl Families<'_, '_> {
    fn of_marks(&mut self, seen: &RevocationsSeen) -> std::fmt::Result {
        let help = "Revocations in force by kind.";
        let mut family = self.encoder.encode_descriptor("revocation_marks", help, None, MetricType::Gauge)?;
        for (kind, count) in &seen.marks {
            let gauge = ConstGauge::new(i64::try_from(*count).unwrap_or(i64::MAX));
            gauge.encode(family.encode_family(&KindLabel { kind: kind.name() })?)?;
        }
        let help = "1 while revocations may be missing, else 0.";
        let name = "revocation_stale";
        let family = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(i64::from(seen.stale)).encode(family)
    }

    fn of_messages(&mut self) -> std::fmt::Result {
        let help = "Messages of a feed by what became of them: applied, repeated, heartbeat, or why they were refused.";
        let name = "revocation_feed_messages";
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for feed in self.feeds {
            for (result, count) in &feed.messages {
                let labels = MessageLabels { feed: feed.name.clone(), result };
                ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
            }
        }
        self.counter("connections", "How often a feed was connected to.", |feed| feed.connections)?;
        let help = "How often messages of a feed were found to be gone before they were read.";
        self.counter("gaps", help, |feed| feed.gaps)
    }

    fn of_states(&mut self) -> std::fmt::Result {
        let help = "1 while a feed is silent or incomplete, else 0.";
        self.gauge("stale", help, None, |feed| Some(i64::from(feed.stale)))?;
        let seconds = Some(Unit::Seconds);
        let help = "When the last message of a feed came, as a Unix time.";
        let at = |feed: &FeedSeen| Some(feed.last_message_at?.as_millis() / 1000);
        self.gauge("message_timestamp", help, seconds.as_ref(), at)?;
        let help = "How long the last message of a feed was on its way, by its writer's clock.";
        self.gauge("lag", help, seconds.as_ref(), |feed| Some(feed.lag?.as_secs_f64()))?;
        let help = "How long the last complete reading of a feed took.";
        self.gauge("catch_up", help, seconds.as_ref(), |feed| Some(feed.catch_up?.as_secs_f64()))?;
        let help = "For how long nothing has shown that a feed is alive; above `stale_after` it is stale.";
        self.gauge("silent", help, seconds.as_ref(), |feed| Some(feed.silent?.as_secs_f64()))
    }

    fn counter(&mut self, name: &str, help: &str, of: impl Fn(&FeedSeen) -> u64) -> std::fmt::Result {
        let encode = |feed: &FeedSeen, sample: MetricEncoder<'_>| ConstCounter::new(of(feed)).encode(sample);
        self.family(name, help, None, MetricType::Counter, encode)
    }

    /// A feed that has no value yet has no sample.
    fn gauge<V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        of: impl Fn(&FeedSeen) -> Option<V>,
    ) -> std::fmt::Result {
        let encode = |feed: &FeedSeen, mut sample: MetricEncoder<'_>| match of(feed) {
            Some(value) => sample.encode_gauge(&value),
            None => Ok(()),
        };
        self.family(name, help, unit, MetricType::Gauge, encode)
    }

    fn family(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        kind: MetricType,
        encode: impl Fn(&FeedSeen, MetricEncoder<'_>) -> std::fmt::Result,
    ) -> std::fmt::Result {
        let name = format!("revocation_feed_{name}");
        let mut family = self.encoder.encode_descriptor(&name, help, unit, kind)?;
        for feed in self.feeds {
            let label = FeedLabel { feed: feed.name.clone() };
            encode(feed, family.encode_family(&label)?)?;
        }
        Ok(())
    }
}
