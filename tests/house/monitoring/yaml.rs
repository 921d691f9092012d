//! YAML as JSON values in which every scalar is a string: enough to look into files that others interpret.

use std::path::Path;

use saphyr_parser::{Event, Parser, StrInput};
use serde_json::{Map, Value};

/// Reads a file of one document without anchors.
pub(super) fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    let mut events = Parser::new_from_str(&text);
    loop {
        let event = next(&mut events);
        if !matches!(event, Event::StreamStart | Event::DocumentStart(_)) {
            return value(event, &mut events);
        }
    }
}

fn next<'t>(events: &mut Parser<'t, StrInput<'t>>) -> Event<'t> {
    events.next().unwrap().unwrap().0
}

fn value<'t>(event: Event<'t>, events: &mut Parser<'t, StrInput<'t>>) -> Value {
    match event {
        Event::Scalar(text, ..) => Value::from(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match next(events) {
                    Event::SequenceEnd => return Value::Array(items),
                    item => items.push(value(item, events)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut entries = Map::new();
            loop {
                match next(events) {
                    Event::MappingEnd => return Value::Object(entries),
                    key => {
                        let key = value(key, events).as_str().unwrap().to_owned();
                        let event = next(events);
                        entries.insert(key, value(event, events));
                    }
                }
            }
        }
        other => panic!("not looked for here: {other:?}"),
    }
}
