//! The error that stops serde once: what kind of fault it is, and the way down to it, gathered as
//! the error passes up.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::config::path::{Path, Step};
use crate::config::problem::{Words, quote, shorten};

/// As many characters as a type may say about a value it refuses.
const LONGEST_SAYING: usize = 400;

/// Names a type takes: of a struct's keys or an enum's variants.
pub(super) type Names = &'static [&'static str];

/// Why a value could not be read.
#[derive(Debug)]
pub(super) enum Fault {
    UnknownKey {
        key: String,
        allowed: Names,
    },
    UnknownName {
        name: String,
        allowed: Names,
    },
    MissingKey(&'static str),
    /// The wrong kind of value.
    Wanted(Want),
    Empty,
    /// What the type itself says about the value.
    Said(Words),
    /// A value made up for a missing key is not to the type's liking.
    StandInRefused,
}

/// What kind of value would be right.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Want {
    List,
    Mapping,
    Bool,
    Number,
    OneOf(Names),
    /// Something written as text, in the type's own words.
    Text(String),
}

#[derive(Debug)]
pub(super) struct Error {
    pub fault: Fault,
    /// Whether a mapping's key is at fault, and not its value.
    pub is_on_key: bool,
    /// Innermost step first.
    way_up: Vec<Step>,
}

impl Error {
    pub(super) fn of(fault: Fault) -> Self {
        Self { fault, is_on_key: false, way_up: Vec::new() }
    }

    pub(super) fn wanted(want: Want) -> Self {
        Self::of(Fault::Wanted(want))
    }

    pub(super) fn said(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::of(Fault::Said(Words::new(what, hint)))
    }

    pub(super) fn path(&self) -> Path {
        self.way_up.iter().rev().cloned().collect()
    }

    /// The same error, seen from the mapping or list that is one step up.
    pub(super) fn under(mut self, step: Step) -> Self {
        self.way_up.push(step);
        self
    }

    pub(super) fn under_key(self, key: &str) -> Self {
        self.under(Step::Key(key.to_owned()))
    }

    /// What was said about `key`, seen from its mapping.
    pub(super) fn on_key(self, key: &str) -> Self {
        let fault = match self.fault {
            fault @ Fault::UnknownKey { .. } => return Self::of(fault),
            Fault::UnknownName { name, allowed } => {
                return Self::of(Fault::UnknownKey { key: name, allowed });
            }
            fault => fault,
        };
        Self { fault, is_on_key: true, way_up: vec![Step::Key(key.to_owned())] }
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let what = shorten(&message.to_string(), LONGEST_SAYING);
        Self::of(Fault::Said(Words::without_hint(what)))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("expected {expected}, found {}", described(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("expected {expected}, found {length}"))
    }

    fn unknown_variant(variant: &str, allowed: Names) -> Self {
        Self::of(Fault::UnknownName { name: variant.to_owned(), allowed })
    }

    fn unknown_field(field: &str, allowed: Names) -> Self {
        Self::of(Fault::UnknownKey { key: field.to_owned(), allowed })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(Fault::MissingKey(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::said(format!("{} is given under two names", quote(field)), "delete one of the two")
    }
}

/// What a visitor was given, in the words for a [`Node`](crate::config::yaml::Node).
fn described(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(bool) => format!("`{bool}`"),
        Unexpected::Unsigned(number) => format!("the number `{number}`"),
        Unexpected::Signed(number) => format!("the number `{number}`"),
        Unexpected::Float(number) => format!("the number `{number}`"),
        Unexpected::Str(text) => format!("the text {}", quote(text)),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}

/// For serde only; people read what [`super::wording`] makes of the fault.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.fault)
    }
}

impl std::error::Error for Error {}
