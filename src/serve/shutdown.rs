//! Tells when to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT, as they come.
#[derive(Debug)]
pub(super) struct Requests {
    terminate: Signal,
    interrupt: Signal,
}

/// Listens from now on.
///
/// # Errors
/// When signals can't be listened to.
pub(super) fn requested() -> std::io::Result<Requests> {
    Ok(Requests { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
}

impl Requests {
    /// Waits for the next one and tells its name.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
