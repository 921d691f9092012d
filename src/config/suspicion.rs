//! What `suspicion` says, ready to use.

use std::time::Duration;

/// No detector that counts different things tells more of them apart than this.
pub const MOST_DIFFERENT: usize = 16;

/// What counts as suspicious use; a detector that is switched off is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuspicionSettings {
    /// Presentations of one revoked token.
    pub revoked_token: Option<Threshold>,
    /// Addresses that one token comes from.
    pub shared_token: Option<Threshold>,
    /// Invalid tokens from one address.
    pub invalid_token_burst: Option<Threshold>,
    /// Invalid tokens from one address after which it is refused.
    pub limit: Option<Threshold>,
    /// Rules that refuse one client and subject for their scopes.
    pub scope_probing: Option<Threshold>,
    /// How long a token's client certificate is remembered.
    pub certificate_changed: Option<Duration>,
}

/// So many within a window, which begins with the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// How many.
    pub count: u32,
    /// Within how long.
    pub window: Duration,
}
