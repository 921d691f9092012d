//! Identity headers: what the service behind is told, and how nobody else can tell it.

use serde_json::Value;

use super::claim::ClaimPath;
use crate::check::access_token::VerifiedToken;
use crate::check::input::Headers;

/// One value that a rule hands on, under a name: a header, or a member of Envoy's dynamic metadata.
#[derive(Clone, Debug)]
pub struct Forward {
    /// The header's or member's name; a header's in lower case.
    pub name: String,
    /// Where its value comes from.
    pub source: ForwardSource,
    /// How a list is written in a header.
    pub list: ListForm,
    /// What happens where the token has no such value.
    pub missing: Missing,
}

/// Where a forwarded value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardSource {
    /// `token.scope`: all granted scopes, whichever claims carried them, separated by blanks.
    Scopes,
    /// `token.client_id`: the client, whichever claim carried it.
    Client,
    /// A claim by its path.
    Claim(ClaimPath),
    /// Always the same text.
    Text(String),
}

/// How a list is written in a header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListForm {
    /// `a,b`; a member with a comma is refused.
    #[default]
    Commas,
    /// JSON in ASCII: lists and objects of any shape.
    Json,
}

/// What happens where the token has no such value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// It is left out.
    #[default]
    Omit,
    /// The request is refused.
    Deny,
}

/// A longer value is no identity, and upstreams limit their header blocks.
const MAX_VALUE_BYTES: usize = 4096;

impl Forward {
    /// The header's value for this token; none when the token has no such claim, or an empty one.
    ///
    /// # Errors
    /// What is wrong with the claim, when it can't be a header value that reads the same at the other end.
    pub fn header_value(&self, token: &VerifiedToken) -> Result<Option<String>, &'static str> {
        let value = match &self.source {
            ForwardSource::Scopes => Some(token.scopes().join(" ")),
            ForwardSource::Client => token.client().map(str::to_owned),
            ForwardSource::Claim(path) => {
                path.value(token.claims()).map(|value| self.list.text(value)).transpose()?
            }
            ForwardSource::Text(text) => Some(text.clone()),
        };
        value.filter(|value| !value.is_empty()).map(safe).transpose()
    }

    /// The claim without which the request is refused.
    #[must_use]
    pub fn must_have(&self) -> Option<&str> {
        match (&self.source, self.missing) {
            (ForwardSource::Claim(path), Missing::Deny) => Some(path.claim()),
            _ => None,
        }
    }

    /// Whether the request is refused, because the token has no such claim.
    #[must_use]
    pub fn is_missed(&self, token: &VerifiedToken) -> bool {
        self.missing == Missing::Deny && self.json_value(token).is_none()
    }

    /// The value for this token as it stands; none when the token has no such claim.
    #[must_use]
    pub fn json_value(&self, token: &VerifiedToken) -> Option<Value> {
        match &self.source {
            ForwardSource::Scopes => Some(token.scopes().join(" ").into()),
            ForwardSource::Client => token.client().map(Value::from),
            ForwardSource::Claim(path) => path.value(token.claims()).cloned(),
            ForwardSource::Text(text) => Some(text.as_str().into()),
        }
    }
}

impl ListForm {
    fn text(self, value: &Value) -> Result<String, &'static str> {
        match (self, value) {
            (Self::Json, Value::Array(_) | Value::Object(_)) => Ok(ascii(&value.to_string())),
            (Self::Json | Self::Commas, value) => text(value),
        }
    }
}

/// JSON with everything outside ASCII as `\uXXXX` (RFC 8259 §7), so that no reader has to guess a charset.
fn ascii(json: &str) -> String {
    let mut written = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            ' '..='~' => written.push(character),
            _ => character
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| written.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    written
}

fn text(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::String(text) => Ok(text.clone()),
        // Past 2^53 a fraction's text may be that of another number.
        Value::Number(number) if number.as_f64().is_some_and(|it| number.is_f64() && it.abs() > 9e15) => {
            Err("it is a number too large to be exact")
        }
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Array(list) => {
            let members = list.iter().map(member).collect::<Result<Vec<_>, _>>()?;
            Ok(members.join(","))
        }
        Value::Null | Value::Object(_) => {
            Err("it is neither text, number, true or false, nor a list of them; `list: json` would take it")
        }
    }
}

fn member(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::Array(_) => Err("it is a list of lists"),
        Value::String(text) if text.contains(',') => {
            Err("a member has a comma, which would read as two; `list: json` would take it")
        }
        other => text(other),
    }
}

