//! Revocation feeds against the real thing: files that others write, a real Redis, a real NATS, a transmitter of
//! security events. Whatever happens to them on the way, nothing that they were given is lost.

#![expect(clippy::unwrap_used, reason = "test code: a failed step is a failed test")]

mod file;
mod freshness;
mod nats;
mod publish;
mod redis;
mod signed;
mod ssf_poll;
mod stand;
