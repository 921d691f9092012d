//! The request path: plan → gather → decide. Everything here is pure: no waiting, no clock, no network.
//!
//! [`plan()`] finds the rule, the credential and the issuer, and says what must be known to decide; a request
//! for the [`resource`]'s own metadata it answers.
//! Whoever can wait gathers that into [`Facts`]. [`decide()`] verifies and evaluates, or asks for one thing
//! more. A [`Grant`] can be made only from a [`proof::ProvenToken`], and that only from an
//! [`access_token::VerifiedToken`], so the compiler refuses a path that skips a stage.

pub mod access_token;
pub mod challenge;
pub mod credential;
mod decide;
pub mod decision;
pub mod input;
pub mod introspection;
pub mod issuer;
pub mod jwt;
pub mod known_tokens;
mod plan;
pub mod policy;
pub mod proof;
mod reason;
pub mod record;
pub mod replay;
pub mod resource;
pub mod revocation;
mod route;
pub mod target;
pub mod trace_context;
pub mod trail;
pub mod trial;

pub use decide::{Decided, Step, decide};
pub use decision::{Decision, Denial, DenyReason, Outage, OutageReason};
pub use input::{CheckInput, Headers, network};
pub use plan::{Facts, Need, Plan, World, plan};
pub use policy::Grant;
