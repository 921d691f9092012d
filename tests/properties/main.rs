//! What must hold for every input, tried with invented ones.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test code: a failed step is a failed test")]

mod claims;
mod invented;
mod known_tokens;
mod parsers;
mod policy;
mod replay;
mod requirements;
mod revocation;
mod suspicion;
mod tampering;
mod trials;
mod world;
