//! The families that tell how often a token was known from before. The tokens are counted where they are kept, and read
//! at each scrape.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::check::known_tokens::KnownTokens;

/// Reads the tokens that verified lately.
#[derive(Debug)]
pub(super) struct KnownTokenFamilies(pub(super) Arc<KnownTokens>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

impl Collector for KnownTokenFamilies {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let help = "Verified JWTs that are kept.";
        let family = encoder.encode_descriptor("known_tokens", help, None, MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(self.0.len()).unwrap_or(i64::MAX)).encode(family)?;
        let help = "JWTs presented by whether they had verified before: `missed` ones have to be verified.";
        let mut family = encoder.encode_descriptor("known_token_lookups", help, None, MetricType::Counter)?;
        let (found, missed) = self.0.lookups();
        for (result, count) in [("found", found), ("missed", missed)] {
            ConstCounter::new(count).encode(family.encode_family(&ResultLabel { result })?)?;
        }
        Ok(())
    }
}
