//! What a fault is called towards someone who wrote the file, and what they might have meant.

use crate::config::path::{Path, Step};
use crate::config::problem::{Words, quote};
use crate::config::yaml::{Meaning, Node, Scalar, Value};

use super::fault::{Fault, Names, Want};

/// The longest name that is compared with others: comparing takes the product of both lengths.
const LONGEST_NAME: usize = 64;

/// What serde says it wants when any text will do.
const ANY_TEXT: &str = "a string";

/// What is wrong with `node`, which is at `path`, and what to write instead.
pub(super) fn wrong_value(fault: Fault, node: &Node, path: &Path) -> Words {
    match fault {
        Fault::Wanted(want) => wrong_kind(&want, node),
        Fault::UnknownName { name, allowed } => unknown_name(&name, allowed, node),
        Fault::Said(words) => words,
        Fault::Empty => empty(path),
        Fault::UnknownKey { key, allowed } => unknown_key(&key, suggest(&key, allowed), allowed),
        Fault::MissingKey(key) => missing_key(key),
        Fault::StandInRefused => Words::without_hint("could not be read"),
    }
}

fn empty(path: &Path) -> Words {
    let unit = match path.steps().last() {
        Some(Step::Index(_)) => "element",
        _ => "key",
    };
    Words::new("is empty", format!("write a value, or delete the {unit}"))
}

pub(super) fn unknown_key(key: &str, meant: Option<&str>, allowed: Names) -> Words {
    let hint = match key.split_once(':') {
        // `{key:value}` is a key without a value.
        Some((name, _)) if allowed.contains(&name) => "write a space after the `:`".to_owned(),
        _ => did_you_mean(meant, "Keys", allowed),
    };
    Words::new(format!("unknown key {}", quote(key)), hint)
}

pub(super) fn missing_key(key: &str) -> Words {
    Words::new(format!("the key {} is missing", quote(key)), format!("write `{key}: …` here"))
}

/// The one of `names` that `name` was most likely meant to be, if it comes close to any.
pub(super) fn suggest<'a>(name: &str, names: impl IntoIterator<Item = &'a &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST_NAME {
        return None;
    }
    let bare = bared(name);
    let distance = |other: &str| strsim::damerau_levenshtein(&bare, &bared(other));
    let close = bare.chars().count().max(3) / 3;
    let nearest = names.into_iter().map(|other| (distance(other), *other)).min_by_key(|(d, _)| *d);
    nearest.filter(|(distance, _)| *distance <= close).map(|(_, other)| other)
}

