//! The running sidecar: listeners, background tasks, readiness, edits of its configuration, and an orderly end.

mod admin;
mod app;
mod config_status;
mod connections;
mod driver;
mod feeds_seen;
mod listener;
mod readiness;
mod reload;
mod shutdown;
mod watch;
mod wiring;

pub use app::{ServeError, serve};
pub(crate) use driver::Driver;
pub use wiring::Wiring;
