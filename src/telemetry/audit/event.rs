//! Suspicious use of tokens, as one line of the audit log: a Detection Finding (2004) of OCSF 1.6.0.

use serde_json::{Map, Value, json};

use crate::check::record::{Identities, OCSF_VERSION};
use crate::jose::UnixTime;
use crate::suspicion::{Held, Suspicion};

/// Detection Finding; its activity is always Create.
const DETECTION_FINDING: u32 = 2004;

/// The event as it is written: whom it is about is hashed, or plain where the operator wants that.
#[must_use]
pub fn line(event: &Suspicion, now: UnixTime, identities: &Identities) -> Value {
    let (kind, millis) = (event.kind, now.as_millis());
    json!({
        "time": millis,
        "time_dt": now.to_string(),
        "category_uid": DETECTION_FINDING / 1000,
        "class_uid": DETECTION_FINDING,
        "activity_id": 1,
        "type_uid": DETECTION_FINDING * 100 + 1,
        "severity_id": kind.severity(),
        "status_id": 1,
        "finding_info": {
            "uid": format!("{}:{}:{millis}", kind.label(), about(event)),
            "title": kind.title(),
            "types": [kind.label()],
        },
        "evidences": [evidence(event, identities)],
        "metadata": metadata(),
        "unmapped": unmapped(event, identities),
    })
}

/// What tells two events of one kind and moment apart.
fn about(event: &Suspicion) -> String {
    let source = || event.source.map(|source| source.to_string());
    event.token.clone().or_else(source).unwrap_or_default()
}

fn evidence(event: &Suspicion, identities: &Identities) -> Value {
    let mut session = Map::new();
    add(&mut session, "credential_uid", event.token.as_deref());
    let mut actor = Map::new();
    if let Some(Held { issuer, client, subject }) = &event.holder {
        add(&mut session, "issuer", Some(&**issuer));
        add(&mut actor, "user", subject.as_ref().map(|subject| json!({ "uid": identities.shown(subject) })));
        add(&mut actor, "app_uid", client.as_ref().map(|client| identities.shown(client)));
    }
    actor.insert("session".to_owned(), session.into());
    let source = match event.source {
        Some(ip) => json!({ "ip": ip }),
        None => json!({ "name": "unknown" }),
    };
    json!({ "actor": actor, "src_endpoint": source })
}

fn unmapped(event: &Suspicion, identities: &Identities) -> Value {
    let mut members = Map::new();
    members.insert("count".to_owned(), event.count.into());
    members.insert("window_seconds".to_owned(), event.window.as_secs().into());
    add(&mut members, "rule", event.rule.as_deref());
    let names = event.holder.as_ref().and_then(|held| held.subject.as_ref().or(held.client.as_ref()));
    add(&mut members, "hash_key", names.and_then(|_| identities.key_id()));
    members.into()
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
