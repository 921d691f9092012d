//! Requirements on single claims: where a claim is, and what must be found there.

use std::fmt;

use serde_json::Value;

use crate::jose::Claims;

/// Where a claim is: `tenant`, `realm_access.roles`, `["https://example.com/roles"]`.
///
/// A step into a list goes to each of its members, so a path may reach several values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath {
    text: String,
    steps: Vec<String>,
}

/// Why a text is no claim path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimPathFault {
    /// Nothing, or nothing between two dots.
    #[error("a name is empty")]
    EmptyName,
    /// A `[` without its `"]`, or something behind it.
    #[error("a name in brackets is written as `[\"name\"]`, with a dot or another bracket behind it")]
    Bracket,
    /// More steps than any token has.
    #[error("it has more than 16 steps")]
    TooLong,
}

/// Tokens are not read deeper than this.
const MAX_STEPS: usize = 16;

impl ClaimPath {
    /// Reads a path.
    ///
    /// # Errors
    /// When it could lead nowhere.
    pub fn read(text: &str) -> Result<Self, ClaimPathFault> {
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            let (step, behind) = step(rest)?;
            steps.push(step.to_owned());
            match behind {
                "" => break,
                _ => rest = behind.strip_prefix('.').unwrap_or(behind),
            }
        }
        if steps.len() > MAX_STEPS {
            return Err(ClaimPathFault::TooLong);
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    /// The path as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The top-level claim that it begins at.
    #[must_use]
    pub fn claim(&self) -> &str {
        self.steps.first().map(String::as_str).unwrap_or_default()
    }

    /// Whether any value that it reaches passes. A claim that is null says as little as one that is not there.
    pub fn any<'a>(&self, claims: &'a Claims, mut passes: impl FnMut(&'a Value) -> bool) -> bool {
        let Some((first, rest)) = self.steps.split_first() else { return false };
        claims.raw(first).is_some_and(|value| reach(value, rest, &mut passes))
    }

    /// What is found there, for a note: at most 200 characters.
    #[must_use]
    pub fn found(&self, claims: &Claims) -> String {
        let mut found = Vec::new();
        self.any(claims, |value| {
            found.push(value.to_string());
            false
        });
        match found.join(", ") {
            text if text.is_empty() => "none".to_owned(),
            text if text.chars().count() > 200 => text.chars().take(200).chain(['…']).collect(),
            text => text,
        }
    }

    /// The one value that it leads to without going through lists.
    #[must_use]
    pub fn value<'a>(&self, claims: &'a Claims) -> Option<&'a Value> {
        let (first, rest) = self.steps.split_first()?;
        rest.iter()
            .try_fold(claims.raw(first)?, |value, name| value.get(name))
            .filter(|value| !value.is_null())
    }
}

/// The first step of a path, and what is behind it.
fn step(text: &str) -> Result<(&str, &str), ClaimPathFault> {
    let (name, behind) = match text.strip_prefix("[\"") {
        Some(quoted) => quoted.split_once("\"]").ok_or(ClaimPathFault::Bracket)?,
        None if text.starts_with('[') => return Err(ClaimPathFault::Bracket),
        None => text.split_at(text.find(['.', '[']).unwrap_or(text.len())),
    };
    let goes_on = behind.is_empty() || behind.starts_with('[') || behind.starts_with('.');
    match (name, goes_on) {
        (_, false) => Err(ClaimPathFault::Bracket),
        ("", true) => Err(ClaimPathFault::EmptyName),
        (_, true) if behind == "." => Err(ClaimPathFault::EmptyName),
        (name, true) => Ok((name, behind)),
    }
}

fn reach<'a>(value: &'a Value, steps: &[String], passes: &mut impl FnMut(&'a Value) -> bool) -> bool {
    match (steps.split_first(), value) {
        (None, Value::Null) => false,
        (None, value) => passes(value),
        (Some(_), Value::Array(members)) => members.iter().any(|member| reach(member, steps, passes)),
        (Some((name, rest)), Value::Object(members)) => {
            members.get(name).is_some_and(|value| reach(value, rest, passes))
        }
        (Some(_), _) => false,
    }
}

/// What must be found at a path.
#[derive(Clone, Debug)]
pub struct ClaimRequirement {
    /// Where.
    pub path: ClaimPath,
    /// What; all of these.
    pub tests: Vec<ClaimTest>,
}

/// What a claim must be.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaimTest {
    /// There, and not null; or, with `false`, not there.
    Exists(bool),
    /// Exactly one of these.
    OneOf(Vec<Value>),
    /// A list with each of these in it.
    Contains(Vec<Value>),
    /// Text that begins so.
    Prefix(String),
}

impl ClaimRequirement {
    /// The first test that does not hold; none when all do.
    #[must_use]
    pub fn unmet(&self, claims: &Claims) -> Option<&ClaimTest> {
        self.tests.iter().find(|test| !test.holds(&self.path, claims))
    }
}

