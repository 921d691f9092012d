//! Owns every background task. None of them may end while we serve: one that does ends the process, because
//! a sidecar without its key refresh or its admin listener only looks alive.

use std::future::Future;

use tokio::task::JoinSet;

/// The tasks, by name.
#[derive(Debug, Default)]
pub(crate) struct Driver {
    tasks: JoinSet<&'static str>,
}

impl Driver {
    /// Starts a task that should run until the process ends.
    pub(crate) fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            task.await;
            name
        });
    }

    /// Waits until a task ends, which none should, and says which.
    pub(crate) async fn ended(&mut self) -> String {
        match self.tasks.join_next().await {
            Some(Ok(name)) => format!("the task \"{name}\" ended"),
            Some(Err(error)) => format!("a background task failed: {error}"),
            None => std::future::pending().await,
        }
    }
}
