//! Suspicious use of tokens, as one line of the audit log: a Detection Finding (2004) of OCSF 1.6.0.

use core::net::IpAddr;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::check::record::{Identities, OCSF_VERSION};
use crate::jose::UnixTime;

/// Detection Finding; its activity is always Create.
const DETECTION_FINDING: u32 = 2004;

macro_rules! event_kinds {
    ($($name:ident: $label:literal, $severity:literal, $title:literal;)*) => {
        /// What was noticed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventKind {
            $(#[doc = $title] $name,)*
        }

        impl EventKind {
            /// Every kind, in the order in which documentation lists them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The value of the metric label `kind`.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }

            /// What documentation says of it.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }

            /// OCSF's `severity_id`: 3 is medium and 4 high.
            const fn severity(self) -> u32 {
                match self {
                    $(Self::$name => $severity,)*
                }
            }
        }
    };
}

event_kinds! {
    RevokedToken: "revoked_token", 4, "A token was presented after it had been revoked.";
    SharedToken: "shared_token", 4, "A token was presented from many addresses.";
    InvalidTokenBurst: "invalid_token_burst", 3, "One address presented many invalid tokens.";
    ScopeProbing: "scope_probing", 3, "A token was presented where it lacks the scopes, again and again.";
    CertificateChanged: "certificate_changed", 4, "A token was presented with another client certificate than before.";
}

/// One event. Who and what is hashed before it is written; no part of it is ever a token.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// What was noticed.
    pub kind: EventKind,
    /// The token's digest ([`token_digest`](crate::check::record::token_digest)), where it is about one.
    pub token: Option<&'a str>,
    /// The configured name of its issuer.
    pub issuer: Option<&'a str>,
    /// Whom it is about, as the token has it.
    pub subject: Option<&'a str>,
    /// The client, as the token has it.
    pub client: Option<&'a str>,
    /// The configured name of the rule.
    pub rule: Option<&'a str>,
    /// Where the request came from.
    pub source: Option<IpAddr>,
    /// How many requests, addresses or scopes made it suspicious.
    pub count: u64,
    /// Within how long, where that matters.
    pub window: Option<Duration>,
}

impl<'a> Event<'a> {
    /// An event of which nothing else is known.
    #[must_use]
    pub fn new(kind: EventKind) -> Self {
        Self {
            kind,
            token: None,
            issuer: None,
            subject: None,
            client: None,
            rule: None,
            source: None,
            count: 1,
            window: None,
        }
    }

    /// The event as it is written.
    #[must_use]
    pub fn line(&self, now: UnixTime, identities: &Identities) -> Value {
        let millis = now.as_millis();
        json!({
            "time": millis,
            "time_dt": now.to_string(),
            "category_uid": DETECTION_FINDING / 1000,
            "class_uid": DETECTION_FINDING,
            "activity_id": 1,
            "type_uid": DETECTION_FINDING * 100 + 1,
            "severity_id": self.kind.severity(),
            "status_id": 1,
            "finding_info": {
                "uid": format!("{}:{}:{millis}", self.kind.label(), self.about()),
                "title": self.kind.title(),
                "types": [self.kind.label()],
            },
            "evidences": [self.evidence(identities)],
            "metadata": metadata(),
            "unmapped": self.unmapped(identities),
        })
    }

    /// What tells two events of one kind and moment apart.
    fn about(&self) -> String {
        let source = || self.source.map(|source| source.to_string());
        self.token.map(str::to_owned).or_else(source).unwrap_or_default()
    }

    fn evidence(&self, identities: &Identities) -> Value {
        let mut session = Map::new();
        add(&mut session, "issuer", self.issuer);
        add(&mut session, "credential_uid", self.token);
        let mut actor = Map::new();
        add(&mut actor, "user", self.subject.map(|subject| json!({ "uid": identities.shown(subject) })));
        add(&mut actor, "app_uid", self.client.map(|client| identities.shown(client)));
        actor.insert("session".to_owned(), session.into());
        let source = match self.source {
            Some(ip) => json!({ "ip": ip }),
            None => json!({ "name": "unknown" }),
        };
        json!({ "actor": actor, "src_endpoint": source })
    }

    fn unmapped(&self, identities: &Identities) -> Value {
        let mut members = Map::new();
        members.insert("count".to_owned(), self.count.into());
        add(&mut members, "window_seconds", self.window.map(|window| window.as_secs()));
        add(&mut members, "rule", self.rule);
        let names = self.subject.or(self.client);
        add(&mut members, "hash_key", names.and_then(|_| identities.key_id()));
        members.into()
    }
}

fn metadata() -> Value {
    let product =
        json!({ "name": "gatepost", "vendor_name": "gatepost", "version": env!("CARGO_PKG_VERSION") });
    json!({ "version": OCSF_VERSION, "profiles": ["datetime"], "product": product })
}

fn add(members: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        members.insert(name.to_owned(), value.into());
    }
}
