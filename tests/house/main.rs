//! The house in order: what is written down is what is built.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails here is a failed test"
)]

mod audit_fields;
mod layering;
mod monitoring;
mod readme;
mod revocation;
mod samples;
