//! What is kept of one key: a count, a few different things, or a certificate.

use super::table::Evidence;
use crate::config::MOST_DIFFERENT;

/// How often.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count(pub(super) u32);

impl Count {
    pub(super) fn add(&mut self) {
        self.0 = self.0.saturating_add(1);
    }
}

impl Evidence for Count {
    fn weight(&self) -> u32 {
        self.0
    }
}

/// How many different things, up to [`MOST_DIFFERENT`]. Two that have the same 32 bits of their hash count as one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Different {
    known: u8,
    hashes: [u32; MOST_DIFFERENT],
}

impl Different {
    pub(super) fn add(&mut self, hash: u64) {
        let hash = u32::try_from(hash >> 32).unwrap_or_default();
        let known = self.hashes.iter().take(self.known.into());
        if known.clone().any(|its| *its == hash) {
            return;
        }
        if let Some(place) = self.hashes.get_mut(usize::from(self.known)) {
            *place = hash;
            self.known += 1;
        }
    }
}

impl Evidence for Different {
    fn weight(&self) -> u32 {
        self.known.into()
    }
}

/// The certificate that a token last came with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Certificate {
    last: u64,
    uses: u32,
}

impl Certificate {
    /// Notes a certificate, and says whether it is another one than before.
    pub(super) fn shown(&mut self, hash: u64) -> bool {
        let changed = self.uses > 0 && self.last != hash;
        self.last = hash;
        self.uses = self.uses.saturating_add(1);
        changed
    }
}

impl Evidence for Certificate {
    fn weight(&self) -> u32 {
        self.uses
    }
}
