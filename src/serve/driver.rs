//! Owns every background task. None of them may end while we serve: one that does ends the process, because
//! a sidecar without its key refresh or its admin listener only looks alive.

use std::future::Future;

use tokio::task::JoinSet;

/// The tasks, by name.
#[derive(Debug, Default)]
pub(crate) struct Driver {
    /// Each yields its name, unless it was no longer needed.
    tasks: JoinSet<Option<&'static str>>,
}

impl Driver {
    /// Starts a task that should run until the process ends.
    pub(crate) fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_until(std::future::pending(), name, task);
    }

    /// Starts a task that should run until `unneeded` ends.
    pub(crate) fn spawn_until(
        &mut self,
        unneeded: impl Future<Output = ()> + Send + 'static,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        self.tasks.spawn(async move {
            tokio::select! {
                () = unneeded => None,
                () = task => Some(name),
            }
        });
    }

    /// Waits until a task ends, which none should, and says which.
    pub(crate) async fn ended(&mut self) -> String {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(None)) => {}
                Some(Ok(Some(name))) => return format!("the task \"{name}\" ended"),
                Some(Err(error)) => return format!("a background task failed: {error}"),
                None => std::future::pending().await,
            }
        }
    }
}
