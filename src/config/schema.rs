//! The JSON Schema of each file, from the types that it is read into: for editors, and for README's reference.

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, json_schema};
use serde_json::{Map, Value, json};

use super::document::{GatepostDocument, PolicyDocument};
use super::{GATEPOST_FILE, POLICY_FILE};

/// One of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// `gatepost.yaml`.
    Gatepost,
    /// `policy.yaml`.
    Policy,
}

/// The schema of a file (JSON Schema, draft 2020-12).
///
/// It says what the file's form is: keys, kinds of values, choices. What a value must be besides, `check` says.
#[must_use]
pub fn schema(file: Document) -> Value {
    match file {
        Document::Gatepost => schema_of::<GatepostDocument>(GATEPOST_FILE),
        Document::Policy => schema_of::<PolicyDocument>(POLICY_FILE),
    }
}

fn schema_of<T: JsonSchema>(title: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(as_read);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}

/// Makes a schema say what our reader takes, and no more than draft 2020-12 knows.
fn as_read(schema: &mut Schema) {
    transform_subschemas(&mut as_read, schema);
    if schema.as_bool() == Some(true) {
        *schema = json_schema!({});
    }
    if let Some(members) = schema.as_object_mut() {
        leave_out_null(members);
        if !SAY_A_KIND.iter().any(|keyword| members.contains_key(*keyword)) {
            members.insert("type".to_owned(), json!(["string", "number", "boolean", "array", "object"]));
        }
        unfold_description(members);
        describe_variant(members);
        // `uint32` and its like are no formats of the standard, and strict validators refuse them.
        members.remove("format");
    }
}

/// The keywords that leave nothing to be said of what kind a value is.
const SAY_A_KIND: [&str; 6] = ["type", "$ref", "const", "enum", "oneOf", "anyOf"];

/// A key without a value is refused, so what is optional is left out, never null.
fn leave_out_null(members: &mut Map<String, Value>) {
    if let Some(Value::Array(kinds)) = members.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = &kinds[..] {
            let kind = kind.clone();
            members.insert("type".to_owned(), kind);
        }
    }
    if let Some(Value::Array(choices)) = members.get_mut("enum") {
        choices.retain(|choice| !choice.is_null());
    }
    if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(only)] = &mut choices[..] {
            let only = std::mem::take(only);
            members.remove("anyOf");
            for (name, value) in only {
                members.entry(name).or_insert(value);
            }
        }
    }
}

/// Where a doc comment's lines end is of no meaning to who reads it elsewhere.
fn unfold_description(members: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = members.get_mut("description") {
        *text = text.split("\n\n").map(|part| part.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
    }
}

/// An enum's variant with a value is a mapping with one key: what is said of the variant is said of the key.
fn describe_variant(members: &mut Map<String, Value>) {
    let Some(Value::String(text)) = members.get("description").cloned() else { return };
    let Some(Value::Object(properties)) = members.get_mut("properties") else { return };
    if properties.len() == 1 {
        for property in properties.values_mut().filter_map(Value::as_object_mut) {
            property.entry("description").or_insert_with(|| text.clone().into());
        }
    }
}

#[cfg(test)]
mod tests;
