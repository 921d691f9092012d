//! The running sidecar: listeners, background tasks, readiness, and an orderly end.

mod admin;
mod app;
mod driver;
mod listener;
mod readiness;
mod shutdown;
mod wiring;

pub use app::{ServeError, serve};
pub(crate) use driver::Driver;
pub use wiring::Wiring;
