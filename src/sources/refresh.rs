//! When to refresh: at an interval with jitter, or when a check asks, but not too often.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Coalesces the wishes of many checks into few attempts.
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

#[derive(Debug, Default)]
struct Asked {
    at: Option<Instant>,
    /// The attempt that answers the last wish.
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
    pub(super) fn new(cooldown: Duration) -> Self {
        Self { cooldown, wake: Notify::new(), asked: Mutex::default(), progress: watch::Sender::default() }
    }

    /// Asks for an attempt that starts after now and waits for its end. While cooling down it waits only
    /// for an attempt that another check has asked for, and otherwise tells how the last one went.
    pub(super) async fn ask(&self) -> Refreshed {
        let attempt = self.wish();
        let mut progress = self.progress.subscribe();
        let ended = progress.wait_for(|progress| progress.finished >= attempt).await;
        match ended {
            Ok(progress) if !progress.failed => Refreshed::Succeeded,
            _ => Refreshed::Failed,
        }
    }

    /// Notes the wish, wakes the task where that is due, and returns the attempt to wait for.
    fn wish(&self) -> u64 {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let cooling = asked.at.is_some_and(|at| now.duration_since(at) < self.cooldown);
        if !cooling {
            *asked = Asked { at: Some(now), attempt: self.progress.borrow().started + 1 };
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

/// Within a tenth of the interval, so that a fleet that starts together does not ask together.
fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(0.9 + 0.2 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test(start_paused = true)]
    async fn many_wishes_are_one_attempt_until_the_cooldown_has_passed() {
        let gate = Arc::new(RefreshGate::new(Duration::from_secs(5)));
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..1000 {
            let gate = Arc::clone(&gate);
            waiting.spawn(async move { gate.ask().await });
        }
        gate.due(Duration::from_secs(3600)).await;
        gate.started();
        tokio::task::yield_now().await;
        gate.finished(false);
        while let Some(refreshed) = waiting.join_next().await {
            assert_eq!(refreshed.unwrap(), Refreshed::Succeeded);
        }
        // Cooling down: answered at once from the last attempt, and nobody is woken.
        assert_eq!(gate.ask().await, Refreshed::Succeeded);
        let woken = tokio::time::timeout(Duration::from_secs(4), gate.due(Duration::from_secs(3600))).await;
        assert!(woken.is_err(), "asked again while cooling down");
        tokio::time::advance(Duration::from_secs(2)).await;
        let (refreshed, ()) = tokio::join!(gate.ask(), async {
            gate.due(Duration::from_secs(3600)).await;
            gate.started();
            gate.finished(true);
        });
        assert_eq!(refreshed, Refreshed::Failed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_during_an_attempt_waits_for_the_next_one() {
        let gate = Arc::new(RefreshGate::new(Duration::from_secs(5)));
        gate.started();
        let mut asking = tokio::task::JoinSet::new();
        let asked = Arc::clone(&gate);
        asking.spawn(async move { asked.ask().await });
        tokio::task::yield_now().await;
        gate.finished(true);
        gate.due(Duration::from_secs(3600)).await;
        assert!(asking.try_join_next().is_none(), "answered by an attempt that began before the wish");
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
