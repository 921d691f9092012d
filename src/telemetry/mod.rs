//! What operators see from outside: metrics, logs and the audit log. Never a token, a proof or a secret.

pub mod audit;
pub mod logging;
pub mod metrics;
pub mod per_second;
