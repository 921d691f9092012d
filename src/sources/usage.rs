//! The life of the tasks behind a source: started once, ended when nobody uses the source any longer.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// Whether the tasks were started, and whether anybody still uses what they are for: whoever owns this does. The
/// tasks must not own it.
#[derive(Debug, Default)]
pub(super) struct Usage {
    begun: AtomicBool,
    in_use: watch::Sender<()>,
}

impl Usage {
    /// True the first time: then the tasks are to be started.
    pub(super) fn begin(&self) -> bool {
        !self.begun.swap(true, Ordering::Relaxed)
    }

    /// Ends when this is dropped.
    pub(super) fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut in_use = self.in_use.subscribe();
        async move { while in_use.changed().await.is_ok() {} }
    }
}
