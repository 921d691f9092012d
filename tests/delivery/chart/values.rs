//! Reads values.yaml with its comments, for the schema and for README.
//!
//! The file keeps to a narrow style, which is all that is understood here: two blanks a level, a leaf on one line as a
//! word or as JSON. That both readings of the file are the same, this one and YAML's, is a test.

use gatepost_test_support::Manifests;
use serde_json::{Map, Value, json};

use super::here;

/// A key of values.yaml.
pub struct Key {
    pub name: String,
    /// The comment above it, one paragraph.
    pub meaning: String,
    /// What its `@schema` line adds to what its default tells.
    pub schema: Map<String, Value>,
    pub holds: Holds,
}

pub enum Holds {
    Keys(Vec<Key>),
    Default(Value),
}

/// The keys of the chart's values.yaml.
pub fn read() -> Vec<Key> {
    let text = text();
    let lines: Vec<_> = text.split_once("\n\n").unwrap().1.lines().collect();
    let mut lines = &lines[..];
    let keys = level(&mut lines, 0);
    assert!(lines.is_empty(), "not understood: {}", lines[0]);
    keys
}

fn text() -> String {
    std::fs::read_to_string(here("helm/gatepost/values.yaml")).unwrap()
}

fn level(lines: &mut &[&str], depth: usize) -> Vec<Key> {
    let (mut keys, mut meaning, mut schema) = (Vec::new(), Vec::new(), Map::new());
    while let Some((line, rest)) = lines.split_first() {
        let trimmed = line.trim_start();
        let here = line.len() - trimmed.len() == 2 * depth;
        if trimmed.is_empty() {
            (meaning, schema) = (Vec::new(), Map::new());
        } else if !here {
            break;
        } else if let Some(added) = trimmed.strip_prefix("# @schema ") {
            schema = serde_json::from_str(added).unwrap();
        } else if let Some(comment) = trimmed.strip_prefix("# ") {
            meaning.push(comment);
        } else {
            *lines = rest;
            keys.push(key(trimmed, lines, depth, &std::mem::take(&mut meaning), std::mem::take(&mut schema)));
            continue;
        }
        *lines = rest;
    }
    keys
}

fn key(line: &str, lines: &mut &[&str], depth: usize, meaning: &[&str], schema: Map<String, Value>) -> Key {
    let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("not understood: {line}"));
    let holds = match value.trim() {
        "" => Holds::Keys(level(lines, depth + 1)),
        value => Holds::Default(serde_json::from_str(value).unwrap_or_else(|_| json!(value))),
    };
    Key { name: name.to_owned(), meaning: meaning.join(" "), schema, holds }
}

fn defaults(keys: &[Key]) -> Value {
    let members = keys.iter().map(|key| {
        let value = match &key.holds {
            Holds::Keys(keys) => defaults(keys),
            Holds::Default(value) => value.clone(),
        };
        (key.name.clone(), value)
    });
    Value::Object(members.collect())
}

#[test]
fn the_values_read_here_are_those_that_yaml_reads() {
    let yaml = Manifests::read(&text(), &[]).unwrap();
    assert_eq!(yaml.objects(), [defaults(&read())]);
}

#[test]
fn every_value_says_what_it_means() {
    fn look(keys: &[Key], path: &str) {
        for key in keys {
            let path = format!("{path}.{}", key.name);
            match &key.holds {
                Holds::Keys(keys) => look(keys, &path),
                Holds::Default(_) => assert!(key.meaning.ends_with('.'), "{path}: {:?}", key.meaning),
            }
        }
    }
    look(&read(), "");
}
