//! Suspicious use: what a single check can't tell and many can. A token from many addresses, a revoked one that is
//! presented again, an address that invents tokens, a client that tries its scopes out, a token that changes its
//! certificate.
//!
//! Each detector keeps a [`table::Table`] of fixed size. Nothing here waits, reads a clock or keeps an identifier:
//! tables hold 64-bit hashes under a key of this process. A token gets into a table only when it has been verified,
//! so invented ones take nobody's place.

mod event;
mod evidence;
mod seen;
mod table;

use core::net::IpAddr;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

pub use event::{Held, Kind, Suspicion};
pub use seen::{Holder, Seen};

use crate::check::record::token_digest;
use crate::check::{DenyReason, network};
use crate::config::{SuspicionSettings, Threshold};
use crate::jose::UnixTime;
use evidence::{Certificate, Count, Different};
use table::{Entry, Table, When};

/// Sets of eight keys in each table: 16,384 tokens in use, as many addresses and certificates, 8,192 revoked tokens
/// and 4,096 clients.
const SETS: usize = 2048;
const REVOKED_SETS: usize = 1024;
const PROBING_SETS: usize = 512;

/// What has been seen lately. Takes less than 4 MiB, all of it from the start.
#[derive(Debug)]
pub struct Detectors {
    hashing: RandomState,
    shared: Table<Different>,
    certificates: Table<Certificate>,
    revoked: Table<Count>,
    invalid: Table<Count>,
    probing: Table<Different>,
    /// Until when any address is limited, as a Unix time in milliseconds.
    limited_until: AtomicI64,
}

impl Default for Detectors {
    fn default() -> Self {
        Self::new()
    }
}

impl Detectors {
    /// Nothing seen yet, with a key from the system's randomness.
    #[must_use]
    pub fn new() -> Self {
        Self {
            hashing: RandomState::new(),
            shared: Table::new(SETS),
            certificates: Table::new(SETS),
            revoked: Table::new(REVOKED_SETS),
            invalid: Table::new(SETS),
            probing: Table::new(PROBING_SETS),
            limited_until: AtomicI64::new(i64::MIN),
        }
    }

    /// How long an address must wait that has sent too many invalid tokens. Without a limit in the settings, and
    /// while no address at all is limited, nothing is looked up.
    #[must_use]
    pub fn wait(
        &self,
        source: Option<IpAddr>,
        settings: &SuspicionSettings,
        now: UnixTime,
    ) -> Option<Duration> {
        let Threshold { count, window } = settings.limit?;
        if now.as_millis() >= self.limited_until.load(Ordering::Relaxed) {
            return None;
        }
        let when = When { now, window };
        let left = |entry: &Entry<Count>| (entry.evidence.0 >= count).then(|| entry.left(when));
        self.invalid.look(self.hash(network(source?)), when, left).flatten()
    }

    /// What a check that is over makes suspicious: each kind once for each key and window.
    #[must_use]
    pub fn observe(&self, seen: &Seen<'_>, settings: &SuspicionSettings, now: UnixTime) -> Vec<Suspicion> {
        let found = match seen.refused {
            None => [None, None],
            Some(DenyReason::TokenRevoked) => [self.revoked(seen, settings, now), None],
            Some(DenyReason::ScopeInsufficient) => [self.probing(seen, settings, now), None],
            Some(reason) if is_invalid(reason) => [self.invalid(seen, settings, now), None],
            Some(_) => [None, None],
        };
        let of_use = if seen.holder.is_some() { self.used(seen, settings, now) } else { [None, None] };
        found.into_iter().chain(of_use).flatten().collect()
    }

    /// A good token, whether or not the rule lets it pass.
    fn used(&self, seen: &Seen<'_>, settings: &SuspicionSettings, now: UnixTime) -> [Option<Suspicion>; 2] {
        let shared = settings.shared_token.zip(seen.source);
        let changed = settings.certificate_changed.zip(seen.certificate);
        if shared.is_none() && changed.is_none() {
            return [None, None];
        }
        let token = self.hash(seen.signed_part());
        let shared = shared.and_then(|(threshold, source)| {
            let source = self.hash(network(source));
            let add = |entry: &mut Entry<Different>| {
                entry.evidence.add(source);
                entry.reaches(threshold.count)
            };
            let count = self.shared.enter(token, When { now, window: threshold.window }, add)?;
            Some(suspicion(Kind::SharedToken, seen, count, threshold.window))
        });
        let changed = changed.and_then(|(window, certificate)| {
            let certificate = self.hash(certificate);
            let add = |entry: &mut Entry<Certificate>| {
                let changed = entry.evidence.shown(certificate);
                changed && entry.report()
            };
            let changed = self.certificates.enter(token, When { now, window }, add);
            changed.then(|| suspicion(Kind::CertificateChanged, seen, 2, window))
        });
        [shared, changed]
    }

