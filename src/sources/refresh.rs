//! When to refresh: at an interval with jitter, or when a check asks, but not too often.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Coalesces what many checks ask for into few attempts.
#[derive(Debug)]
pub(super) struct RefreshGate {
    cooldown: Duration,
    wake: Notify,
    asked: Mutex<Asked>,
    progress: watch::Sender<Progress>,
}

/// Attempts are numbered from 1.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    started: u64,
    finished: u64,
    failed: bool,
}

/// How many attempts may be asked for at once: rotations come in pairs, and an invented key id must not hold
/// up the real one that follows it.
const BURST: u32 = 4;

#[derive(Debug)]
struct Asked {
    /// How many attempts may still be asked for, up to [`BURST`].
    left: u32,
    /// Since when the next one is growing back.
    since: Instant,
    /// The attempt that answers the last question.
    attempt: u64,
}

/// What a check learns when it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refreshed {
    /// The last attempt succeeded.
    Succeeded,
    /// The last attempt failed.
    Failed,
}

impl RefreshGate {
    /// A gate that lets [`BURST`] attempts be asked for, and one more each `cooldown`.
    pub(super) fn new(cooldown: Duration) -> Self {
        let asked = Mutex::new(Asked { left: BURST, since: Instant::now(), attempt: 0 });
        Self { cooldown, wake: Notify::new(), asked, progress: watch::Sender::default() }
    }

    /// Waits for the attempt under way, if there is one, and unless that `answered` asks for another that
    /// starts after now and waits for its end. When too much was asked it tells how the last one went.
    pub(super) async fn ask(&self, answered: impl Fn() -> bool) -> Refreshed {
        let started = self.progress.borrow().started;
        let under_way = self.ended(started, &answered).await;
        if answered() {
            return under_way;
        }
        self.ended(self.next_attempt(), &answered).await
    }

    async fn ended(&self, attempt: u64, answered: impl Fn() -> bool) -> Refreshed {
        let mut progress = self.progress.subscribe();
        match progress.wait_for(|progress| progress.finished >= attempt || answered()).await {
            Ok(progress) if !progress.failed => Refreshed::Succeeded,
            _ => Refreshed::Failed,
        }
    }

    /// Wakes the task where that is due, and returns the attempt to wait for.
    fn next_attempt(&self) -> u64 {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = *self.progress.borrow();
        // One that has been asked for and has not begun answers this check too.
        if asked.attempt > progress.started {
            return asked.attempt;
        }
        if asked.take(self.cooldown) {
            asked.attempt = progress.started + 1;
            self.wake.notify_one();
        }
        asked.attempt
    }

    /// Waits until the next attempt is due: at about `interval`, or as soon as somebody asks.
    pub(super) async fn due(&self, interval: Duration) {
        tokio::select! {
            () = self.wake.notified() => {}
            () = tokio::time::sleep(jittered(interval)) => {}
        }
    }

    pub(super) fn started(&self) {
        self.progress.send_modify(|progress| progress.started += 1);
    }

    pub(super) fn finished(&self, failed: bool) {
        self.progress.send_modify(|progress| {
            progress.finished = progress.started;
            progress.failed = failed;
        });
    }
}

impl Asked {
    fn take(&mut self, cooldown: Duration) -> bool {
        let now = Instant::now();
        while self.left < BURST && now.duration_since(self.since) >= cooldown {
            self.left += 1;
            self.since += cooldown;
        }
        if self.left == BURST {
            self.since = now;
        }
        let taken = self.left > 0;
        self.left = self.left.saturating_sub(1);
        taken
    }
}

/// Within a tenth of the interval, so that a fleet that starts together does not ask together.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(0.9 + 0.2 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    const HOUR: Duration = Duration::from_secs(3600);

    fn never() -> bool {
        false
    }

    /// Whether somebody wakes the task before `within` has passed.
    async fn woken(gate: &RefreshGate, within: Duration) -> bool {
        tokio::time::timeout(within, gate.due(HOUR)).await.is_ok()
    }

    /// How many attempts a thousand checks cause, of which each is answered by the first one or never.
    async fn attempts_of_a_thousand(answerable: bool) -> u32 {
        let gate = Arc::new(RefreshGate::new(Duration::from_secs(5)));
        let brought = Arc::new(AtomicBool::new(false));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..1000 {
            let (gate, brought) = (Arc::clone(&gate), Arc::clone(&brought));
            tasks.spawn(async move { gate.ask(|| brought.load(Ordering::Relaxed)).await });
        }
        let mut attempts = 0;
        while !tasks.is_empty() {
            tokio::select! {
                () = gate.due(HOUR) => {
                    gate.started();
                    attempts += 1;
                    // As long as a real one takes: everybody asks meanwhile.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    brought.store(answerable, Ordering::Relaxed);
                    gate.finished(false);
                }
                Some(refreshed) = tasks.join_next() => assert_eq!(refreshed.unwrap(), Refreshed::Succeeded),
            }
        }
        attempts
    }

    #[tokio::test(start_paused = true)]
    async fn many_checks_are_one_attempt_that_answers_them_all() {
        assert_eq!(attempts_of_a_thousand(true).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn many_checks_that_nothing_answers_are_a_burst_at_most() {
        assert!(attempts_of_a_thousand(false).await <= BURST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_of_attempts_and_then_one_each_cooldown() {
        let gate = RefreshGate::new(Duration::from_secs(5));
        let one = async |failed| {
            let attempt = async {
                gate.due(HOUR).await;
                gate.started();
                gate.finished(failed);
            };
            tokio::join!(gate.ask(never), attempt).0
        };
        for _ in 0..BURST {
            assert_eq!(one(false).await, Refreshed::Succeeded);
        }
        // Answered at once from the last attempt, and nobody is woken.
        assert_eq!(gate.ask(never).await, Refreshed::Succeeded);
        assert!(!woken(&gate, Duration::from_secs(4)).await, "asked again while cooling down");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(one(true).await, Refreshed::Failed);
        assert_eq!(gate.ask(never).await, Refreshed::Failed);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_began_before_counts_only_if_it_answers() {
        let gate = Arc::new(RefreshGate::new(Duration::from_secs(5)));
        gate.started();
        let mut asking = tokio::task::JoinSet::new();
        let (one, other) = (Arc::clone(&gate), Arc::clone(&gate));
        asking.spawn(async move { one.ask(never).await });
        tokio::task::yield_now().await;
        gate.finished(true);
        tokio::task::yield_now().await;
        assert!(asking.try_join_next().is_none(), "answered by an attempt that began before");
        // This one finds its key in what that attempt brought.
        assert_eq!(other.ask(|| true).await, Refreshed::Failed);
        gate.due(HOUR).await;
        gate.started();
        gate.finished(false);
        assert_eq!(asking.join_next().await.unwrap().unwrap(), Refreshed::Succeeded);
    }

    #[test]
    fn jitter_stays_within_a_tenth() {
        for _ in 0..1000 {
            let jittered = jittered(Duration::from_secs(60));
            assert!((54.0..=66.0).contains(&jittered.as_secs_f64()));
        }
    }
}