/// A name without what people vary: `jwksUri`, `jwks-uri` and `jwks_uri` are the same.
fn bared(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

fn unknown_name(name: &str, allowed: Names, node: &Node) -> Words {
    let meant = suggest(name, allowed);
    if let Value::Mapping(_) = node.value {
        return unknown_key(name, meant, allowed);
    }
    Words::new(format!("unknown value {}", quote(name)), did_you_mean(meant, "Values", allowed))
}

fn did_you_mean(meant: Option<&str>, kind: &str, allowed: Names) -> String {
    let allowed = match allowed {
        [] => format!("{kind} allowed here: none"),
        names => format!("{kind} allowed here: {}", names.join(", ")),
    };
    match meant {
        Some(meant) => format!("did you mean `{meant}`? {allowed}"),
        None => allowed,
    }
}

fn wrong_kind(want: &Want, node: &Node) -> Words {
    let what = format!("expected {}, found {}", wanted(want), found(node));
    Words { what, hint: instead(want, node) }
}

fn wanted(want: &Want) -> String {
    match want {
        Want::List => "a list".to_owned(),
        Want::Mapping => "a mapping".to_owned(),
        Want::Bool => "`true` or `false`".to_owned(),
        Want::Number => "a number".to_owned(),
        Want::OneOf([name]) => format!("`{name}`"),
        Want::OneOf(names) => format!("one of {}", names.join(", ")),
        Want::Text(wanted) => wanted.clone(),
    }
}

fn found(node: &Node) -> String {
    match &node.value {
        Value::Sequence(_) => "a list".to_owned(),
        Value::Mapping(_) => "a mapping".to_owned(),
        Value::Scalar(scalar) => match scalar.meaning() {
            Meaning::Null => "nothing".to_owned(),
            Meaning::Bool(_) => quote(&scalar.text),
            Meaning::Integer(_) | Meaning::Float(_) => format!("the number {}", quote(&scalar.text)),
            Meaning::Text(text) => format!("the text {}", quote(text)),
        },
    }
}

fn instead(want: &Want, node: &Node) -> Option<String> {
    match (want, &node.value) {
        (Want::Bool, Value::Scalar(scalar)) => instead_of_bool(&scalar.text),
        // Quotes make a number a string, but not yet a duration or a URL.
        (Want::Text(wanted), Value::Scalar(scalar)) if wanted == ANY_TEXT => {
            let text = quote(&scalar.text);
            Some(format!("write it in quotes: \"{}\"", text.trim_matches('`')))
        }
        (Want::Text(_), Value::Mapping(_)) => Some("put text that has `: ` in it in quotes".to_owned()),
        (Want::Text(_) | Want::OneOf(_), Value::Sequence(elements)) if elements.len() == 1 => {
            Some("write the value alone, without `[ ]` or `- `".to_owned())
        }
        (Want::Number, Value::Scalar(scalar)) => instead_of_number(scalar),
        (Want::List, Value::Scalar(scalar)) => Some(instead_of_list(scalar)),
        (Want::List, Value::Mapping(_)) => {
            Some("start each element with `- `, or put all of them in `[ ]`".to_owned())
        }
        (Want::Mapping, Value::Sequence(_)) => Some("write `key: value` lines, without `- `".to_owned()),
        (Want::Mapping, Value::Scalar(_)) => {
            Some("write `key: value` lines, indented below the key".to_owned())
        }
        _ => None,
    }
}

fn instead_of_bool(text: &str) -> Option<String> {
    let meant = match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" | "true" | "1" => "true",
        "no" | "off" | "n" | "false" | "0" => "false",
        _ => return None,
    };
    Some(format!("write `{meant}`"))
}

fn instead_of_number(scalar: &Scalar) -> Option<String> {
    let unquoted = Scalar { text: scalar.text.replace('_', ""), plain: true };
    match unquoted.meaning() {
        Meaning::Integer(_) if unquoted == *scalar => None,
        Meaning::Integer(_) => Some(format!("write {}", quote(&unquoted.text))),
        _ => Some("write digits only".to_owned()),
    }
}

fn instead_of_list(scalar: &Scalar) -> String {
    let needs_quotes = |c: char| matches!(c, ',' | '[' | ']' | '{' | '}' | '#' | '"' | '\\');
    let quoted = quote(&scalar.text);
    let shown = quoted.trim_matches('`');
    match scalar.meaning() {
        Meaning::Text(text) if scalar.plain && !text.contains(needs_quotes) => {
            format!("write it as a list: [{shown}]")
        }
        _ => format!("write it as a list: ['{}']", shown.replace('\'', "''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_was_most_likely_meant() {
        let names = ["scopes", "audiences", "jwks_uri", "max_age", "acr"];
        let cases = [
            ("scope", Some("scopes")),
            ("Scopes", Some("scopes")),
            ("socpes", Some("scopes")),
            ("audiance", Some("audiences")),
            ("jwksUri", Some("jwks_uri")),
            ("max-age", Some("max_age")),
            ("acrs", Some("acr")),
            ("colour", None),
            ("x", None),
            ("", None),
        ];
        for (name, meant) in cases {
            assert_eq!(suggest(name, &names), meant, "{name}");
        }
        assert_eq!(suggest(&"scopes".repeat(100_000), &names), None);
    }

    #[test]
    fn notices_a_missing_space() {
        let words = unknown_key("acr:gold", None, &["acr"]);
        assert_eq!(words, Words::new("unknown key `acr:gold`", "write a space after the `:`"));
    }

    #[test]
    fn says_so_when_no_key_is_allowed() {
        assert_eq!(unknown_key("a", None, &[]).hint.as_deref(), Some("Keys allowed here: none"));
    }
}
