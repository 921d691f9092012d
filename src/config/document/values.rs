//! Values with a notation of their own: durations, and lists that may be written in two ways.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::super::preset::Preset;
use crate::jose::Algorithm;

/// A duration with its unit: `800ms`, `30s`, `5m`, `12h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationDocument(pub Duration);

impl JsonSchema for DurationDocument {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    /// Narrower than what is read: it is what documentation and messages tell people to write.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number with its unit, such as `800ms`, `30s`, `5m`, `12h` or `7d`.",
            "type": "string",
            "pattern": "^([0-9]+d|([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$",
            "minLength": 2,
            "examples": ["30s"],
        })
    }
}

impl<'de> Deserialize<'de> for DurationDocument {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_str(DurationVisitor).map(Self)
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration with its unit, such as `30s`")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Duration, E> {
        Err(E::custom(format!("has no unit: write `{number}s`, `{number}ms` or `{number}m`")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        let wrong = || {
            E::custom(
                "is not a duration: write a number with its unit, such as `500ms`, `30s`, `5m` or `12h`",
            )
        };
        // A date unit (months, years) has no fixed length; jiff's signed duration has hours at most.
        let text = match text.strip_suffix('d').map(str::parse::<u32>) {
            Some(Ok(days)) => format!("{}h", u64::from(days) * 24),
            _ => text.to_owned(),
        };
        let duration: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
        Duration::try_from(duration).map_err(|_| wrong())
    }
}

/// `audiences`: a list, or the word `any`, which waives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudiencesDocument {
    /// Written out.
    List(Vec<String>),
    /// Waived.
    Any,
}

impl JsonSchema for AudiencesDocument {
    fn schema_name() -> Cow<'static, str> {
        "Audiences".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let list = generator.subschema_for::<Vec<String>>();
        json_schema!({
            "description": "A list of audiences, or the word `any`.",
            "oneOf": [list, { "const": "any", "description": "Whatever the audience is." }],
        })
    }
}

impl<'de> Deserialize<'de> for AudiencesDocument {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(AudiencesVisitor)
    }
}

struct AudiencesVisitor;

impl<'de> Visitor<'de> for AudiencesVisitor {
    type Value = AudiencesDocument;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of audiences, or the word `any`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        match text {
            "any" => Ok(AudiencesDocument::Any),
            other => Err(E::custom(format!("must be a list: write `[\"{other}\"]`, or `any` to waive it"))),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(list)).map(AudiencesDocument::List)
    }
}

/// `scopes`: a list of which all are needed, or `{ all: […], any: […] }`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopesDocument {
    /// Each of these is needed.
    pub all: Vec<String>,
    /// At least one of these is needed.
    pub any: Vec<String>,
}

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ScopesMapping {
    /// Each of these is needed.
    all: Option<Vec<String>>,
    /// At least one of these is needed.
    any: Option<Vec<String>>,
}

impl JsonSchema for ScopesDocument {
    fn schema_name() -> Cow<'static, str> {
        "Scopes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let list = generator.subschema_for::<Vec<String>>();
        let mapping = ScopesMapping::json_schema(generator);
        json_schema!({
            "description": "A list of scopes of which all are needed, or `all` and `any` with a list each.",
            "oneOf": [list, mapping],
        })
    }
}

impl<'de> Deserialize<'de> for ScopesDocument {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(ScopesVisitor)
    }
}

struct ScopesVisitor;

impl<'de> Visitor<'de> for ScopesVisitor {
    type Value = ScopesDocument;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of scopes, or `all:` and `any:` with a list each")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        let all = Deserialize::deserialize(SeqAccessDeserializer::new(list))?;
        Ok(ScopesDocument { all, any: Vec::new() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mapping: A) -> Result<Self::Value, A::Error> {
        let ScopesMapping { all, any } = Deserialize::deserialize(MapAccessDeserializer::new(mapping))?;
        Ok(ScopesDocument { all: all.unwrap_or_default(), any: any.unwrap_or_default() })
    }
}

/// Stands for `preset` in the schema, where an editor is told the names.
pub(super) struct PresetName;

impl JsonSchema for PresetName {
    fn schema_name() -> Cow<'static, str> {
        "Preset".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Preset::all().map(|preset| preset.name) })
    }
}

/// Stands for one of `algorithms` in the schema, where an editor is told the names.
pub(super) struct AlgorithmName;

impl JsonSchema for AlgorithmName {
    fn schema_name() -> Cow<'static, str> {
        "Algorithm".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = Algorithm::ALL.map(Algorithm::name).into_iter().chain(["EdDSA"]).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}
