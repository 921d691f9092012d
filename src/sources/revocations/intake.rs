//! What every message of a feed goes through: verified where that is asked for, read, put in force, counted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::fault::FeedFault;
use super::keys::KeyRing;
use super::parked::Parked;
use super::recent::Recent;
use super::status::{Refusal, Tally};
use crate::check::revocation::{
    Applied, Content, Fingerprint, IndexWriter, Lifetimes, Meaning, Message, Notice, SecurityEvent,
    SecurityEventFault, Signer, StreamStatus,
};
use crate::clock::Clock;
use crate::config::{FeedSettings, SignedSettings};
use crate::jose::{KeySet, UnixTime};
use crate::telemetry::metrics::RevocationMetrics;

/// The writing side of the marks, which all feeds share.
#[derive(Debug)]
pub(super) struct Marks {
    pub(super) writer: Mutex<IndexWriter>,
    pub(super) lifetimes: Lifetimes,
    /// How long a feed may be silent.
    pub(super) stale_after: Duration,
    pub(super) clock: Clock,
    pub(super) metrics: RevocationMetrics,
    pub(super) recent: Recent,
}

/// One feed's way to the marks.
#[derive(Debug)]
pub(super) struct Intake {
    marks: Arc<Marks>,
    tally: Arc<Tally>,
    heartbeats: bool,
    issuers: Option<Vec<String>>,
    signed: Option<(SignedSettings, KeyRing)>,
    parked: Parked,
}

/// What a security event token comes to.
pub(super) enum Judged {
    /// It is genuine, and in force.
    Taken,
    /// It is not to be believed.
    Refused(SecurityEventFault),
    /// Its key is not known, and its keys can't be read just now.
    NotYet,
}

/// How often messages that wait for their key are looked at again.
const AGAIN: Duration = Duration::from_secs(1);

/// How a security event is verified.
pub(super) struct Verifier<'a> {
    pub(super) issuer: &'a str,
    pub(super) audiences: &'a [String],
    pub(super) keys: &'a KeyRing,
}

impl Verifier<'_> {
    fn verify(&self, text: &str, keys: &KeySet) -> Result<SecurityEvent, SecurityEventFault> {
        let signer = Signer { issuer: self.issuer, audiences: self.audiences, keys };
        SecurityEvent::verify(text, &signer)
    }
}

impl Intake {
    pub(super) fn new(settings: &FeedSettings, marks: Arc<Marks>, tally: Arc<Tally>) -> Self {
        let signed = settings.signed.clone().map(|signed| {
            let ring = KeyRing::new(&signed.keys);
            (signed, ring)
        });
        let (heartbeats, issuers) = (settings.heartbeats, settings.issuers.clone());
        Self { marks, tally, heartbeats, issuers, signed, parked: Parked::default() }
    }

    /// Takes one message, whatever it is.
    ///
    /// # Errors
    /// Only when it can't be judged yet: then it must come again.
    pub(super) async fn take(&self, text: &[u8]) -> Result<(), FeedFault> {
        let text = text.trim_ascii();
        if text.first() == Some(&b'{') {
            self.take_plain(text);
            return Ok(());
        }
        let Some((verifier, text)) = self.verifier().zip(std::str::from_utf8(text).ok()) else {
            self.refuse(if self.signed.is_some() { Refusal::Malformed } else { Refusal::BadlySigned });
            return Ok(());
        };
        if matches!(self.take_event(text, &verifier).await?, Judged::NotYet) && !self.parked.put(text) {
            self.incomplete();
        }
        Ok(())
    }

