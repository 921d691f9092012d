//! The schema against a real validator: the standard, our samples, and what our own reader refuses.

use std::fs;
use std::path::{Path as FilePath, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::super::document::{DurationDocument, GatepostDocument, PolicyDocument};
use super::super::read::read;
use super::{Document, schema};
use crate::config::{GATEPOST_FILE, POLICY_FILE};

const BOTH: [(Document, &str); 2] = [(Document::Gatepost, GATEPOST_FILE), (Document::Policy, POLICY_FILE)];

fn here(path: &str) -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What a YAML text says, through our own reader.
fn value(text: &str) -> Value {
    let read = read::<Value>("sample", text);
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    read.draft.unwrap()
}

fn problems(schema: &Value, instance: &Value) -> Vec<String> {
    let validator = jsonschema::draft202012::new(schema).unwrap();
    validator.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Every schema within a schema, with the way to it.
fn walk<'a>(schema: &'a Value, way: &str, visit: &mut impl FnMut(&str, &'a Map<String, Value>)) {
    let Value::Object(members) = schema else { return };
    visit(way, members);
    for (keyword, value) in members {
        match (keyword.as_str(), value) {
            ("properties" | "$defs" | "patternProperties", Value::Object(each)) => {
                each.iter().for_each(|(name, schema)| walk(schema, &format!("{way}/{name}"), visit));
            }
            ("oneOf" | "anyOf" | "allOf" | "prefixItems", Value::Array(each)) => {
                each.iter().for_each(|schema| walk(schema, way, visit));
            }
            ("items" | "additionalProperties", schema) => walk(schema, way, visit),
            _ => {}
        }
    }
}

#[test]
fn is_a_schema_of_draft_2020_12_with_a_title() {
    for (file, name) in BOTH {
        let schema = schema(file);
        assert!(jsonschema::meta::validate(&schema).is_ok());
        assert_eq!(schema["title"], name);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(schema.get("$id").is_none());
    }
}

#[test]
fn every_property_and_every_choice_has_a_description() {
    for (file, name) in BOTH {
        let (schema, mut seen) = (schema(file), 0);
        let described = |schema: &Value| schema["description"].as_str().is_some_and(|text| text.len() > 3);
        walk(&schema, name, &mut |way, members| {
            for (key, property) in members.get("properties").and_then(Value::as_object).into_iter().flatten()
            {
                assert!(described(property), "{way}/{key} lacks a doc comment");
                seen += 1;
            }
            if members.contains_key("const") {
                assert!(members.contains_key("description"), "{way}: {members:?} lacks a doc comment");
            }
        });
        assert!(seen >= 15, "{name}: looked at {seen} properties only");
    }
}

#[test]
fn refuses_unknown_keys_and_null_and_names_no_format_of_its_own() {
    for (file, name) in BOTH {
        walk(&schema(file), name, &mut |way, members| {
            if members.contains_key("properties") {
                assert_eq!(members.get("additionalProperties"), Some(&json!(false)), "{way}");
            }
            let text = serde_json::to_string(members.get("type").unwrap_or(&Value::Null)).unwrap();
            assert!(!text.contains("\"null\"") && !members.contains_key("format"), "{way}: {members:?}");
        });
    }
}

/// Every file of this name below `deploy/`.
fn deployed(name: &str, directory: &FilePath, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            deployed(name, &path, found);
        } else if path.file_name().unwrap() == name {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

/// README's YAML blocks with one of these keys at the top: whole files, and parts of one.
fn in_readme(keys: &Map<String, Value>) -> Vec<(String, String)> {
    let readme = fs::read_to_string(here("README.md")).unwrap();
    let blocks = readme.split("\n```yaml\n").skip(1).map(|rest| rest.split_once("\n```").unwrap().0);
    let ours = |block: &&str| value(block).as_object().unwrap().keys().all(|key| keys.contains_key(key));
    blocks.filter(ours).map(|block| ("README.md".to_owned(), block.to_owned())).collect()
}

#[test]
fn every_sample_that_we_hand_out_fits() {
    for (file, name) in BOTH {
        let whole = schema(file);
        let mut part = whole.clone();
        part.as_object_mut().unwrap().remove("required");
        let mut deployed_files = Vec::new();
        deployed(name, &here("deploy"), &mut deployed_files);
        assert!(deployed_files.len() > 7, "{deployed_files:?}");
        for (place, text) in deployed_files {
            assert_eq!(problems(&whole, &value(&text)), [""; 0], "{place}");
        }
        let samples = in_readme(whole["properties"].as_object().unwrap());
        assert!(samples.iter().any(|(_, text)| problems(&whole, &value(text)).is_empty()), "{name}");
        for (_, text) in samples {
            assert_eq!(problems(&part, &value(&text)), [""; 0], "{text}");
        }
    }
}

#[test]
fn the_bad_samples_do_not_fit() {
    for (file, name) in BOTH {
        let text = fs::read_to_string(here("tests/it/bad").join(name)).unwrap();
        // What the YAML itself has wrong is left out of the draft; keys and kinds are still to be found.
        let draft = read::<Value>(name, &text).draft.unwrap();
        assert!(!problems(&schema(file), &draft).is_empty(), "{name}");
    }
}

/// Something that fits a schema, with every key in it. Where there are choices, the one at `turn`.
struct Complete<'a> {
    root: &'a Value,
    turn: usize,
    /// Definitions that the value is inside of, so that one that names itself ends.
    within: Vec<&'a str>,
}

impl<'a> Complete<'a> {
    fn value(&mut self, schema: &'a Value) -> Option<Value> {
        if let Some(name) = schema["$ref"].as_str().and_then(|way| way.strip_prefix("#/$defs/")) {
            return self.defined(name);
        }
        if let Some(example) = schema.get("const").or_else(|| schema.pointer("/examples/0")) {
            return Some(example.clone());
        }
        for choice in ["oneOf", "anyOf", "enum"] {
            let Some(choices) = schema[choice].as_array() else { continue };
            let chosen = &choices[self.turn % choices.len()];
            return if choice == "enum" { Some(chosen.clone()) } else { self.value(chosen) };
        }
        match schema["type"].as_str() {
            Some("object") => self.object(schema),
            Some("array") => Some(self.value(&schema["items"]).into_iter().collect()),
            Some("string") => Some(json!("text")),
            Some("integer") => Some(json!(1)),
            Some("number") => Some(json!(0.5)),
            Some("boolean") => Some(json!(true)),
            _ => Some(json!("anything")),
        }
    }

    fn defined(&mut self, name: &'a str) -> Option<Value> {
        if self.within.contains(&name) {
            return None;
        }
        self.within.push(name);
        let made = self.value(&self.root["$defs"][name]);
        self.within.pop();
        made
    }

    fn object(&mut self, schema: &'a Value) -> Option<Value> {
        let mut members = Map::new();
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            members.extend(self.value(property).map(|value| (key.clone(), value)));
        }
        if schema["additionalProperties"] != false {
            members.extend(self.value(&schema["additionalProperties"]).map(|value| ("name".into(), value)));
        }
        Some(Value::Object(members))
    }
}

/// The value with one thing changed, in every way that changes its form.
fn changed(value: &Value) -> Vec<Value> {
    let mut all = vec![json!(null), json!(true), json!(7), json!([]), json!({}), json!([[]])];
    all.extend((!value.is_string()).then(|| json!("text")));
    match value {
        Value::Object(members) => {
            let with = |key: &String, value: Value| {
                let mut members = members.clone();
                members.insert(key.clone(), value);
                Value::Object(members)
            };
            all.push(with(&"no_such_key".to_owned(), json!("text")));
            for (key, member) in members {
                all.extend(changed(member).into_iter().map(|member| with(key, member)));
                let mut less = members.clone();
                less.remove(key);
                all.push(Value::Object(less));
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                all.extend(changed(element).into_iter().map(|element| {
                    let mut elements = elements.clone();
                    elements[index] = element;
                    Value::Array(elements)
                }));
            }
        }
        _ => {}
    }
    all
}

/// The schema and the reader agree on everything that has one thing changed.
fn assert_agreement<T: DeserializeOwned>(file: Document) {
    let schema = schema(file);
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let mut refused = 0;
    for turn in 0..6 {
        let complete = Complete { root: &schema, turn, within: Vec::new() }.value(&schema).unwrap();
        assert_eq!(problems(&schema, &complete), [""; 0], "{complete:#}");
        for value in changed(&complete).into_iter().chain([complete]) {
            // JSON is YAML.
            let found = read::<T>("file", &value.to_string()).problems;
            assert_eq!(validator.is_valid(&value), found.is_empty(), "{value:#}\n{found:#?}");
            refused += usize::from(!found.is_empty());
        }
    }
    assert!(refused > 200, "{refused}");
}

#[test]
fn refuses_in_gatepost_yaml_what_the_reader_refuses_and_no_more() {
    assert_agreement::<GatepostDocument>(Document::Gatepost);
}

#[test]
fn refuses_in_policy_yaml_what_the_reader_refuses_and_no_more() {
    assert_agreement::<PolicyDocument>(Document::Policy);
}

#[test]
fn a_duration_that_fits_is_one_that_is_read() {
    let whole = schema(Document::Gatepost);
    let duration = &whole["$defs"]["Duration"];
    for (text, fits) in [
        ("800ms", true),
        ("30s", true),
        ("5m", true),
        ("12h", true),
        ("7d", true),
        ("1h30m", true),
        ("1m30s500ms", true),
        ("", false),
        ("30", false),
        ("s", false),
        ("30 seconds", false),
        ("1y", false),
        ("30s\n", false),
        ("-5s", false),
    ] {
        assert_eq!(problems(duration, &json!(text)).is_empty(), fits, "{text:?}");
        let read = read::<DurationDocument>("file", &json!(text).to_string());
        assert!(!fits || read.problems.is_empty(), "{text:?}: {:?}", read.problems);
    }
}
