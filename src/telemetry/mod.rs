//! What operators see from outside: metrics, traces, logs and the audit log. Never a token, a proof or a secret.

pub mod audit;
pub mod logging;
pub mod metrics;
pub mod otlp;
pub mod per_second;
pub mod trace;