    fn verifier(&self) -> Option<Verifier<'_>> {
        let (settings, keys) = self.signed.as_ref()?;
        Some(Verifier { issuer: &settings.issuer, audiences: &settings.audiences, keys })
    }

    /// Judges what waits for its key whenever keys can be read again. Runs for ever.
    pub(super) async fn judge_parked(&self) -> std::convert::Infallible {
        loop {
            self.parked.filled().await;
            tokio::time::sleep(AGAIN).await;
            let Some(verifier) = self.verifier() else { continue };
            let Some(keys) = verifier.keys.now().await else { continue };
            for text in self.parked.take() {
                self.settle(verifier.verify(&text, &keys));
            }
        }
    }

    /// Whether a message has waited for its key longer than a feed may be silent.
    pub(super) fn waits_too_long(&self) -> bool {
        self.parked.is_late(self.marks.stale_after)
    }

    fn take_plain(&self, text: &[u8]) {
        if self.signed.as_ref().is_some_and(|(settings, _)| settings.required) {
            return self.refuse(Refusal::Unsigned);
        }
        let Ok(message) = Message::read(text) else { return self.refuse(Refusal::Malformed) };
        self.came(message.published_at);
        match message.content {
            Content::Revoked(notice) => self.apply(&notice, message.published_at),
            Content::Heartbeat => self.beat(),
        }
    }

    /// Takes one security event token.
    ///
    /// # Errors
    /// As [`Intake::take`].
    pub(super) async fn take_event(&self, text: &str, verifier: &Verifier<'_>) -> Result<Judged, FeedFault> {
        let keys = verifier.keys.keys().await?;
        Ok(match verifier.verify(text, &keys) {
            // It may have been published since.
            Err(SecurityEventFault::UnknownKey) => match verifier.keys.now().await {
                Some(keys) => self.settle(verifier.verify(text, &keys)),
                None => Judged::NotYet,
            },
            verified => self.settle(verified),
        })
    }

    fn settle(&self, verified: Result<SecurityEvent, SecurityEventFault>) -> Judged {
        match verified {
            Ok(event) => {
                self.came(Some(event.issued_at()));
                event.meanings().iter().for_each(|meaning| self.act(meaning));
                Judged::Taken
            }
            Err(fault) => {
                let malformed = fault == SecurityEventFault::Form;
                self.refuse(if malformed { Refusal::Malformed } else { Refusal::BadlySigned });
                Judged::Refused(fault)
            }
        }
    }

    fn act(&self, meaning: &Meaning) {
        match meaning {
            Meaning::Revokes(notices) => notices.iter().for_each(|notice| self.apply(notice, None)),
            Meaning::Unmappable => self.refuse(Refusal::Unmappable),
            Meaning::Nothing => self.tally.repeated(),
            Meaning::Alive(_) => self.beat(),
            Meaning::Stream(status) => self.stream(*status),
        }
    }

    fn apply(&self, notice: &Notice, published_at: Option<UnixTime>) {
        if !self.has_say_over(notice.issuer()) {
            return self.refuse(Refusal::OtherIssuer);
        }
        let now = self.now();
        let Ok(mark) = notice.mark(&self.marks.lifetimes, now) else {
            return self.refuse(Refusal::Malformed);
        };
        let applied = self.writer().apply(&mark, now);
        self.tally.applied(mark.kind(), applied);
        self.measure(mark.fingerprint(), applied, published_at);
        if notice.is_ahead(now) {
            self.refuse(Refusal::Ahead);
        }
        // Some tokens that are revoked may pass now, for as long as any of them lives.
        if notice.is_ahead(now) || applied == Applied::Full {
            self.incomplete();
        }
    }

    /// What is read when the feed is read for the first time was on its way for as long as it lay there.
    fn measure(&self, mark: Fingerprint, applied: Applied, published_at: Option<UnixTime>) {
        let Some(published_at) = published_at.filter(|_| self.tally.has_caught_up()) else { return };
        if matches!(applied, Applied::New | Applied::Raised) {
            self.marks.metrics.applied(self.now().since(published_at));
            self.marks.recent.put(mark, published_at);
        }
    }

    /// A digest names one token that its sender has seen, whoever issued it.
    fn has_say_over(&self, issuer: Option<&str>) -> bool {
        let (Some(allowed), Some(issuer)) = (&self.issuers, issuer) else { return true };
        allowed.iter().any(|its| its == issuer)
    }

    /// There was something that is too large to be taken, or is no text.
    pub(super) fn malformed(&self) {
        self.refuse(Refusal::Malformed);
    }

    fn refuse(&self, why: Refusal) {
        self.tally.refused(why);
    }

    /// A message shows that its writer lives, if it is a young one: it may have been kept on the way, or sent again
    /// by another.
    fn came(&self, published_at: Option<UnixTime>) {
        let now = self.now();
        self.tally.came(now, published_at);
        let age = published_at.map(|published| now.since(published).max(published.since(now)));
        if self.heartbeats && age.is_some_and(|age| age <= self.marks.stale_after) {
            self.tally.alive();
        }
    }

    fn beat(&self) {
        self.tally.heartbeat();
    }

    /// The feed is connected, and what it holds comes next.
    pub(super) fn connected(&self) {
        self.tally.connected();
    }

    /// Everything that the feed held has been taken.
    pub(super) fn caught_up(&self) {
        self.tally.caught_up(self.now(), !self.heartbeats);
    }

    /// The server answered and had nothing more. That is a proof of life, but where the writer sends heartbeats
    /// only those are one.
    pub(super) fn idle(&self) {
        if !self.heartbeats {
            self.tally.alive();
        }
    }

    /// The last message that was taken is not there any more. A feed keeps messages for as long as the tokens that
    /// they are about may live, so one that is younger was dropped too early, and others may have been with it,
    /// unread. They were published before the oldest one that is left, if any is.
    pub(super) fn vanished(&self, last_taken: UnixTime, oldest_left: Option<UnixTime>) {
        let (now, lifetime) = (self.now(), self.marks.lifetimes.longest());
        if now < last_taken.plus(lifetime) {
            self.tally.gap(oldest_left.unwrap_or(now).plus(lifetime));
        }
    }

    /// Something that was revoked may not be known, for as long as tokens of now may live.
    pub(super) fn incomplete(&self) {
        self.tally.incomplete(self.now().plus(self.marks.lifetimes.longest()));
    }

    /// How long the feed may be silent.
    pub(super) fn stale_after(&self) -> Duration {
        self.marks.stale_after
    }

    /// What the transmitter says of its stream. While it is paused events are kept, while it is disabled they are
    /// dropped (SSF 1.0 §8.1.2): then some may have been missed.
    pub(super) fn stream(&self, status: StreamStatus) {
        if self.tally.stream(status) == StreamStatus::Disabled {
            self.vanished(self.now(), None);
        }
    }

    pub(super) fn now(&self) -> UnixTime {
        self.marks.clock.now()
    }

    fn writer(&self) -> std::sync::MutexGuard<'_, IndexWriter> {
        self.marks.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
