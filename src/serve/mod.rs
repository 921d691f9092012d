//! The running sidecar: listeners, background tasks, readiness, and an orderly end.

mod admin;
mod app;
mod driver;
mod listener;
mod readiness;
mod shutdown;

pub use app::{ServeError, serve};
