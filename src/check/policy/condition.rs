//! `condition`: an expression in the Common Expression Language over `token`, `request` and `now`.
//!
//! What it may name and how large it may be is checked when it is compiled. Here it is evaluated, and whatever
//! goes wrong then refuses the request.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::objects::{Key, Map};
use cel::{Context, Env, ExecutionError, Program, Value};

use super::RequestFacts;
use crate::check::access_token::VerifiedToken;
use crate::check::input::Headers;
use crate::jose::UnixTime;

/// The functions of an expression: the standard ones, without regular expressions and dates.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// What an issuer says of a token may be much larger than a token; evaluating must not take long even so.
const MAX_CLAIM_BYTES: usize = 512 << 10;

/// A condition, compiled.
pub struct Condition {
    text: String,
    program: Program,
    headers: Vec<String>,
    claims: Option<Vec<String>>,
}

/// Why a condition came to nothing. It says nothing of values: they may be secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionFault {
    /// Two values of one header could be told apart by nobody behind us.
    #[error("header {0} stands several times in the request")]
    RepeatedHeader(String),
    /// Bytes that are no text.
    #[error("header {0} is not UTF-8")]
    HeaderNotText(String),
    /// A claim or header that is not there, and was not asked for with `has` or `in`.
    #[error("there is no {0:?}; ask with `has(…)` or `… in …` first")]
    Missing(String),
    /// Neither true nor false.
    #[error("it is neither true nor false")]
    NotABoolean,
    /// Anything else, in words.
    #[error("{0}")]
    Failed(String),
}

/// Where an expression can't be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyntaxFault {
    /// Counted from 1; 0 where it is not known.
    pub line: usize,
    /// Counted from 1; 0 where it is not known.
    pub column: usize,
    /// What the parser says.
    pub message: String,
}

impl Condition {
    /// From a program that reads only `token`, `request` and `now`; of the headers these, in lower case; and of the
    /// claims these, or any where there are none.
    #[must_use]
    pub fn new(text: String, program: Program, headers: Vec<String>, claims: Option<Vec<String>>) -> Self {
        Self { text, program, headers, claims }
    }

    /// Compiles text, without looking at what it names.
    ///
    /// # Errors
    /// Where the parser stops.
    pub fn parse(text: &str) -> Result<Program, SyntaxFault> {
        let number = |its: isize| usize::try_from(its).unwrap_or_default();
        ENVIRONMENT.compile(text).map_err(|errors| {
            errors.errors.first().map_or_else(SyntaxFault::default, |error| SyntaxFault {
                line: number(error.pos.0),
                column: number(error.pos.1),
                message: error.msg.clone(),
            })
        })
    }

    /// Evaluates an expression that names nothing.
    #[must_use]
    pub fn constant(program: &Program) -> Option<bool> {
        match program.execute(&Context::with_env(Arc::clone(&ENVIRONMENT))) {
            Ok(Value::Bool(value)) => Some(value),
            Ok(_) | Err(_) => None,
        }
    }

    /// The condition as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The headers that it reads.
    #[must_use]
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// The claims that it reads; none where it may read any.
    #[must_use]
    pub fn claims(&self) -> Option<&[String]> {
        self.claims.as_deref()
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// Why that can't be said.
    pub fn holds(
        &self,
        token: &VerifiedToken,
        request: RequestFacts<'_>,
        now: UnixTime,
    ) -> Result<bool, ConditionFault> {
        if token.claims().weight() > MAX_CLAIM_BYTES {
            return Err(failed("the token is too large for a condition"));
        }
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.add_variable_from_value("token", claims(token));
        context.add_variable_from_value("request", self.request(request)?);
        context.add_variable_from_value("now", Value::Int(now.as_millis() / 1000));
        match self.program.execute(&context) {
            Ok(Value::Bool(value)) => Ok(value),
            Ok(_) => Err(ConditionFault::NotABoolean),
            Err(error) => Err(fault(&error)),
        }
    }

    fn request(&self, request: RequestFacts<'_>) -> Result<Value, ConditionFault> {
        let mut headers = HashMap::new();
        for name in &self.headers {
            if let Some(value) = single(request.headers, name)? {
                headers.insert(key(name), text(value));
            }
        }
        Ok(map([
            (key("method"), text(request.method)),
            (key("host"), text(request.host)),
            (key("path"), text(request.target.path())),
            (key("headers"), map(headers)),
        ]))
    }
}

/// The one value of a header. Joined, `a, b` would pass where neither `a` nor `b` does.
fn single<'a>(headers: &'a Headers, name: &str) -> Result<Option<&'a str>, ConditionFault> {
    let mut values = headers.all(name);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() || headers.may_be_joined() && value.contains(&b',') {
        return Err(ConditionFault::RepeatedHeader(name.to_owned()));
    }
    std::str::from_utf8(value).map(Some).map_err(|_| ConditionFault::HeaderNotText(name.to_owned()))
}

/// The claims as they stand, but for `scope` and `client_id`, which mean what they mean everywhere in a policy, and
/// `scopes`, which is the scopes as a list.
fn claims(token: &VerifiedToken) -> Value {
    let own = ["scope", "scopes", "client_id"];
    let claims = token.claims().iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let claims = claims.map(|(name, value)| (key(name), from_json(value)));
    let scope = (key("scope"), text(token.scopes().join(" ")));
    let scopes = token.scopes().iter().map(|scope| text(scope.as_str())).collect();
    let scopes = (key("scopes"), Value::List(Arc::new(scopes)));
    let client = token.client().map(|client| (key("client_id"), text(client)));
    map(claims.chain([scope, scopes]).chain(client))
}

fn from_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(*flag),
        // One type for all whole numbers, so that dates of the token compare with `now`.
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => match number.as_u64() {
                Some(whole) => Value::UInt(whole),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
        },
        serde_json::Value::String(string) => text(string.as_str()),
        serde_json::Value::Array(members) => Value::List(Arc::new(members.iter().map(from_json).collect())),
        serde_json::Value::Object(members) => {
            map(members.iter().map(|(name, value)| (key(name), from_json(value))))
        }
    }
}

fn key(name: &str) -> Key {
    Key::String(Arc::new(name.to_owned()))
}

fn text(text: impl Into<String>) -> Value {
    Value::String(Arc::new(text.into()))
}

fn map(members: impl IntoIterator<Item = (Key, Value)>) -> Value {
    Value::Map(Map { map: Arc::new(members.into_iter().collect()) })
}

fn fault(error: &ExecutionError) -> ConditionFault {
    match error {
        ExecutionError::NoSuchKey(name) => ConditionFault::Missing(name.to_string()),
        // It names types, and no values.
        ExecutionError::NoSuchOverload(overload) => ConditionFault::Failed(overload.to_string()),
        ExecutionError::ValuesNotComparable(..) => failed("it compares values of different types"),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            failed("it divides by zero")
        }
        ExecutionError::IndexOutOfBounds(_) => failed("an index is beyond the end of a list"),
        ExecutionError::Overflow(..) => failed("a number becomes too large"),
        _ => failed("it can't be computed with these values"),
    }
}

fn failed(why: &str) -> ConditionFault {
    ConditionFault::Failed(why.to_owned())
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.text).finish()
    }
}
