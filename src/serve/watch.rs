//! Notices that the configuration's files have changed.
//!
//! It looks, four times a second. Being told by inotify would be no simpler, since network and overlay file
//! systems tell nothing and a mounted ConfigMap only moves a link, so that looking is needed all the same. And
//! it always reads: that costs a small directory as little as asking for times and sizes, which can lie.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;

use crate::config::{Config, Files, Fingerprint, Loaded, Path, Problem, compile};

/// How often to look: an edit is to be live within a second, a half-written file seen twice included.
const PAUSE: Duration = Duration::from_millis(250);

/// What became of the files.
#[derive(Debug)]
pub(super) enum Edit {
    /// They say something new, which can be applied; there may be warnings.
    Good(Box<Config>, Vec<Problem>),
    /// They say something new, which can't.
    Bad(Vec<Problem>),
    /// They say again what is in use.
    Undone,
    /// Somebody asked to have them read again, and they say what they said.
    Nothing,
}

/// Looks at one directory.
#[derive(Debug)]
pub(super) struct Watch {
    directory: PathBuf,
    hangup: Signal,
    seen: Seen,
}

impl Watch {
    /// Watches for files that differ from these, which are in use. From now on SIGHUP ends nothing.
    ///
    /// # Errors
    /// When signals can't be listened to.
    pub(super) fn new(files: Files) -> io::Result<Self> {
        let hangup = signal(SignalKind::hangup())?;
        let seen = Seen::in_use(files.fingerprint());
        Ok(Self { directory: files.directory, hangup, seen })
    }

    /// Waits for the next edit that is to be judged, and compiles it. What can be applied is taken to be in use
    /// from here on.
    pub(super) async fn next(&mut self) -> Edit {
        loop {
            let asked = tokio::select! {
                _ = self.hangup.recv() => true,
                () = tokio::time::sleep(PAUSE) => false,
            };
            if let Some(edit) = self.look(asked).await {
                return edit;
            }
        }
    }

    async fn look(&mut self, asked: bool) -> Option<Edit> {
        let directory = self.directory.clone();
        // Not on the thread of the checks: a file system may take its time, and so may a large file.
        let looked = spawn_blocking(move || {
            let files = Files::read(&directory);
            (files.fingerprint(), files)
        });
        let (fingerprint, files) = looked.await.ok()?;
        match self.seen.judge(fingerprint, files.is_settled || asked) {
            Judged::Known => asked.then_some(Edit::Nothing),
            Judged::Unsettled => None,
            Judged::Undone => Some(Edit::Undone),
            Judged::New => {
                let loaded = spawn_blocking(move || compile(&files)).await.unwrap_or_else(|_| self.failed());
                let Loaded { config, problems, .. } = loaded;
                Some(match config {
                    Some(config) => {
                        self.seen = Seen::in_use(fingerprint);
                        Edit::Good(Box::new(config), problems)
                    }
                    None => Edit::Bad(problems),
                })
            }
        }
    }

    /// Compiling panicked. What is in use goes on.
    fn failed(&self) -> Loaded {
        let directory = self.directory.display().to_string();
        let what = "can't be compiled, in a way that is a bug in gatepost";
        Loaded {
            config: None,
            problems: vec![Problem::error(&directory, &Path::root(), what)],
            source: None,
            policy_source: None,
        }
    }
}

/// What has been seen of the files.
#[derive(Debug)]
struct Seen {
    in_use: Fingerprint,
    /// The last that was judged, applied or refused.
    judged: Fingerprint,
    /// One that was seen once, and may be half-written.
    unsettled: Option<Fingerprint>,
}

/// What to do about a reading.
#[derive(Debug, PartialEq, Eq)]
enum Judged {
    Known,
    Unsettled,
    Undone,
    New,
}

impl Seen {
    fn in_use(fingerprint: Fingerprint) -> Self {
        Self { in_use: fingerprint, judged: fingerprint, unsettled: None }
    }

    /// A reading counts when nothing of it can be half-written, or when the one before was the same.
    fn judge(&mut self, fingerprint: Fingerprint, is_settled: bool) -> Judged {
        let before = self.unsettled.take();
        if fingerprint == self.judged {
            return Judged::Known;
        }
        if !is_settled && before != Some(fingerprint) {
            self.unsettled = Some(fingerprint);
            return Judged::Unsettled;
        }
        self.judged = fingerprint;
        if fingerprint == self.in_use { Judged::Undone } else { Judged::New }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(readings: &[(u8, bool)]) -> Vec<Judged> {
        let mut seen = Seen::in_use([0; 32]);
        readings.iter().map(|(content, is_settled)| seen.judge([*content; 32], *is_settled)).collect()
    }

    #[test]
    fn a_settled_edit_is_judged_at_once_and_once() {
        use Judged::{Known, New};
        assert_eq!(seen(&[(0, true), (1, true), (1, true), (1, false)]), [Known, New, Known, Known]);
    }

    #[test]
    fn an_edit_that_may_be_half_written_is_judged_when_seen_twice_in_a_row() {
        use Judged::{Known, New, Unsettled};
        let judged = seen(&[(1, false), (2, false), (1, false), (0, false), (1, false), (1, false)]);
        assert_eq!(judged, [Unsettled, Unsettled, Unsettled, Known, Unsettled, New]);
    }

    #[test]
    fn an_edit_that_was_refused_is_undone_by_what_is_in_use() {
        use Judged::{Known, New, Undone, Unsettled};
        let judged = seen(&[(1, true), (0, false), (0, false), (0, false), (1, true)]);
        assert_eq!(judged, [New, Unsettled, Undone, Known, New]);
    }
}
