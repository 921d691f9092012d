//! One value of `forward`, `metadata` or `response_headers`: it may be written in two ways.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// One value of `forward`, `metadata` or `response_headers`: `token.CLAIM`, or a mapping that says more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardDocument {
    /// `token.CLAIM`.
    pub from: Option<String>,
    /// A text that is always the same.
    pub value: Option<String>,
    /// How a list is written in a header.
    pub list: Option<ListDocument>,
    /// What happens where the token has no such claim.
    pub missing: Option<MissingDocument>,
}

/// `list`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ListDocument {
    /// `a,b`.
    Commas,
    /// `["a","b"]`.
    Json,
}

/// `missing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum MissingDocument {
    /// It is left out.
    Omit,
    /// The request is refused.
    Deny,
}

/// A mapping that says more.
#[derive(JsonSchema, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ForwardMapping {
    /// `token.CLAIM`.
    from: Option<String>,
    /// A text that is always the same.
    value: Option<String>,
    /// How a list is written in a header: `commas` (the default), `a,b`; or `json`, lists and objects of any shape
    /// as ASCII JSON.
    list: Option<ListDocument>,
    /// What happens where the token has no such claim: `omit` (the default) leaves it out, `deny` refuses the
    /// request.
    missing: Option<MissingDocument>,
}

impl JsonSchema for ForwardDocument {
    fn schema_name() -> Cow<'static, str> {
        "Forward".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mapping = ForwardMapping::json_schema(generator);
        json_schema!({
            "description": "`token.CLAIM`, or `from` or `value` with `list` and `missing`.",
            "oneOf": [{ "type": "string" }, mapping],
        })
    }
}

impl<'de> Deserialize<'de> for ForwardDocument {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(ForwardVisitor)
    }
}

struct ForwardVisitor;

impl<'de> Visitor<'de> for ForwardVisitor {
    type Value = ForwardDocument;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`token.CLAIM`, or `from:` or `value:` with `list:` and `missing:`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(ForwardDocument { from: Some(text.to_owned()), ..ForwardDocument::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mapping: A) -> Result<Self::Value, A::Error> {
        let ForwardMapping { from, value, list, missing } =
            Deserialize::deserialize(MapAccessDeserializer::new(mapping))?;
        Ok(ForwardDocument { from, value, list, missing })
    }
}
