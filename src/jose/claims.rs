//! Typed reading of a claims set (RFC 7519 §4): a claim of the wrong type is a fault, never "absent".

use std::sync::Arc;

use serde_json::{Map, Value};

use super::time::UnixTime;

/// The members of a token's payload, or of an introspection answer. A clone shares them.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims(Arc<Map<String, Value>>);

/// A claim that is there but is not what its definition says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("claim {claim} is not {wanted}")]
pub struct ClaimFault {
    /// The claim's name, from configuration or from a standard, never from the token.
    pub claim: String,
    /// What it should have been.
    pub wanted: &'static str,
}

/// A claim that may be one string or a list of them (`aud`, RFC 7519 §4.1.3).
#[derive(Clone, Copy, Debug)]
pub enum OneOrMany<'a> {
    /// One string.
    One(&'a str),
    /// A list whose members are all strings.
    Many(&'a [Value]),
}

impl<'a> OneOrMany<'a> {
    /// The strings in order.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        let (one, many) = match self {
            Self::One(text) => (Some(text), [].as_slice()),
            Self::Many(list) => (None, list),
        };
        one.into_iter().chain(many.iter().filter_map(Value::as_str))
    }
}

impl Claims {
    /// From members already read strictly.
    #[must_use]
    pub fn new(members: Map<String, Value>) -> Self {
        Self(Arc::new(members))
    }

    /// The claim as it stands.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }

    /// About as many bytes as they take in memory.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + weight(value)).sum()
    }

    /// A claim that must be a non-empty string.
    ///
    /// # Errors
    /// When it is there and is anything else.
    pub fn string(&self, name: &str) -> Result<Option<&str>, ClaimFault> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(fault(name, "a non-empty string")),
        }
    }

    /// A `NumericDate`.
    ///
    /// # Errors
    /// When it is there and is not a number from 0 to 10^11 seconds.
    pub fn time(&self, name: &str) -> Result<Option<UnixTime>, ClaimFault> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let time = value.as_f64().and_then(UnixTime::from_numeric_date);
        time.map(Some).ok_or_else(|| fault(name, "a date in seconds since 1970"))
    }

    /// One string or a non-empty list of strings.
    ///
    /// # Errors
    /// When it is there and is anything else, or one member of the list is.
    pub fn one_or_many(&self, name: &str) -> Result<Option<OneOrMany<'_>>, ClaimFault> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(OneOrMany::One(text))),
            Some(Value::Array(list)) if !list.is_empty() && list.iter().all(Value::is_string) => {
                Ok(Some(OneOrMany::Many(list)))
            }
            Some(_) => Err(fault(name, "a string or a list of strings")),
        }
    }
}

/// About as many bytes as a value takes in memory.
fn weight(value: &Value) -> usize {
    const VALUE: usize = 72;
    VALUE
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => text.len(),
            Value::Array(list) => list.iter().map(weight).sum(),
            Value::Object(members) => members.iter().map(|(name, value)| name.len() + weight(value)).sum(),
        }
}

fn fault(claim: &str, wanted: &'static str) -> ClaimFault {
    ClaimFault { claim: claim.to_owned(), wanted }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(value: Value) -> Claims {
        let Value::Object(members) = value else { panic!("an object") };
        Claims::new(members)
    }

    #[test]
    fn a_wrong_type_is_a_fault_and_not_an_absence() {
        for value in [json!(null), json!(1), json!(["x"]), json!({}), json!("")] {
            assert!(claims(json!({ "sub": value })).string("sub").is_err(), "{value}");
        }
        for value in [json!(null), json!("1700000000"), json!(-1), json!([1]), json!(1e18), json!(true)] {
            assert!(claims(json!({ "exp": value })).time("exp").is_err(), "{value}");
        }
        for value in [json!(null), json!(1), json!([]), json!(["rs", 1]), json!({"rs": 1}), json!([["rs"]])] {
            assert!(claims(json!({ "aud": value })).one_or_many("aud").is_err(), "{value}");
        }
    }

    #[test]
    fn reads_dates_with_fractions() {
        let time = claims(json!({ "exp": 1.25 })).time("exp").unwrap();
        assert_eq!(time, Some(UnixTime::from_millis(1250)));
    }

    #[test]
    fn reads_one_or_many() {
        let both = claims(json!({ "one": "a", "many": ["a", "b"] }));
        assert_eq!(both.one_or_many("one").unwrap().unwrap().iter().collect::<Vec<_>>(), ["a"]);
        assert_eq!(both.one_or_many("many").unwrap().unwrap().iter().collect::<Vec<_>>(), ["a", "b"]);
        assert!(both.one_or_many("none").unwrap().is_none());
    }
}
