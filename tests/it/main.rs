//! The server in this process, and the binary on the command line, without an Envoy.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: a failed step is a failed test"
)]

mod check;
mod diff;
mod explain;
mod introspect;
mod logging;
mod metrics;
mod otlp;
mod reload;
mod revoke;
mod schema;
mod sidecar;
mod snapshot;
mod status;
mod wire;