    fn revoked(&self, seen: &Seen<'_>, settings: &SuspicionSettings, now: UnixTime) -> Option<Suspicion> {
        let Threshold { count, window } = settings.revoked_token?;
        let key = self.hash(seen.signed_part());
        let count = self.revoked.enter(key, When { now, window }, |entry| {
            entry.evidence.add();
            entry.reaches(count)
        })?;
        Some(suspicion(Kind::RevokedToken, seen, count, window))
    }

    fn invalid(&self, seen: &Seen<'_>, settings: &SuspicionSettings, now: UnixTime) -> Option<Suspicion> {
        let Threshold { count, window } = settings.invalid_token_burst?;
        let key = self.hash(network(seen.source?));
        let when = When { now, window };
        let (sent, left, reached) = self.invalid.enter(key, when, |entry| {
            entry.evidence.add();
            (entry.evidence.0, entry.left(when), entry.reaches(count))
        });
        if settings.limit.is_some_and(|limit| sent >= limit.count) {
            self.limited_until.fetch_max(now.plus(left).as_millis(), Ordering::Relaxed);
        }
        let of_many = Seen { token: None, ..*seen };
        Some(suspicion(Kind::InvalidTokenBurst, &of_many, reached?, window))
    }

    /// By client and subject, because a client that probes may well take a new token each time.
    fn probing(&self, seen: &Seen<'_>, settings: &SuspicionSettings, now: UnixTime) -> Option<Suspicion> {
        let Threshold { count, window } = settings.scope_probing?;
        let (holder, rule) = (seen.holder.as_ref()?, seen.rule?);
        let who = match (holder.client, holder.subject) {
            (None, None) => self.hash(seen.signed_part()),
            (client, subject) => self.hash((&holder.issuer, client, subject)),
        };
        let rule = self.hash(rule);
        let count = self.probing.enter(who, When { now, window }, |entry| {
            entry.evidence.add(rule);
            entry.reaches(count)
        })?;
        Some(suspicion(Kind::ScopeProbing, seen, count, window))
    }

    fn hash(&self, what: impl Hash) -> u64 {
        self.hashing.hash_one(what)
    }
}

fn suspicion(kind: Kind, seen: &Seen<'_>, count: u32, window: Duration) -> Suspicion {
    Suspicion {
        kind,
        source: seen.source,
        rule: seen.rule.cloned(),
        holder: seen.holder.map(Holder::held),
        token: seen.token.and_then(|token| std::str::from_utf8(token).ok()).map(token_digest),
        count,
        window,
    }
}

/// Whether a refusal means that the token was not one of the issuer's for this service. An honest client holds
/// tokens that expire, that are revoked, or that are bound to a key; those are not counted.
const fn is_invalid(reason: DenyReason) -> bool {
    match reason {
        DenyReason::CredentialMalformed
        | DenyReason::TokenTooLarge
        | DenyReason::TokenOpaque
        | DenyReason::TokenEncrypted
        | DenyReason::TokenMalformed
        | DenyReason::TypeNotAccepted
        | DenyReason::NotAnAccessToken
        | DenyReason::TokenInactive
        | DenyReason::IssuerUnknown
        | DenyReason::AlgorithmNotAccepted
        | DenyReason::KeyUnknown
        | DenyReason::SignatureInvalid
        | DenyReason::ClaimMissing
        | DenyReason::ClaimMalformed
        | DenyReason::AudienceMismatch
        | DenyReason::RequiredClaimMismatch
        | DenyReason::TooManyUnknownTokens => true,
        DenyReason::RequestMalformed
        | DenyReason::PathAmbiguous
        | DenyReason::NoRule
        | DenyReason::CredentialMissing
        | DenyReason::CredentialRepeated
        | DenyReason::TokenExpired
        | DenyReason::TokenNotYetValid
        | DenyReason::TokenRevoked
        | DenyReason::LifetimeTooLong
        | DenyReason::TokenBound
        | DenyReason::IssuerMismatch
        | DenyReason::ScopeInsufficient
        | DenyReason::ClientNotAccepted
        | DenyReason::SubjectNotAccepted
        | DenyReason::ClaimUnmet
        | DenyReason::AuthenticationInsufficient
        | DenyReason::ConditionUnmet
        | DenyReason::ConditionFailed
        | DenyReason::SourceLimited
        | DenyReason::ForwardRefused
        | DenyReason::ForwardMissing => false,
    }
}

#[cfg(test)]
mod tests;
