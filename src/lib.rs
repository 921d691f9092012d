//! gatepost stands beside the gate: Envoy asks it over gRPC `ext_authz` whether a request may pass, and it
//! answers as an OAuth 2.0 resource server should.
//!
//! # The path of a request
//!
//! ```text
//! CheckRequest ─ envoy::request ─▶ CheckInput
//!                                    │  check::plan                              pure
//!                                    │    target       one reading of host and path, or none
//!                                    │    resource     its own metadata: answered at once
//!                                    │    policy       the first rule that matches (it may be public)
//!                                    │    credential   exactly one bearer token
//!                                    │    jwt::read    form, issuer, type, algorithm, expiry;
//!                                    │                 or whose opaque token it is
//!                                    │    known_tokens  a JWT that verified before
//!                                    ▼
//!                                  Plan { need: nothing? keys? the issuer's answer? } — or a Decision
//!                                    │  sources::gather                          the only wait, one deadline
//!                                    ▼
//!                                  Facts
//!                                    │  check::decide                            pure
//!                                    │    jwt::verify      the signature, or
//!                                    │    introspection    the issuer's answer; then
//!                                    │    access_token     the claims            → VerifiedToken
//!                                    │    revocation       does a mark fit it?   → Screened
//!                                    │    proof::check     bound to the sender?  → ProvenToken
//!                                    │    policy::evaluate the rule              → Grant
//!                                    ▼
//! CheckResponse ◀─ envoy::response ─ Decision { Allow(Grant) | Deny(Denial) | Unavailable(Outage) | Answer }
//! ```
//!
//! A JWT that its rule has confirmed by the issuer goes through gather and decide twice: first its signature,
//! then the answer. Each type on the right can be made only by its own stage, so no path can skip one. [`authorizer`] runs the
//! three steps with one clock reading, one [`snapshot`] and one deadline; `gatepost explain` runs the same
//! functions and keeps their trail.
//!
//! When a check is answered, policies on trial judge it too ([`check::trial`]); what they would change is counted
//! and recorded ([`check::record`]), and `gatepost diff` judges such records again ([`check::replay`]).
//!
//! # The house
//!
//! | room | what it is for |
//! |---|---|
//! | [`check`] | the request path; no waiting, no clock, no network |
//! | [`jose`] | tokens, keys and signatures, strictly |
//! | [`config`] | two files become one configuration, or a list of problems |
//! | [`sources`] | facts from outside, refreshed in the background |
//! | [`snapshot`] | what every check sees, replaced whole |
//! | [`authorizer`] | the shell around a check |
//! | [`envoy`] | the wire |
//! | [`serve`] | listeners, tasks, edits of the configuration, readiness, shutdown |
//! | [`secret`] | text that can be used but not printed |
//! | [`suspicion`] | what looks like misuse of tokens, told from many checks |
//! | [`telemetry`] | metrics, traces, logs and the audit log |
//! | [`inject`] | the sidecar in a pod, and the ways to carry it there |
//! | [`cli`] | the commands |
//!
//! Imports go one way: `cli → serve → envoy → authorizer → snapshot → sources → telemetry → suspicion → config → check → jose`.
//! [`inject`] imports only `config`. A test reads the `use` lines.

pub mod authorizer;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod envoy;
pub mod inject;
pub mod jose;
pub mod secret;
pub mod serve;
pub mod snapshot;
pub mod sources;
pub mod suspicion;
pub mod telemetry;
