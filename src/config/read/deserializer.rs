//! From a [`Node`] to any type that serde can make: strict about kinds of values, blind to what was
//! struck.

use std::fmt::Display;

use serde::de::{Deserializer, Expected, Visitor};
use serde::forward_to_deserialize_any;

use crate::config::problem::quote;
use crate::config::yaml::{Meaning, Node, Scalar, Value};

use super::access::{Choice, Elements, Entries};
use super::fault::{Error, Fault, Names, Want};
use super::strikes::Strikes;

#[derive(Clone, Copy)]
pub(super) struct NodeDeserializer<'t> {
    node: &'t Node,
    strikes: &'t Strikes,
}

impl<'t> NodeDeserializer<'t> {
    pub(super) fn new(node: &'t Node, strikes: &'t Strikes) -> Self {
        Self { node, strikes }
    }

    /// An empty value is refused whatever is wanted: a forgotten list must not read as no list.
    fn given(self) -> Result<&'t Value, Error> {
        if self.node.is_null() { Err(Error::of(Fault::Empty)) } else { Ok(&self.node.value) }
    }

    fn scalar(self, want: impl FnOnce() -> Want) -> Result<&'t Scalar, Error> {
        match self.given()? {
            Value::Scalar(scalar) => Ok(scalar),
            _ => Err(Error::wanted(want())),
        }
    }

    fn text(self, wanted: &impl Display) -> Result<&'t str, Error> {
        let want = || Want::Text(wanted.to_string());
        match self.scalar(want)?.meaning() {
            Meaning::Text(text) => Ok(text),
            _ => Err(Error::wanted(want())),
        }
    }

    fn bool(self) -> Result<bool, Error> {
        let scalar = self.scalar(|| Want::Bool)?;
        match scalar.text.as_str() {
            "true" if scalar.plain => Ok(true),
            "false" if scalar.plain => Ok(false),
            _ => Err(Error::wanted(Want::Bool)),
        }
    }

    /// A whole number that the type `N` can hold, which goes from `least` to `most`.
    fn integer<N: TryFrom<i128> + Display + Copy>(self, least: N, most: N) -> Result<N, Error> {
        let scalar = self.scalar(|| Want::Number)?;
        let Meaning::Integer(number) = scalar.meaning() else {
            return Err(Error::wanted(Want::Number));
        };
        if scalar.has_leading_zero() {
            let what = format!("{} is octal to some readers of YAML", quote(&scalar.text));
            return Err(Error::said(what, "write the number without the zero in front, or as 0o…"));
        }
        N::try_from(number).map_err(|_| {
            let what = format!("the number {} is out of range", quote(&scalar.text));
            Error::said(what, format!("write a whole number from {least} to {most}"))
        })
    }

    fn float(self) -> Result<f64, Error> {
        let number = match self.scalar(|| Want::Number)?.meaning() {
            Meaning::Float(number) => number,
            #[expect(clippy::cast_precision_loss, reason = "a float was asked for")]
            Meaning::Integer(number) => number as f64,
            _ => return Err(Error::wanted(Want::Number)),
        };
        if number.is_finite() { Ok(number) } else { Err(Error::wanted(Want::Number)) }
    }

    fn elements(self) -> Result<Elements<'t>, Error> {
        match self.given()? {
            Value::Sequence(nodes) => Ok(Elements::new(nodes, self.strikes)),
            _ => Err(Error::wanted(Want::List)),
        }
    }

    fn entries(self) -> Result<Entries<'t>, Error> {
        match self.given()? {
            Value::Mapping(entries) => Ok(Entries::new(entries, self.strikes)),
            _ => Err(Error::wanted(Want::Mapping)),
        }
    }

    pub(super) fn visit_list<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut elements = self.elements()?;
        let value = visitor.visit_seq(&mut elements)?;
        elements.all_taken().map(|()| value)
    }

    pub(super) fn visit_mapping<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut entries = self.entries()?;
        let value = visitor.visit_map(&mut entries)?;
        entries.all_taken().map(|()| value)
    }

    fn visit_scalar<V: Visitor<'t>>(self, scalar: &'t Scalar, visitor: V) -> Result<V::Value, Error> {
        match scalar.meaning() {
            Meaning::Null => Err(Error::of(Fault::Empty)),
            Meaning::Bool(_) => visitor.visit_bool(self.bool()?),
            Meaning::Integer(number) if number < 0 => visitor.visit_i64(self.integer(i64::MIN, i64::MAX)?),
            Meaning::Integer(_) => visitor.visit_u64(self.integer(0, u64::MAX)?),
            Meaning::Float(_) => visitor.visit_f64(self.float()?),
            Meaning::Text(text) => visitor.visit_borrowed_str(text),
        }
    }

    /// One of an enum's variants: its name alone, or a mapping with its name as the only key.
    fn choice(self, variants: Names) -> Result<Choice<'t>, Error> {
        match self.given()? {
            Value::Mapping(_) => self.entries()?.into_choice(variants),
            Value::Scalar(scalar) => match scalar.meaning() {
                Meaning::Text(name) => Ok(Choice::alone(name)),
                _ => Err(Error::wanted(Want::OneOf(variants))),
            },
            Value::Sequence(_) => Err(Error::wanted(Want::OneOf(variants))),
        }
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $number:ident)*) => { $(
        fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.integer($number::MIN, $number::MAX)?)
        }
    )* };
}

macro_rules! texts {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
            let text = self.text(&(&visitor as &dyn Expected))?;
            visitor.visit_borrowed_str(text)
        }
    )* };
}

impl<'t> Deserializer<'t> for NodeDeserializer<'t> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Scalar(scalar) => self.visit_scalar(scalar, visitor),
            Value::Sequence(_) => self.visit_list(visitor),
            Value::Mapping(_) => self.visit_mapping(visitor),
        }
    }

    integers! {
        deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
    }

    texts! { deserialize_str deserialize_string deserialize_char deserialize_identifier }

    fn deserialize_bool<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.bool()?)
    }

    fn deserialize_f32<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_f64<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(self.float()?)
    }

    /// A key that is there has a value; only one that is absent makes a `None`.
    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.given()?;
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.visit_list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'t>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.visit_list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.visit_list(visitor)
    }

    fn deserialize_map<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.visit_mapping(visitor)
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: Names,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.visit_mapping(visitor)
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        _: &'static str,
        variants: Names,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.choice(variants)?)
    }

    fn deserialize_ignored_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { <W: Visitor<'t>> bytes byte_buf unit unit_struct }
}
