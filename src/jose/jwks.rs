//! A JWK Set (RFC 7517 §5): the keys that can be used, and why the others can't.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::algorithm::Algorithm;
use super::jwk::{KeyFault, VerificationKey};

/// The usable keys of one issuer.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<VerificationKey>,
    skipped: Vec<SkippedKey>,
}

/// A key of the set that is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its position in `keys`, from 0.
    pub position: usize,
    /// Why.
    pub fault: KeyFault,
}

/// Why a text is not a key set at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetFault {
    /// Not a JSON object with a list `keys`.
    #[error("it is not a JWK Set: a JSON object with a list `keys`")]
    NotAKeySet,
    /// No key in it can be used.
    #[error("it has no usable key{}", reasons(.0))]
    NoUsableKey(Vec<SkippedKey>),
}

fn reasons(skipped: &[SkippedKey]) -> String {
    skipped.iter().map(|key| format!("; key {}: {}", key.position, key.fault)).collect()
}

/// What a set has for a token's `kid` and `alg`.
#[derive(Debug)]
pub enum Lookup<'a> {
    /// The keys that may have signed it; more than one only for a token without `kid`.
    Found(Vec<&'a VerificationKey>),
    /// The key is there, but not for this algorithm.
    OtherAlgorithm,
    /// No such key: it may have been published since the set was read.
    Unknown,
}

/// An issuer rotates with two or three keys; a set of hundreds is broken or hostile.
const MAX_KEYS: usize = 100;

/// How many keys are tried for a token that names none.
const MAX_TRIED: usize = 10;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl KeySet {
    /// Reads a set, leaving out what can't be used with one of the `allowed` algorithms.
    ///
    /// # Errors
    /// When it is no key set, or nothing in it can be used.
    pub fn read(text: &[u8], allowed: &[Algorithm]) -> Result<Self, KeySetFault> {
        let document: Document<'_> = serde_json::from_slice(text).map_err(|_| KeySetFault::NotAKeySet)?;
        let mut set = Self::default();
        let mut positions = Vec::new();
        for (position, entry) in document.keys.into_iter().enumerate().take(MAX_KEYS + 1) {
            let read = match position {
                0..MAX_KEYS => VerificationKey::read(entry.get().as_bytes(), allowed),
                _ => Err(KeyFault::TooMany),
            };
            match read {
                Ok(key) => set.take(key, position, &mut positions),
                Err(fault) => set.skipped.push(SkippedKey { position, fault }),
            }
        }
        set.drop_ambiguous(&positions);
        if set.keys.is_empty() { Err(KeySetFault::NoUsableKey(set.skipped)) } else { Ok(set) }
    }

    /// Some servers list one key several times; the same key twice is no doubt about which was meant.
    fn take(&mut self, key: VerificationKey, position: usize, positions: &mut Vec<usize>) {
        match self.keys.iter_mut().find(|known| known.is_the_same_as(&key)) {
            Some(known) => known.merge(key),
            None => {
                self.keys.push(key);
                positions.push(position);
            }
        }
    }

    /// RFC 7517 §4.5: keys that share a `kid` must differ otherwise. Which of two was meant can't be told,
    /// so neither is used.
    fn drop_ambiguous(&mut self, positions: &[usize]) {
        let clashes = |one: &VerificationKey, other: &VerificationKey| {
            one.kid().is_some()
                && one.kid() == other.kid()
                && one.algorithms().any(|a| other.algorithms().any(|b| a == b))
        };
        let clash: Vec<bool> = self
            .keys
            .iter()
            .map(|one| self.keys.iter().any(|other| !std::ptr::eq(one, other) && clashes(one, other)))
            .collect();
        let ambiguous = clash.iter().zip(positions).filter(|(clash, _)| **clash);
        self.skipped
            .extend(ambiguous.map(|(_, &position)| SkippedKey { position, fault: KeyFault::RepeatedKid }));
        let mut clash = clash.into_iter();
        self.keys.retain(|_| !clash.next().unwrap_or(true));
    }

    /// The keys that may have signed a token with this header.
    #[must_use]
    pub fn lookup(&self, kid: Option<&str>, algorithm: Algorithm) -> Lookup<'_> {
        // `kid` is optional in a JWK (RFC 7517 §4.5): a set that names no key may hold the one that is meant.
        let kid = kid.filter(|_| self.keys.iter().any(|key| key.kid().is_some()));
        let named: Vec<_> = self.keys.iter().filter(|key| kid.is_none() || key.kid() == kid).collect();
        let fitting: Vec<_> = named
            .iter()
            .copied()
            .filter(|key| key.algorithms().any(|its| its == algorithm))
            .take(MAX_TRIED)
            .collect();
        match (fitting.is_empty(), named.is_empty() || kid.is_none()) {
            (false, _) => Lookup::Found(fitting),
            (true, true) => Lookup::Unknown,
            (true, false) => Lookup::OtherAlgorithm,
        }
    }

    /// Whether both sets have the same keys, for the same algorithms, and leave out as many.
    #[must_use]
    pub fn is_the_same_as(&self, other: &Self) -> bool {
        let alike = |(one, other): (&VerificationKey, &VerificationKey)| {
            one.is_the_same_as(other) && one.algorithms().eq(other.algorithms())
        };
        self.skipped == other.skipped
            && self.keys.len() == other.keys.len()
            && self.keys.iter().zip(&other.keys).all(alike)
    }

    /// The usable keys.
    #[must_use]
    pub fn keys(&self) -> &[VerificationKey] {
        &self.keys
    }

    /// The keys that are not used, with the reason for each.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }
}
