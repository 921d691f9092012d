//! The reference of every key, from the schemas that `gatepost schema` prints.
//!
//! Within a mapping, what must be there comes first, in the order of the types; the rest follows by name.

use std::collections::HashSet;

use gatepost::config::{Document, schema};
use serde_json::{Map, Value};

pub(super) fn gatepost_yaml() -> String {
    table(&schema(Document::Gatepost))
}

pub(super) fn policy_yaml() -> String {
    table(&schema(Document::Policy))
}

fn table(root: &Value) -> String {
    let mut table = Table { root, within: Vec::new(), rows: Vec::new() };
    table.below(root, "", Necessity::AsWritten);
    let mut named = HashSet::new();
    for row in &table.rows {
        assert!(named.insert(&row.key), "`{}` has two meanings", row.key);
    }
    let rows = table.rows.iter().map(|Row { key, needed, meaning }| {
        let needed = if *needed { "yes" } else { "" };
        format!("| `{key}` | {needed} | {} |\n", meaning.replace('|', "\\|"))
    });
    format!("| key | must be there | meaning |\n|---|---|---|\n{}", rows.collect::<String>())
}

struct Row {
    key: String,
    needed: bool,
    meaning: String,
}

/// Whether a mapping's required keys must be there.
#[derive(Clone, Copy)]
enum Necessity {
    /// As the schema says.
    AsWritten,
    /// No: the mapping is one of several ways to write the value.
    OneOfSeveral,
}

struct Table<'a> {
    root: &'a Value,
    /// The definitions that the current one is inside of: one that names itself is told once.
    within: Vec<&'a str>,
    rows: Vec<Row>,
}

impl<'a> Table<'a> {
    /// Adds the rows of every key below a value.
    fn below(&mut self, schema: &'a Value, at: &str, necessity: Necessity) {
        if let Some(name) = definition(schema).filter(|name| !self.within.contains(name)) {
            self.within.push(name);
            self.below(self.defined(name), at, necessity);
            self.within.pop();
        }
        for choice in choices(schema) {
            self.below(choice, at, Necessity::OneOfSeveral);
        }
        if let Some(element) = schema.get("items") {
            self.below(element, &format!("{at}[]"), necessity);
        }
        if let Some(value) = schema.get("additionalProperties").filter(|value| value.is_object()) {
            self.below(value, &joined(at, "NAME"), necessity);
        }
        if let Some(Value::Object(properties)) = schema.get("properties") {
            self.mapping(properties, &required(schema), at, necessity);
        }
    }

    fn mapping(
        &mut self,
        properties: &'a Map<String, Value>,
        required: &[&'a str],
        at: &str,
        necessity: Necessity,
    ) {
        let optional = properties.keys().map(String::as_str).filter(|key| !required.contains(key));
        for key in required.iter().copied().chain(optional) {
            let property = &properties[key];
            let needed = required.contains(&key) && matches!(necessity, Necessity::AsWritten);
            let at = joined(at, key);
            self.rows.push(Row { key: at.clone(), needed, meaning: self.meaning(property) });
            self.below(property, &at, Necessity::AsWritten);
        }
    }

    fn defined(&self, name: &str) -> &'a Value {
        self.root.get("$defs").and_then(|all| all.get(name)).unwrap()
    }

    /// The description, and the words to choose from unless it names them all.
    fn meaning(&self, property: &'a Value) -> String {
        let mut meaning = property["description"].as_str().unwrap_or_default().to_owned();
        let words = self.words(property, 0);
        let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
        if words.len() > 1 && !quoted.iter().all(|word| meaning.contains(word)) {
            meaning.push_str(&format!(" One of {}.", quoted.join(", ")));
        }
        meaning
    }

    /// The words that a value, or each element of a list, is one of; none when other values may be written.
    fn words(&self, schema: &'a Value, depth: usize) -> Vec<&'a str> {
        if depth > 8 {
            return Vec::new();
        }
        if let Some(name) = definition(schema) {
            return self.words(self.defined(name), depth + 1);
        }
        if let Some(element) = schema.get("items") {
            return self.words(element, depth + 1);
        }
        if let Some(Value::Array(words)) = schema.get("enum") {
            return words.iter().filter_map(Value::as_str).collect();
        }
        let words: Vec<_> = choices(schema).map(|choice| choice["const"].as_str()).collect();
        words.into_iter().collect::<Option<_>>().unwrap_or_default()
    }
}

fn joined(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}

fn definition(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

fn choices(schema: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_array()).flatten()
}

fn required(schema: &Value) -> Vec<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn tells_of_maps_lists_and_choices_and_of_what_names_itself() {
    let text = table(&serde_json::json!({
        "required": ["teams"],
        "properties": {
            "teams": { "description": "Teams.", "additionalProperties": { "$ref": "#/$defs/Team" } },
            "mode": { "description": "A mode.", "enum": ["on", "off"] },
        },
        "additionalProperties": false,
        "$defs": {
            "Team": {
                "required": ["rules"],
                "properties": {
                    "rules": { "description": "`a|b`.", "items": { "$ref": "#/$defs/Rule" } },
                },
            },
            "Rule": {
                "anyOf": [
                    { "type": "string" },
                    {
                        "required": ["all"],
                        "properties": { "all": { "description": "All.", "items": { "$ref": "#/$defs/Rule" } } },
                    },
                ],
            },
        },
    }));
    let rows: Vec<_> = text.lines().skip(2).collect();
    assert_eq!(
        rows,
        [
            "| `teams` | yes | Teams. |",
            "| `teams.NAME.rules` | yes | `a\\|b`. |",
            "| `teams.NAME.rules[].all` |  | All. |",
            "| `mode` |  | A mode. One of `on`, `off`. |",
        ]
    );
}