fn safe(value: String) -> Result<String, &'static str> {
    if value.len() > MAX_VALUE_BYTES {
        return Err("it is longer than 4096 bytes");
    }
    if value.chars().any(char::is_control) {
        return Err("it has a control character");
    }
    // HTTP drops blanks at the ends, so "admin " would arrive as "admin".
    if value.trim() != value { Err("it begins or ends with a blank") } else { Ok(value) }
}

/// The header names that only gatepost may set, with every spelling that a service could take for one.
#[derive(Clone, Debug, Default)]
pub struct OwnedHeaders(Vec<Owned>);

#[derive(Clone, Debug)]
struct Owned {
    name: String,
    folded: String,
    variants: Vec<String>,
}

impl OwnedHeaders {
    /// More dashes than this would make more spellings than a response should carry.
    pub const MAX_SEPARATORS: usize = 5;

    /// From the lower-case names that any rule sets.
    #[must_use]
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut owned: Vec<Owned> = Vec::new();
        for name in names {
            if !owned.iter().any(|one| one.name == name) {
                owned.push(Owned { name: name.to_owned(), folded: fold(name), variants: variants(name) });
            }
        }
        Self(owned)
    }

    /// What must be taken off a request of which `set` are the names that are overwritten.
    ///
    /// The spellings with `-` and `_` go in any case, because Envoy may be told to send us few headers;
    /// stranger ones go when they are seen.
    #[must_use]
    pub fn removals(&self, set: &[(String, String)], seen: &Headers) -> Vec<String> {
        let is_set = |name: &str| set.iter().any(|(its, _)| its == name);
        let mut names: Vec<String> =
            self.0.iter().flat_map(|one| &one.variants).filter(|name| !is_set(name)).cloned().collect();
        for name in seen.names().filter(|name| !name.starts_with(':')) {
            let folded = fold(name);
            let spoofs = self.0.iter().any(|one| one.folded == folded);
            if spoofs && !is_set(name) && !names.iter().any(|its| its == name) {
                names.push(name.to_owned());
            }
        }
        names
    }
}

/// CGI and its descendants write every separator as `_`, so names that differ only there are one name.
fn fold(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

fn variants(name: &str) -> Vec<String> {
    name.split(['-', '_']).fold(Vec::new(), |heads: Vec<String>, part| {
        if heads.is_empty() {
            return vec![part.to_owned()];
        }
        heads.iter().flat_map(|head| [format!("{head}-{part}"), format!("{head}_{part}")]).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn removes_every_spelling_but_the_one_it_sets() {
        let owned = OwnedHeaders::new(["x-user-id", "x-user-id"]);
        let seen: Headers =
            [("X_User.Id", "spoofed"), ("x-user-ids", "other"), (":path", "/")].into_iter().collect();
        let set = [("x-user-id".to_owned(), "7".to_owned())];
        assert_eq!(owned.removals(&set, &seen), ["x-user_id", "x_user-id", "x_user_id", "x_user.id"]);
        assert_eq!(
            owned.removals(&[], &Headers::default()),
            ["x-user-id", "x-user_id", "x_user-id", "x_user_id"]
        );
    }

    #[test]
    fn values_read_the_same_at_the_other_end() {
        for (value, expected) in [
            (json!("alice"), "alice"),
            (json!(7), "7"),
            (json!(1.5), "1.5"),
            (json!(true), "true"),
            (json!(["a", "b", 1]), "a,b,1"),
            (json!("José"), "José"),
        ] {
            assert_eq!(text(&value).and_then(safe).as_deref(), Ok(expected));
        }
        assert_eq!(
            ListForm::Json.text(&json!(["a,b", {"é😀": "\n"}])).as_deref(),
            Ok(r#"["a,b",{"\u00e9\ud83d\ude00":"\n"}]"#)
        );
        assert_eq!(ListForm::Json.text(&json!("plain")).as_deref(), Ok("plain"));
        for value in [
            json!(null),
            json!({"a": 1}),
            json!([["a"]]),
            json!([{"a": 1}]),
            json!(["a,b"]),
            json!("a\r\nx-admin: 1"),
            json!("a\u{0}"),
            json!("a\u{85}"),
            json!(1e300),
            json!(" a"),
            json!("a "),
            json!("a".repeat(4097)),
        ] {
            assert!(text(&value).and_then(safe).is_err(), "{value}");
        }
    }
}
