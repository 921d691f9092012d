//! What the standards and other people's vectors ask of a resource server, asked of the functions that the
//! sidecar, `explain` and these tests share: configuration as loaded from files, `plan` and `decide`. No
//! server, no clock. Each line of the checklists in `standards.md` is named where it is kept.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code outside #[test] functions"
)]

mod bearer;
mod cookbook;
mod gate;
mod introspection;
mod issuers;
mod jsonwebtoken_gaps;
mod jws;
mod keys;
mod rfc9068;
mod security_events;
