//! The family that tells how many clients there are, as an estimate: no client is kept, only bits that hashes under a
//! key of this process choose.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::clock::Clock;
use crate::jose::UnixTime;

/// Milliseconds after which a client that is not seen again begins to be forgotten.
const WINDOW: i64 = 5 * 60 * 1000;

const WORDS: usize = 256;

/// Linear counting (Whang, Vander-Zanden, Taylor 1990): 16,384 bits tell 1,000 clients apart to about 1 %, and 60,000 to
/// about 2 %.
const BITS: u32 = 64 * 256;

/// The clients whose tokens were accepted in this window and the one before.
#[derive(Clone, Debug)]
pub struct ActiveClients(Arc<Windows>);

#[derive(Debug)]
struct Windows {
    hashing: RandomState,
    /// The number of the window that is being filled.
    current: AtomicI64,
    /// Even windows and odd ones.
    seen: [[AtomicU64; WORDS]; 2],
}

impl ActiveClients {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let windows = Windows {
            hashing: RandomState::new(),
            current: AtomicI64::new(0),
            seen: [const { [const { AtomicU64::new(0) }; WORDS] }; 2],
        };
        let clients = Self(Arc::new(windows));
        let help = "About how many clients had tokens accepted in this and the previous 5 minutes";
        registry.register("active_clients", help, clients.clone());
        clients
    }

    /// A token of this client, by this issuer, was accepted.
    pub fn seen(&self, issuer: &str, client: &str, now: UnixTime) {
        let window = self.at(now);
        let hash = self.0.hashing.hash_one((issuer, client));
        let [word, bit] = [hash >> 32, hash].map(|part| part & 0xffff_ffff);
        let words = self.words(window);
        let word = usize::try_from(word).ok().and_then(|word| words.get(word % WORDS));
        let bit = 1 << (bit % 64);
        if let Some(word) = word.filter(|word| word.load(Ordering::Relaxed) & bit == 0) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// About how many there are.
    #[must_use]
    pub fn count(&self, now: UnixTime) -> u32 {
        self.at(now);
        let [even, odd] = &self.0.seen;
        let both = even
            .iter()
            .zip(odd)
            .map(|(even, odd)| (even.load(Ordering::Relaxed) | odd.load(Ordering::Relaxed)).count_zeros());
        // When no bit is left, as if one were: more than can be told.
        let free = both.sum::<u32>().max(1);
        let estimate = f64::from(BITS) * (f64::from(BITS) / f64::from(free)).ln();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to 16,384 ln 16,384"
        )]
        let count = estimate.round() as u32;
        count
    }

    /// The window of this moment. Whoever begins it forgets what was seen before the one before. What another thread
    /// sees in this instant may be forgotten with it: an estimate can bear that.
    fn at(&self, now: UnixTime) -> i64 {
        let (window, current) = (now.as_millis().div_euclid(WINDOW), &self.0.current);
        let before = current.load(Ordering::Relaxed);
        if before != window
            && current.compare_exchange(before, window, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.forget(window);
            if before != window - 1 {
                self.forget(window - 1);
            }
        }
        window
    }

    fn forget(&self, window: i64) {
        self.words(window).iter().for_each(|word| word.store(0, Ordering::Relaxed));
    }

    fn words(&self, window: i64) -> &[AtomicU64; WORDS] {
        let [even, odd] = &self.0.seen;
        if window % 2 == 0 { even } else { odd }
    }
}

impl EncodeMetric for ActiveClients {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        encoder.encode_gauge(&i64::from(self.count(Clock::System.now())))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients() -> ActiveClients {
        ActiveClients::register(&mut Registry::default())
    }

    fn at(minutes: i64) -> UnixTime {
        UnixTime::from_seconds(1_795_435_200 + 60 * minutes)
    }

    #[test]
    fn a_client_counts_once_and_so_does_its_namesake_of_another_issuer() {
        let clients = clients();
        assert_eq!(clients.count(at(0)), 0);
        for minute in 0..5 {
            clients.seen("corp", "web", at(minute));
            clients.seen("partner", "web", at(minute));
        }
        assert_eq!(clients.count(at(4)), 2);
    }

    #[test]
    fn who_is_not_seen_again_is_forgotten_after_two_windows() {
        let clients = clients();
        clients.seen("corp", "web", at(0));
        clients.seen("corp", "app", at(6));
        assert_eq!([at(9), at(10), at(15)].map(|now| clients.count(now)), [2, 1, 0]);
        clients.seen("corp", "web", at(20));
        assert_eq!(clients.count(at(600)), 0);
    }

    #[test]
    fn many_are_told_to_some_percent_and_too_many_as_many() {
        let clients = clients();
        let see = |range: std::ops::Range<u32>| {
            range.for_each(|number| clients.seen("corp", &number.to_string(), at(0)));
            clients.count(at(0))
        };
        assert!((950..1050).contains(&see(0..1000)));
        assert!((55_000..65_000).contains(&see(1000..60_000)));
        assert!(see(60_000..400_000) > 100_000);
    }
}
