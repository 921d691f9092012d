//! JSON objects read strictly: every member name once, bounded depth and size.
//!
//! Parsers differ in which of two equal names they keep; a token that two parsers read differently is
//! refused (RFC 7515 §4, RFC 7519 §4).

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text is not an acceptable JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Not JSON, not UTF-8, a number out of range, or something after the value.
    #[error("is not valid JSON")]
    Syntax,
    /// JSON, but not an object.
    #[error("is not a JSON object")]
    NotAnObject,
    /// Two members of one object have the same name.
    #[error("has a member name twice")]
    RepeatedMember,
    /// Nested deeper than the limit.
    #[error("is nested too deeply")]
    TooDeep,
    /// More values than the limit.
    #[error("has too many values")]
    TooMany,
}

/// Bounds on one JSON text.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many objects and arrays may stand inside one another.
    pub depth: u16,
    /// How many values of any kind there may be.
    pub values: u32,
}

impl Limits {
    /// For a token's header or claims; their bytes are bounded before this.
    pub const TOKEN: Self = Self { depth: 16, values: 2_000 };
    /// For what an issuer serves (metadata, one JWK).
    pub const DOCUMENT: Self = Self { depth: 32, values: 50_000 };
}

/// Reads one JSON object.
///
/// # Errors
/// The first fault met; nothing of the text is kept in it.
pub fn object(text: &[u8], limits: Limits) -> Result<Map<String, Value>, JsonFault> {
    let fault = Cell::new(None);
    let left = Cell::new(limits.values);
    let seed = Strict { depth: limits.depth, left: &left, fault: &fault };
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = seed
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|_| fault.get().unwrap_or(JsonFault::Syntax))?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(JsonFault::NotAnObject),
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: u16,
    left: &'a Cell<u32>,
    fault: &'a Cell<Option<JsonFault>>,
}

impl Strict<'_> {
    fn fail<E: Error>(&self, fault: JsonFault) -> E {
        self.fault.set(Some(fault));
        E::custom("")
    }

    fn inner<E: Error>(&self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| self.fail(JsonFault::TooDeep))?;
        Ok(Self { depth, ..*self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| self.fail(JsonFault::TooMany))?;
        self.left.set(left);
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| self.fail(JsonFault::Syntax))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut members = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(self.fail(JsonFault::RepeatedMember));
            }
            members.insert(name, entries.next_value_seed(inner)?);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> JsonFault {
        object(text.as_bytes(), Limits::TOKEN).unwrap_err()
    }

    #[test]
    fn reads_what_serde_json_reads() {
        let text = r#"{"a":[1,-2,3.5,true,null,"x"],"b":{"c":{}}}"#;
        let read = object(text.as_bytes(), Limits::TOKEN).unwrap();
        assert_eq!(Value::Object(read), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn refuses_a_name_twice_at_any_depth_however_it_is_written() {
        assert_eq!(fault(r#"{"a":1,"a":1}"#), JsonFault::RepeatedMember);
        assert_eq!(fault(r#"{"a":1,"\u0061":1}"#), JsonFault::RepeatedMember);
        assert_eq!(fault(r#"{"cnf":[{"jkt":"x","jkt":"y"}]}"#), JsonFault::RepeatedMember);
    }

    #[test]
    fn refuses_what_is_not_one_object() {
        for text in
            ["", "{", "{}{}", "{} x", "\u{feff}{}", r#"{"a":1e400}"#, r#"{"a":NaN}"#, r#"{"a":"\ud800"}"#]
        {
            assert_eq!(fault(text), JsonFault::Syntax, "{text}");
        }
        for text in ["[]", "null", "1", "\"x\""] {
            assert_eq!(fault(text), JsonFault::NotAnObject, "{text}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}", Limits::TOKEN).unwrap_err(), JsonFault::Syntax);
    }

    #[test]
    fn bounds_depth_and_number_of_values() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
        assert_eq!(fault(&deep), JsonFault::TooDeep);
        let wide = format!("{{\"a\":[{}1]}}", "1,".repeat(3000));
        assert_eq!(fault(&wide), JsonFault::TooMany);
    }
}
