//! Tokens that verified lately, so that a signature is verified once and not on every request.
//!
//! What is kept is what a token says, never what was decided on it. It depends on the token's bytes, its issuer's
//! configuration and the issuer's keys alone, and it is found only where all three are still the same: deciding with
//! it and without it comes to the same. The clock, revocations, proof of possession and the rule are looked at on
//! every request.
//!
//! Only tokens that verified are kept, so invented ones push nobody out. Refused ones are not: whoever sends them
//! again could as well change a byte in each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::access_token::VerifiedToken;
use super::credential::PresentedToken;
use super::issuer::{Issuers, KnownKeys};
use crate::jose::{KeySet, UnixTime};

/// SHA-256 of the whole token. The signed part alone would let a token with another signature pass.
type Digest = [u8; 32];

/// Tokens that verified, within a bound on their memory; those that are used stay longest.
pub struct KnownTokens {
    tokens: Cache<Digest, Kept, Bytes>,
    found: AtomicU64,
    missed: AtomicU64,
}

/// A token and the keys that it was verified with.
#[derive(Clone)]
struct Kept {
    token: Arc<VerifiedToken>,
    keys: Arc<KeySet>,
    bytes: u32,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Digest, Kept> for Bytes {
    fn weight(&self, _: &Digest, kept: &Kept) -> u64 {
        kept.bytes.into()
    }
}

/// How many parts the memory is divided into, each with a lock of its own.
const SHARDS: usize = 4;

/// About as many bytes as an entry takes beside the claims: the token's other parts and the cache's own.
const ENTRY_BYTES: usize = 400;

/// About as many bytes as an ordinary token's claims take, which is for the cache to plan with.
const USUAL_CLAIMS_BYTES: u64 = 1024;

impl KnownTokens {
    /// None yet. They may take about this many bytes; with 0, none is ever kept.
    #[must_use]
    pub fn within(max_bytes: u64) -> Self {
        let mut options = OptionsBuilder::new();
        options.shards(SHARDS).weight_capacity(max_bytes);
        options
            .estimated_items_capacity(usize::try_from(max_bytes / USUAL_CLAIMS_BYTES).unwrap_or(usize::MAX));
        // Both capacities are given, so there is nothing to refuse.
        let tokens = options.build().map_or_else(
            |_| Cache::with_weighter(0, 0, Bytes),
            |options| {
                Cache::with_options(
                    options,
                    Bytes,
                    DefaultHashBuilder::default(),
                    DefaultLifecycle::default(),
                )
            },
        );
        Self { tokens, found: AtomicU64::new(0), missed: AtomicU64::new(0) }
    }

    /// Lets them take about this many bytes from now on.
    pub fn resize(&self, max_bytes: u64) {
        self.tokens.set_capacity(max_bytes);
    }

    /// What was verified of exactly this token, if its issuer's configuration and keys are the same as then and the
    /// keys may still be used. Whether it has expired since is for the caller to see.
    pub(super) fn find(
        &self,
        presented: PresentedToken<'_>,
        issuers: &Issuers,
        keys: &KnownKeys,
        now: UnixTime,
    ) -> Option<Arc<VerifiedToken>> {
        let found = self.tokens.get(&of(presented)).filter(|kept| kept.holds(issuers, keys, now));
        let count = if found.is_some() { &self.found } else { &self.missed };
        count.fetch_add(1, Ordering::Relaxed);
        found.map(|kept| kept.token)
    }

    /// Keeps a token that verified with these keys.
    pub(super) fn keep(&self, presented: PresentedToken<'_>, token: &Arc<VerifiedToken>, keys: &Arc<KeySet>) {
        let bytes = u32::try_from(ENTRY_BYTES + token.weight()).unwrap_or(u32::MAX);
        let kept = Kept { token: Arc::clone(token), keys: Arc::clone(keys), bytes };
        self.tokens.insert(of(presented), kept);
    }