impl ClaimTest {
    fn holds(&self, path: &ClaimPath, claims: &Claims) -> bool {
        match self {
            Self::Exists(wanted) => path.any(claims, |_| true) == *wanted,
            Self::OneOf(values) => path.any(claims, |found| values.iter().any(|value| same(value, found))),
            Self::Contains(values) => {
                values.iter().all(|value| path.any(claims, |found| has_member(found, value)))
            }
            Self::Prefix(prefix) => {
                path.any(claims, |found| found.as_str().is_some_and(|text| text.starts_with(prefix)))
            }
        }
    }
}

fn has_member(list: &Value, wanted: &Value) -> bool {
    list.as_array().is_some_and(|members| members.iter().any(|member| same(member, wanted)))
}

/// Equality of JSON values, where `1` and `1.0` are one number.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        // Whole numbers are compared as such: as fractions, large ones would be one.
        (Value::Number(one), Value::Number(other)) if one.is_f64() || other.is_f64() => {
            one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|its| same(value, its)))
        }
        _ => one == other,
    }
}

impl fmt::Display for ClaimTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(true) => f.write_str("there"),
            Self::Exists(false) => f.write_str("absent"),
            Self::OneOf(values) if values.len() == 1 => {
                values.iter().try_for_each(|value| write!(f, "{value}"))
            }
            Self::OneOf(values) => write!(f, "one of {}", Value::from(values.clone())),
            Self::Contains(values) => write!(f, "a list with {}", Value::from(values.clone())),
            Self::Prefix(prefix) => write!(f, "text that begins with {prefix:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(value: Value) -> Claims {
        let Value::Object(members) = value else { panic!("an object") };
        Claims::new(members)
    }

    fn holds(path: &str, test: ClaimTest, token: Value) -> bool {
        let path = ClaimPath::read(path).unwrap();
        ClaimRequirement { path, tests: vec![test] }.unmet(&claims(token)).is_none()
    }

    #[test]
    fn reads_names_with_dots_in_brackets() {
        let steps = |text: &str| ClaimPath::read(text).unwrap().steps;
        assert_eq!(steps("a"), ["a"]);
        assert_eq!(steps("a.b.c"), ["a", "b", "c"]);
        assert_eq!(steps(r#"["https://x.example/roles"]"#), ["https://x.example/roles"]);
        assert_eq!(steps(r#"a["b.c"].d["e"]["f"]"#), ["a", "b.c", "d", "e", "f"]);
    }

    #[test]
    fn refuses_paths_that_lead_nowhere() {
        use ClaimPathFault as F;
        let fault = |text: &str| ClaimPath::read(text).unwrap_err();
        for text in ["", ".", "a.", ".a", "a..b", r#"[""]"#] {
            assert_eq!(fault(text), F::EmptyName, "{text}");
        }
        for text in ["[", "a[0]", r#"["a"#, r#"["a"]b"#, "a[b]"] {
            assert_eq!(fault(text), F::Bracket, "{text}");
        }
        assert_eq!(fault(&vec!["a"; 17].join(".")), F::TooLong);
    }

    #[test]
    fn looks_inside_objects_and_at_each_member_of_a_list() {
        let token = json!({
            "tenant": {"id": "t1"},
            "groups": [{"name": "dev"}, {"name": "ops", "level": 3}],
            "realm_access": {"roles": ["a", "b"]},
        });
        let is = |value: Value| ClaimTest::OneOf(vec![value]);
        assert!(holds("tenant.id", is(json!("t1")), token.clone()));
        assert!(!holds("tenant", is(json!("t1")), token.clone()));
        assert!(holds("groups.name", is(json!("ops")), token.clone()));
        assert!(holds("groups.level", is(json!(3.0)), token.clone()));
        assert!(!holds("groups.name", is(json!("root")), token.clone()));
        let has = |values: &[&str]| ClaimTest::Contains(values.iter().map(|text| json!(text)).collect());
        assert!(holds("realm_access.roles", has(&["b", "a"]), token.clone()));
        assert!(!holds("realm_access.roles", has(&["a", "c"]), token.clone()));
        assert!(!holds("tenant.id", has(&["t1"]), token.clone()));
        assert!(holds("tenant.id", ClaimTest::Prefix("t".into()), token.clone()));
        assert!(!holds("groups.level", ClaimTest::Prefix("3".into()), token));
    }

    #[test]
    fn a_null_claim_is_not_there() {
        let token = json!({"a": null, "b": false, "c": []});
        assert!(holds("a", ClaimTest::Exists(false), token.clone()));
        assert!(holds("b", ClaimTest::Exists(true), token.clone()));
        assert!(holds("c", ClaimTest::Exists(true), token.clone()));
        assert!(holds("c.d", ClaimTest::Exists(false), token.clone()));
        assert!(!holds("a", ClaimTest::OneOf(vec![json!(null)]), token));
    }

    #[test]
    fn types_are_not_mixed_up() {
        let is =
            |wanted: Value, found: Value| holds("a", ClaimTest::OneOf(vec![wanted]), json!({ "a": found }));
        assert!(is(json!(1), json!(1.0)) && is(json!([1, {"b": 2}]), json!([1.0, {"b": 2}])));
        assert!(
            !is(json!(1), json!("1")) && !is(json!(true), json!("true")) && !is(json!("a"), json!(["a"]))
        );
        assert!(!is(json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64)));
    }
}
