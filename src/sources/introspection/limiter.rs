//! How many unknown tokens one client address may make us ask about, so that a client that invents tokens
//! cannot spend the issuer's patience for everybody.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use crate::check::network;

/// A token bucket for each client address; the addresses themselves are bounded too.
#[derive(Debug)]
pub(super) struct Limiter {
    burst: f64,
    per_second: f64,
    buckets: Cache<IpAddr, Arc<Mutex<Bucket>>>,
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

const MAX_ADDRESSES: u64 = 20_000;

const NO_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// What was taken from a bucket; it can be given back.
#[derive(Debug)]
pub(super) struct Taken(Arc<Mutex<Bucket>>);

impl Limiter {
    pub(super) fn new(burst: u32, per_second: u32) -> Self {
        let idle = Duration::from_secs(u64::from(burst / per_second.max(1)) + 60);
        let buckets = Cache::builder().max_capacity(MAX_ADDRESSES).time_to_idle(idle).build();
        Self { burst: f64::from(burst), per_second: f64::from(per_second), buckets }
    }

    /// Takes one from the bucket of this address, unless it is empty. Requests without an address share one.
    pub(super) fn take(&self, source: Option<IpAddr>) -> Option<Taken> {
        let now = Instant::now();
        let new = || Arc::new(Mutex::new(Bucket { left: self.burst, at: now }));
        let bucket = self.buckets.get_with(source.map_or(NO_ADDRESS, network), new);
        {
            let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
            let refill = now.duration_since(bucket.at).as_secs_f64() * self.per_second;
            bucket.left = (bucket.left + refill).min(self.burst);
            bucket.at = now;
            if bucket.left < 1.0 {
                return None;
            }
            bucket.left -= 1.0;
        }
        Some(Taken(bucket))
    }
}

impl Taken {
    /// The token was a good one after all: asking about it was no waste.
    pub(super) fn give_back(self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).left += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_address_has_a_burst_and_a_rate_of_its_own() {
        let limiter = Limiter::new(3, 2);
        let one = Some("192.0.2.1".parse().unwrap());
        let other = Some("192.0.2.2".parse().unwrap());
        assert_eq!((0..10).filter(|_| limiter.take(one).is_some()).count(), 3);
        assert!(limiter.take(other).is_some());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!((0..10).filter(|_| limiter.take(one).is_some()).count(), 2);
        tokio::time::advance(Duration::from_secs(600)).await;
        assert_eq!((0..10).filter(|_| limiter.take(one).is_some()).count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn good_tokens_cost_nothing() {
        let limiter = Limiter::new(1, 1);
        for _ in 0..100 {
            limiter.take(None).unwrap().give_back();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_ipv6_network_is_one_client() {
        let limiter = Limiter::new(1, 1);
        assert!(limiter.take(Some("2001:db8:0:1::1".parse().unwrap())).is_some());
        assert!(limiter.take(Some("2001:db8:0:1::2".parse().unwrap())).is_none());
        assert!(limiter.take(Some("2001:db8:0:2::1".parse().unwrap())).is_some());
    }
}
