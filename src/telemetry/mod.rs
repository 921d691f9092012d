//! What operators see from outside: metrics and logs. Never a token, a proof or a secret.

pub mod logging;
pub mod metrics;
