//! values.schema.json, made from values.yaml and from the schemas of gatepost's own two files.
//!
//! It keeps to draft 7, because Helm 3 reads a later draft and passes over what it does not know of it.

use gatepost::config::{Document, schema};
use serde_json::{Map, Value, json};

use super::values::{Holds, Key, read};
use super::{assert_is, generated};

#[test]
fn the_schema_is_generated_from_the_values_and_from_gatepost() {
    generated();
    assert_is(&text(), "helm/gatepost/values.schema.json");
}

/// What the file should hold.
pub fn text() -> String {
    format!("{:#}\n", of_values())
}

#[test]
fn no_object_of_the_schema_takes_an_unknown_key_unless_it_is_kubernetes_own() {
    let mut open = Vec::new();
    look_for_open(&of_values(), "", &mut open);
    open.sort();
    assert_eq!(
        open,
        [
            "/definitions/peer/properties/ipBlock",
            "/definitions/peer/properties/namespaceSelector",
            "/definitions/peer/properties/podSelector",
            "/properties/global",
            "/properties/standalone/properties/affinity",
            "/properties/standalone/properties/networkPolicy/properties/egress/items",
            "/properties/standalone/properties/resources",
            "/properties/standalone/properties/tolerations/items",
            "/properties/standalone/properties/topologySpreadConstraints/items",
        ]
    );
}

fn look_for_open(schema: &Value, path: &str, open: &mut Vec<String>) {
    let Some(members) = schema.as_object() else {
        for (index, item) in schema.as_array().into_iter().flatten().enumerate() {
            look_for_open(item, &format!("{path}/{index}"), open);
        }
        return;
    };
    if schema["type"] == "object" && !members.contains_key("additionalProperties") {
        open.push(path.to_owned());
    }
    for (name, member) in members {
        look_for_open(member, &format!("{path}/{name}"), open);
    }
}

fn of_values() -> Value {
    let mut whole = of_keys(&read());
    let properties = whole["properties"].as_object_mut().unwrap();
    properties.insert(
        "global".into(),
        json!({ "type": "object", "description": "Shared by the charts of a parent." }),
    );
    let enabled = "For the `condition` of a parent chart; not used here.";
    properties.insert("enabled".into(), json!({ "type": "boolean", "description": enabled }));
    let mut definitions = parts();
    embed(Document::Gatepost, "gatepost", &mut definitions);
    embed(Document::Policy, "policy", &mut definitions);
    // The chart knows where gatepost listens, and says itself what is missing.
    definitions["gatepost.ListenDocument"].as_object_mut().unwrap().remove("required");
    whole["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    whole["title"] = json!("Values of the chart gatepost");
    whole["definitions"] = Value::Object(definitions);
    whole
}

fn parts() -> Map<String, Value> {
    let name = json!({ "type": "string", "maxLength": 50, "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$" });
    let object = json!({ "type": "string", "minLength": 1, "maxLength": 253 });
    let parts = json!({
        "mount": {
            "description": "A Secret or a ConfigMap, and the name of its directory.",
            "type": "object",
            "additionalProperties": false,
            "properties": { "name": name, "secret": object, "configMap": object },
            "required": ["name"],
            "oneOf": [{ "required": ["secret"] }, { "required": ["configMap"] }],
        },
        "peer": {
            "description": "A NetworkPolicyPeer.",
            "type": "object",
            "additionalProperties": false,
            "minProperties": 1,
            "properties": {
                "podSelector": { "type": "object" },
                "namespaceSelector": { "type": "object" },
                "ipBlock": { "type": "object" },
            },
        },
    });
    match parts {
        Value::Object(parts) => parts,
        _ => unreachable!(),
    }
}

fn of_keys(keys: &[Key]) -> Value {
    let properties = keys.iter().map(|key| (key.name.clone(), of_key(key)));
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties.collect::<Map<_, _>>(),
    })
}

fn of_key(key: &Key) -> Value {
    let mut schema = match &key.holds {
        Holds::Keys(keys) => of_keys(keys),
        Holds::Default(default) => of_leaf(default, &key.schema),
    };
    if !key.meaning.is_empty() {
        schema["description"] = json!(key.meaning);
    }
    schema
}

fn of_leaf(default: &Value, said: &Map<String, Value>) -> Value {
    if let Some(file) = said.get("$ref").and_then(Value::as_str) {
        // Beside a reference draft 7 reads nothing.
        return json!({ "allOf": [{ "$ref": format!("#/definitions/{file}") }], "default": default });
    }
    let mut schema = match default {
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Number(_) => json!({ "type": "integer" }),
        Value::String(_) => json!({ "type": "string" }),
        Value::Array(_) => json!({ "type": "array" }),
        // Labels and annotations, unless it says otherwise.
        Value::Object(_) if said.contains_key("type") => json!({}),
        Value::Object(_) => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Value::Null => panic!("a default of null tells no type"),
    };
    schema["default"] = default.clone();
    schema.as_object_mut().unwrap().extend(said.clone());
    assert!(schema["type"] != "array" || schema["items"].is_object(), "{default}: say what its items are");
    schema
}

/// Puts the schema of one of gatepost's files among the definitions, with nothing required at its top.
fn embed(file: Document, name: &str, definitions: &mut Map<String, Value>) {
    let mut root = schema(file);
    let members = root.as_object_mut().unwrap();
    members.remove("$schema");
    members.remove("required");
    let parts = members.remove("$defs").unwrap();
    for (part, schema) in parts.as_object().unwrap() {
        definitions.insert(format!("{name}.{part}"), referring(schema, name));
    }
    definitions.insert(name.to_owned(), referring(&root, name));
}

/// The schema with references into the definitions of a file, in draft 7's way.
fn referring(schema: &Value, file: &str) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(|item| referring(item, file)).collect(),
        Value::Object(members) => {
            let mut members: Map<_, _> =
                members.iter().map(|(name, member)| (name.clone(), referring(member, file))).collect();
            if let Some(Value::String(target)) = members.remove("$ref") {
                let target = json!({ "$ref": target.replace("#/$defs/", &format!("#/definitions/{file}.")) });
                if members.is_empty() {
                    return target;
                }
                members.insert("allOf".into(), json!([target]));
            }
            Value::Object(members)
        }
        other => other.clone(),
    }
}
