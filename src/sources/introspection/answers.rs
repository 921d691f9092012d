//! The answers that issuers gave, kept for a while: facts about tokens, never decisions. Policy is evaluated
//! on every request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256};
use moka::Expiry;
use moka::sync::Cache;

use crate::check::introspection::Answer;
use crate::config::AnswerCache;
use crate::jose::UnixTime;

/// Names one token at one issuer, and can't be turned back into the token.
pub(super) type Key = [u8; 32];

/// SHA-256 over the parts, each with its length before it, so that no two lists of parts are one text.
pub(super) fn key(issuer: &str, endpoint: &str, token: &str) -> Key {
    let mut digest = Context::new(&SHA256);
    for part in [issuer, endpoint, token] {
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    let mut key = Key::default();
    key.copy_from_slice(digest.finish().as_ref());
    key
}

/// An answer and its times.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) answer: Arc<Answer>,
    given_at: UnixTime,
    /// Until when it is as good as asking.
    fresh_until: UnixTime,
    /// From when on it is worth renewing.
    renew_from: UnixTime,
    /// Until when it may serve while the issuer can't be asked.
    stale_until: UnixTime,
    renewing: AtomicBool,
}

impl Kept {
    pub(super) fn is_fresh(&self, now: UnixTime) -> bool {
        now < self.fresh_until
    }

    pub(super) fn may_serve_stale(&self, now: UnixTime) -> bool {
        now < self.stale_until
    }

    /// Whether the caller should renew it: true once.
    pub(super) fn wants_renewal(&self, now: UnixTime) -> bool {
        now >= self.renew_from && !self.renewing.swap(true, Ordering::Relaxed)
    }

    /// Lets somebody else try.
    pub(super) fn renewal_failed(&self) {
        self.renewing.store(false, Ordering::Relaxed);
    }
}

/// Two caches, so that a flood of invented tokens cannot push out good ones.
#[derive(Debug)]
pub(super) struct Answers {
    settings: AnswerCache,
    stale: Duration,
    active: Cache<Key, Arc<Kept>>,
    inactive: Cache<Key, Arc<Kept>>,
}

impl Answers {
    pub(super) fn new(settings: AnswerCache, stale: Option<Duration>) -> Self {
        Self {
            settings,
            stale: stale.unwrap_or_default(),
            active: cache(settings.max_bytes),
            inactive: cache(settings.max_bytes / 4),
        }
    }

    /// What is kept about a token, fresh or not.
    pub(super) fn find(&self, key: &Key) -> Option<Arc<Kept>> {
        self.active.get(key).or_else(|| self.inactive.get(key))
    }

    /// Keeps a new answer, in place of any older one.
    pub(super) fn forget(&self, key: &Key) {
        self.active.invalidate(key);
        self.inactive.invalidate(key);
    }

    pub(super) fn keep(&self, key: Key, answer: &Arc<Answer>, now: UnixTime) {
        match answer.as_ref() {
            Answer::Inactive => {
                self.active.invalidate(&key);
                self.put(&self.inactive, key, answer, now.plus(self.settings.inactive), now, now);
            }
            Answer::Active(claims) => {
                self.inactive.invalidate(&key);
                let expires = claims.time("exp").ok().flatten();
                let fresh = self.fresh_until(expires, now);
                let stale = now.plus(self.stale).min(expires.unwrap_or(now.plus(self.stale)));
                self.put(&self.active, key, answer, fresh, stale, now);
            }
        }
    }

    fn put(
        &self,
        cache: &Cache<Key, Arc<Kept>>,
        key: Key,
        answer: &Arc<Answer>,
        fresh_until: UnixTime,
        stale_until: UnixTime,
        now: UnixTime,
    ) {
        let ahead = matches!(answer.as_ref(), Answer::Active(_)) && self.settings.refresh_ahead;
        // The last fifth of its time leaves room for a slow call.
        let renew_from = if ahead { now.plus(fresh_until.since(now) / 5 * 4) } else { fresh_until };
        if fresh_until > now || stale_until > now {
            let renewing = AtomicBool::new(!ahead);
            let answer = Arc::clone(answer);
            cache.insert(
                key,
                Arc::new(Kept { answer, given_at: now, fresh_until, renew_from, stale_until, renewing }),
            );
        } else {
            // It says that the token has ended; an older one must not say otherwise.
            cache.invalidate(&key);
        }
    }

    /// RFC 7662 §4: never beyond `exp`.
    fn fresh_until(&self, expires: Option<UnixTime>, now: UnixTime) -> UnixTime {
        let configured = now.plus(self.settings.active);
        match expires {
            None => configured,
            Some(expires) if self.settings.half_life => configured.min(now.plus(expires.since(now) / 2)),
            Some(expires) => configured.min(expires),
        }
    }

    /// How many answers of both kinds are kept, about.
    pub(super) fn count(&self) -> u64 {
        // The caches count what they have come round to.
        self.active.run_pending_tasks();
        self.inactive.run_pending_tasks();
        self.active.entry_count() + self.inactive.entry_count()
    }
}

fn cache(max_bytes: u64) -> Cache<Key, Arc<Kept>> {
    Cache::builder()
        .max_capacity(max_bytes)
        .weigher(|_, kept: &Arc<Kept>| weight(kept))
        .expire_after(Lifetime)
        .build()
}

/// An estimate of the memory that an entry takes, in bytes; the constant is the cache's own part.
fn weight(kept: &Kept) -> u32 {
    const ENTRY: usize = 300;
    let claims = match kept.answer.as_ref() {
        Answer::Inactive => 0,
        Answer::Active(claims) => claims.weight(),
    };
    u32::try_from(ENTRY + claims).unwrap_or(u32::MAX)
}

/// Drops an entry when nothing can be done with it any more. Whether it may be used is decided by its own
/// times, so this is only about memory.
struct Lifetime;

impl Lifetime {
    fn of(kept: &Kept) -> Duration {
        kept.fresh_until.max(kept.stale_until).since(kept.given_at)
    }
}

impl Expiry<Key, Arc<Kept>> for Lifetime {
    fn expire_after_create(&self, _: &Key, kept: &Arc<Kept>, _: Instant) -> Option<Duration> {
        Some(Self::of(kept))
    }

    fn expire_after_update(
        &self,
        _: &Key,
        kept: &Arc<Kept>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(Self::of(kept))
    }
}
