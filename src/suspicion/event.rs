//! What a detector says: one event, with nothing in it that could be used.

use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

macro_rules! kinds {
    ($($name:ident: $label:literal, $severity:literal, $title:literal;)*) => {
        /// The kinds of suspicious use.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind {
            $(#[doc = $title] $name,)*
        }

        impl Kind {
            /// All of them, in the order of their numbers.
            pub const ALL: [Self; 5] = [$(Self::$name,)*];

            /// The value of the metric label `kind`, and the word in logs.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }

            /// What it is, for people.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }

            /// OCSF's `severity_id`: 3 is medium and 4 high.
            #[must_use]
            pub const fn severity(self) -> u32 {
                match self {
                    $(Self::$name => $severity,)*
                }
            }
        }
    };
}

kinds! {
    RevokedToken: "revoked_token", 4, "A revoked token was presented again.";
    SharedToken: "shared_token", 4, "One token came from many addresses.";
    InvalidTokenBurst: "invalid_token_burst", 3, "One address presented many invalid tokens.";
    ScopeProbing: "scope_probing", 3, "One client was refused for its scopes by many rules.";
    CertificateChanged: "certificate_changed", 4, "A token came with another client certificate than before.";
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// What it is.
    pub kind: Kind,
    /// Where the request came from that made it one.
    pub source: Option<IpAddr>,
    /// The rule that applied to that request.
    pub rule: Option<Arc<str>>,
    /// Whose the token is, where it was verified and not revoked.
    pub holder: Option<Held>,
    /// The token's digest ([`token_digest`](crate::check::record::token_digest)), unless it is about many.
    pub token: Option<String>,
    /// How many were counted: presentations, addresses, tokens, rules or certificates.
    pub count: u32,
    /// The window in which they were.
    pub window: Duration,
}

/// Whose a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The configured name of its issuer.
    pub issuer: Arc<str>,
    /// The client, as the token has it: not to be written as it is.
    pub client: Option<String>,
    /// Whom it is about, as the token has it: not to be written as it is.
    pub subject: Option<String>,
}