    /// How often a token was found, and how often it was not.
    #[must_use]
    pub fn lookups(&self) -> (u64, u64) {
        (self.found.load(Ordering::Relaxed), self.missed.load(Ordering::Relaxed))
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Kept {
    /// An issuer's id names one configuration of it, and a refresh that brings the same keys keeps the set.
    fn holds(&self, issuers: &Issuers, keys: &KnownKeys, now: UnixTime) -> bool {
        let id = self.token.issuer();
        issuers.at(id).is_some()
            && keys.usable(id, now).is_some_and(|known| Arc::ptr_eq(&known.set, &self.keys))
    }
}

fn of(presented: PresentedToken<'_>) -> Digest {
    let mut key = Digest::default();
    key.copy_from_slice(digest(&SHA256, presented.expose().as_bytes()).as_ref());
    key
}

impl std::fmt::Debug for KnownTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KnownTokens").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::check::issuer::{Audiences, Issuer, IssuerId, IssuerKeys, Presence, TokenProfile, TokenTypes};
    use crate::jose::Algorithm;

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    /// One issuer, numbered 0, with one key that becomes too old in a minute.
    struct World {
        issuers: Issuers,
        keys: KnownKeys,
        set: Arc<KeySet>,
    }

    fn key_set() -> Arc<KeySet> {
        let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] });
        Arc::new(KeySet::read(keys.to_string().as_bytes(), &Algorithm::ALL).unwrap())
    }

    fn issuer() -> Issuer {
        let profile = TokenProfile {
            types: TokenTypes::STRICT,
            algorithms: Algorithm::ALL.to_vec(),
            audiences: Audiences::Any,
            expiry: Presence::Optional,
            mandatory_claims: Vec::new(),
            required_values: Vec::new(),
            scope_claims: Vec::new(),
            client_claims: Vec::new(),
            leeway: Duration::ZERO,
            expiry_leeway: Duration::ZERO,
        };
        Issuer {
            name: "test".into(),
            identifier: "https://idp.example.com".to_owned(),
            profile,
            introspection: None,
        }
    }

    fn world() -> World {
        let set = key_set();
        let known = IssuerKeys {
            set: Arc::clone(&set),
            read_at: NOW,
            stale_at: Some(NOW.plus(Duration::from_secs(60))),
        };
        let issuers = Issuers::new(vec![issuer()]);
        World { issuers, keys: KnownKeys::default().with(IssuerId::numbered(0), known), set }
    }

    fn token(number: usize) -> Arc<VerifiedToken> {
        Arc::new(VerifiedToken::of_claims(json!({ "sub": "alice", "jti": number.to_string() })))
    }

    #[test]
    fn finds_exactly_the_token_that_was_kept() {
        let World { issuers, keys, set } = world();
        let known = KnownTokens::within(1 << 20);
        let find = |text| known.find(PresentedToken::of(text), &issuers, &keys, NOW);
        assert!(find("e.y.J").is_none());
        let kept = token(1);
        known.keep(PresentedToken::of("e.y.J"), &kept, &set);
        assert!(Arc::ptr_eq(&find("e.y.J").unwrap(), &kept));
        for other in ["e.y.j", "e.y.JJ", "e.y", "e.y.", "E.y.J"] {
            assert!(find(other).is_none(), "{other}");
        }
        assert_eq!((known.lookups(), known.len()), ((1, 6), 1));
    }

    #[test]
    fn finds_nothing_under_other_keys_too_old_keys_or_another_configuration() {
        let World { issuers, keys, set } = world();
        let known = KnownTokens::within(1 << 20);
        known.keep(PresentedToken::of("e.y.J"), &token(1), &set);
        let find = |issuers: &Issuers, keys: &KnownKeys, now| {
            known.find(PresentedToken::of("e.y.J"), issuers, keys, now)
        };
        assert!(find(&issuers, &keys, NOW).is_some());

        let rotated = IssuerKeys { set: key_set(), read_at: NOW, stale_at: None };
        assert!(find(&issuers, &keys.with(IssuerId::numbered(0), rotated), NOW).is_none());
        assert!(find(&issuers, &KnownKeys::default(), NOW).is_none());
        assert!(find(&issuers, &keys, NOW.plus(Duration::from_secs(60))).is_none());

        let renumbered = issuers.iter().map(|(_, issuer)| (IssuerId::numbered(1), issuer.clone())).collect();
        assert!(find(&renumbered, &keys, NOW).is_none());
        assert!(find(&issuers, &keys, NOW).is_some(), "it is kept for the keys that it belongs to");
    }

    #[test]
    fn takes_no_more_memory_than_it_may() {
        let World { issuers, keys, set } = world();
        let known = KnownTokens::within(1 << 20);
        let text = |number: usize| format!("e.y.{number}");
        for number in 0..10_000 {
            known.keep(PresentedToken::of(&text(number)), &token(number), &set);
        }
        assert!(known.tokens.weight() <= 1 << 20);
        assert!((1000..2700).contains(&known.len()), "{}", known.len());
        known.resize(0);
        known.keep(PresentedToken::of("e.y.J"), &token(0), &set);
        assert!(known.find(PresentedToken::of("e.y.J"), &issuers, &keys, NOW).is_none());
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let World { issuers, keys, set } = world();
        let known = KnownTokens::within(0);
        known.keep(PresentedToken::of("e.y.J"), &token(1), &set);
        assert!(known.is_empty() && known.find(PresentedToken::of("e.y.J"), &issuers, &keys, NOW).is_none());
    }
}
