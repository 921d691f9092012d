//! The messages that the documentation shows are messages.

use std::fs;
use std::path::Path;

use gatepost::check::revocation::{Content, Kind, MESSAGE_EVENT, Message};
use serde_json::Value;

fn documented() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/revocation/messages.md");
    let text = fs::read_to_string(page).unwrap();
    let blocks = text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

#[test]
fn each_kind_of_message_has_an_example_that_is_read() {
    let (mut kinds, mut heartbeats) = (Vec::new(), 0);
    for line in documented() {
        let whole: Value = serde_json::from_str(&line).unwrap();
        let message = match &whole["events"][MESSAGE_EVENT] {
            Value::Null => whole,
            enveloped => enveloped.clone(),
        };
        match Message::read(message.to_string().as_bytes()).unwrap().content {
            Content::Revoked(notice) => kinds.push(notice.target().kind()),
            Content::Heartbeat => heartbeats += 1,
        }
    }
    assert_eq!(heartbeats, 1);
    assert!(Kind::ALL.iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
}
