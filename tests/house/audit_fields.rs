//! deploy/audit tells of every field that a line of the audit log can have, and of no other.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use gatepost::check::record::{
    Identities, Record, RecordedRequest, RecordedToken, RecordedTrial, token_digest,
};
use gatepost::jose::UnixTime;
use gatepost::suspicion::{Held, Kind, Suspicion};
use gatepost::telemetry::audit::event::line;
use serde_json::{Value, json};

use crate::samples::here;

/// Objects whose members have names of others.
const OF_OTHERS: [&str; 2] = ["unmapped.headers", "unmapped.token.claims"];

/// The fields of a value, with `[]` for the elements of a list.
fn fields(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) if !OF_OTHERS.contains(&at) => {
            for (name, value) in members {
                let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                fields(value, &at, found);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|value| fields(value, &format!("{at}[]"), found)),
        _ => _ = found.insert(at.to_owned()),
    }
}

fn of(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    fields(value, "", &mut found);
    found
}

/// The first column of the table below this heading.
fn documented(heading: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(here("deploy/audit/README.md")).unwrap();
    let (_, after) = text.split_once(&format!("## {heading}\n")).unwrap();
    let section = after.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(field, _)| field.to_owned()).collect()
}

fn full_record() -> Record {
    let text = || Some("text".to_owned());
    Record {
        time: UnixTime::from_seconds(1),
        request: RecordedRequest {
            method: "GET".into(),
            host: "a".into(),
            path: "/".into(),
            hidden: true,
            headers: [("x-a".to_owned(), vec![text()])].into(),
            id: text(),
            trace: text(),
            source: Some([192, 0, 2, 7].into()),
        },
        credential: text(),
        token: Some(RecordedToken {
            issuer: "corp".into(),
            client: text(),
            subject: text(),
            hash_key: text(),
            scopes: text().into_iter().collect(),
            claims: [("aud".to_owned(), json!("a"))].into_iter().collect(),
            absent: text().into_iter().collect(),
            confirmed: true,
            complete: true,
        }),
        outcome: "deny".into(),
        reason: "scope_insufficient".into(),
        rule: text(),
        generation: 1,
        trail: text().into_iter().collect(),
        trials: vec![RecordedTrial {
            policy: "shadow".into(),
            rule: text(),
            difference: "would_deny".into(),
            reason: "no_rule".into(),
        }],
    }
}

#[test]
fn every_field_of_a_check_is_documented_and_no_other() {
    let line = serde_json::to_value(full_record()).unwrap();
    assert_eq!(documented("Fields of a check"), of(&line));
}

#[test]
fn every_field_of_an_event_is_documented_and_no_other() {
    let held = Held { issuer: "corp".into(), client: Some("web".into()), subject: Some("alice".into()) };
    let event = Suspicion {
        kind: Kind::SharedToken,
        token: Some(token_digest("token")),
        holder: Some(held),
        rule: Some("read".into()),
        source: Some([192, 0, 2, 7].into()),
        count: 2,
        window: Duration::from_secs(60),
    };
    let line = line(&event, UnixTime::from_seconds(1), &Identities::hashed(&[1; 32]));
    assert_eq!(documented("Fields of an event of suspicious use"), of(&line));
    let text = fs::read_to_string(here("deploy/audit/README.md")).unwrap();
    for kind in Kind::ALL {
        assert!(text.contains(&format!("`{}`", kind.label())), "{kind:?}");
    }
}
