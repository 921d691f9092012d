//! The promises as a client, a service and an operator meet them: the real Envoy with the configuration we
//! ship, the real binary, a real authorization server or one that a test steers, and a service that tells what
//! reached it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code outside #[test] functions"
)]

mod admin;
mod allow;
mod audit;
mod good;
mod headers;
mod introspection;
mod known_tokens;
mod metadata;
mod outage;
mod paths;
mod policy;
mod refuse;
mod reload;
mod revocation;
mod rotation;
mod runbooks;
mod secrets;
mod shutdown;
mod stand;
mod suspicion;
mod table;
mod traces;
