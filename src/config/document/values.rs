//! Values with a notation of their own: durations, and lists that may be written in two ways.

use std::fmt;
use std::time::Duration;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A duration with its unit: `800ms`, `30s`, `5m`, `12h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationDocument(pub Duration);

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

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopesMapping {
    all: Option<Vec<String>>,
    any: Option<Vec<String>>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ListDocument {
    /// `a,b`.
    Commas,
    /// `["a","b"]`.
    Json,
}

/// `missing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum MissingDocument {
    /// It is left out.
    Omit,
    /// The request is refused.
    Deny,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ForwardMapping {
    from: Option<String>,
    value: Option<String>,
    list: Option<ListDocument>,
    missing: Option<MissingDocument>,
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
