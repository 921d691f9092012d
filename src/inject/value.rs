//! A value of a manifest whose keys keep their order, and its forms: YAML in blocks, one line of JSON, CEL.

use std::fmt::Write as _;

use serde_json::json;

/// A value of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A template's expression, written as it is. Only carriers have it.
    Raw(String),
    /// A number.
    Number(i64),
    /// A truth value.
    Bool(bool),
    /// A list.
    List(Vec<Value>),
    /// A mapping, no key twice.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// A mapping.
    pub fn map<const N: usize>(entries: [(&str, Value); N]) -> Self {
        Self::Map(entries.map(|(key, value)| (key.to_owned(), value)).into())
    }

    /// The value under a key of a mapping.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The same as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) | Self::Raw(text) => json!(text),
            Self::Number(number) => json!(number),
            Self::Bool(truth) => json!(truth),
            Self::List(elements) => elements.iter().map(Self::json).collect(),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.clone(), value.json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    /// One line of JSON, keys in order.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Raw(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Bool(truth) => truth.to_string(),
            Self::List(elements) => {
                format!("[{}]", elements.iter().map(Self::line).collect::<Vec<_>>().join(", "))
            }
            Self::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{}: {}", quoted(key), value.line()));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// A mapping's entries or a list's elements as lines of YAML, each of which ends with a newline.
    #[must_use]
    pub fn yaml(&self, style: Style) -> String {
        let mut text = String::new();
        style.write(&mut text, self);
        text
    }

    /// As CEL. `of` is the type of the object, which CEL names after where its field is.
    #[must_use]
    pub fn cel(&self, of: &str, indent: usize) -> String {
        let pad = " ".repeat(indent + 2);
        match self {
            Self::Raw(text) => text.clone(),
            Self::Text(_) | Self::Number(_) | Self::Bool(_) => self.line(),
            Self::List(elements) if elements.iter().all(|element| !matches!(element, Self::Map(_))) => {
                self.line()
            }
            Self::List(elements) => {
                let elements =
                    elements.iter().map(|element| format!("\n{pad}{}", element.cel(of, indent + 2)));
                format!("[{}]", elements.collect::<Vec<_>>().join(","))
            }
            Self::Map(_) if is_free_form(of) => self.line(),
            Self::Map(entries) => {
                let fields = entries.iter().map(|(key, value)| {
                    format!("\n{pad}{key}: {}", value.cel(&format!("{of}.{key}"), indent + 2))
                });
                format!("{of}{{{}}}", fields.collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// Whether the keys of a field are the user's own, so that the API has no type for it.
fn is_free_form(field: &str) -> bool {
    field.ends_with(".requests") || field.ends_with(".limits")
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl<const N: usize> From<[Value; N]> for Value {
    fn from(elements: [Value; N]) -> Self {
        Self::List(elements.into())
    }
}

/// How YAML is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// How far the lines are indented.
    pub indent: usize,
    /// How far a list is indented below its key: 0 or 2.
    pub list: usize,
}

impl Style {
    fn write(self, text: &mut String, value: &Value) {
        match value {
            Value::Map(entries) => {
                for (key, value) in entries {
                    self.pad(text);
                    self.entry(text, key, value);
                }
            }
            Value::List(elements) => elements.iter().for_each(|element| self.element(text, element)),
            scalar => {
                self.pad(text);
                let _ = writeln!(text, "{}", written(scalar));
            }
        }
    }

    fn entry(self, text: &mut String, key: &str, value: &Value) {
        let key = written(&Value::from(key));
        match value {
            Value::Map(entries) if !entries.is_empty() => {
                let _ = writeln!(text, "{key}:");
                self.deeper(2).write(text, value);
            }
            Value::List(elements) if elements.iter().any(|element| matches!(element, Value::Map(_))) => {
                let _ = writeln!(text, "{key}:");
                self.deeper(self.list).write(text, value);
            }
            short => {
                let _ = writeln!(text, "{key}: {}", written(short));
            }
        }
    }

    fn element(self, text: &mut String, element: &Value) {
        self.pad(text);
        text.push_str("- ");
        let mut block = String::new();
        self.deeper(2).write(&mut block, element);
        text.push_str(block.trim_start());
    }

    fn deeper(self, by: usize) -> Self {
        Self { indent: self.indent + by, ..self }
    }

    fn pad(self, text: &mut String) {
        text.extend(std::iter::repeat_n(' ', self.indent));
    }
}

/// A value on the rest of a line. A list of plain words is short enough for one.
fn written(value: &Value) -> String {
    match value {
        Value::Text(text) if is_plain(text) => text.clone(),
        Value::List(elements) => {
            format!("[{}]", elements.iter().map(written).collect::<Vec<_>>().join(", "))
        }
        other => other.line(),
    }
}

/// Whether every reader, those of YAML 1.1 included, takes the text without quotes for text.
fn is_plain(text: &str) -> bool {
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./@:-".contains(c))
        && !text.ends_with(':');
    let is_switch = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(text));
    (is_word && !is_switch) || is_quantity(text)
}

/// An amount with its unit, such as `32Mi`, which can't be mistaken for a number.
fn is_quantity(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    unit.len() < text.len() && ["m", "Ki", "Mi", "Gi"].contains(&unit)
}

/// JSON's quotes, which are YAML's and CEL's too.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_blocks_and_quotes_what_could_be_taken_for_something_else() {
        let value = Value::map([
            ("a", Value::map([("b/c", "x".into()), ("on", "yes".into())])),
            ("d", [Value::map([("e", 1.into()), ("f", ["g".into(), "-".into()].into())])].into()),
            ("h", "32Mi".into()),
            ("i", "1e3".into()),
            ("j", true.into()),
        ]);
        let expected = "  a:\n    b/c: x\n    \"on\": \"yes\"\n  d:\n  - e: 1\n    f: [g, \"-\"]\n  h: 32Mi\n  i: \"1e3\"\n  j: true\n";
        assert_eq!(value.yaml(Style { indent: 2, list: 0 }), expected);
        let indented = value.yaml(Style { indent: 0, list: 2 });
        assert!(indented.contains("d:\n  - e: 1\n    f:"), "{indented}");
    }

    #[test]
    fn names_types_in_cel_after_the_field() {
        let value = Value::map([
            ("name", "a".into()),
            ("ports", [Value::map([("containerPort", 1.into())])].into()),
            ("resources", Value::map([("limits", Value::map([("memory", "1Mi".into())]))])),
        ]);
        let cel = value.cel("Object.spec.initContainers", 0).replace([' ', '\n'], "");
        assert_eq!(
            cel,
            "Object.spec.initContainers{name:\"a\",ports:[Object.spec.initContainers.ports{containerPort:1}],\
             resources:Object.spec.initContainers.resources{limits:{\"memory\":\"1Mi\"}}}"
        );
    }
}
