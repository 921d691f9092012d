//! Values made up for keys that are missing, so that one missing key does not hide the next. They
//! only ever end up in a draft of a file that was refused.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, SeqAccess, VariantAccess, Visitor,
};

use super::fault::{Error, Fault, Names};

/// Texts that types of their own are likely to take.
const TEXTS: &[&str] = &["stand-in", "1s", "/", "https://stand-in.invalid/", "127.0.0.1:1", "GET"];

/// How many different values there are to try.
pub(super) const TRIES: usize = TEXTS.len();

/// Structs inside structs are made up this deep; types that need themselves end here.
const DEEPEST: usize = 8;

/// Takes on whatever form is asked for. A type that needs more than its form refuses it.
#[derive(Clone, Copy)]
pub(super) struct StandIn {
    number: usize,
    depth: usize,
}

impl StandIn {
    pub(super) fn numbered(number: usize) -> Self {
        Self { number, depth: 0 }
    }

    fn below(self) -> Result<Self, Error> {
        let depth = self.depth + 1;
        if depth > DEEPEST { Err(refused()) } else { Ok(Self { depth, ..self }) }
    }

    fn elements(self, count: usize) -> Result<Elements, Error> {
        Ok(Elements { left: count, each: self.below()? })
    }
}

fn refused() -> Error {
    Error::of(Fault::StandInRefused)
}

macro_rules! as_text {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_str(TEXTS.get(self.number).copied().ok_or_else(refused)?)
        }
    )* };
}

macro_rules! as_number {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            // The first is 1, since a count or a limit is seldom 0.
            visitor.visit_u64(u64::from(self.number == 0))
        }
    )* };
}

impl<'de> Deserializer<'de> for StandIn {
    type Error = Error;

    /// Each form in turn, for types that tell several apart.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.number {
            1 => self.deserialize_seq(visitor),
            2 => self.deserialize_map(visitor),
            _ => self.deserialize_str(visitor),
        }
    }

    as_text! {
        deserialize_str deserialize_string deserialize_identifier deserialize_char
        deserialize_bytes deserialize_byte_buf
    }

    as_number! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(false)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self.below()?)
    }

    /// Empty at first, then with one element, for types that want one.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self.elements(usize::from(self.number > 0))?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self.elements(length)?)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(self.elements(length)?)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(serde::de::value::MapDeserializer::new(std::iter::empty::<(&str, &str)>()))
    }

    /// By position: unlike `fields`, it has no second names for the same field.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: Names,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(self.elements(fields.len())?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: Names,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let name = variants.get(self.number.min(variants.len().saturating_sub(1)));
        visitor.visit_enum(Choice { name: name.ok_or_else(refused)?, content: self.below()? })
    }
}

struct Elements {
    left: usize,
    each: StandIn,
}

impl<'de> SeqAccess<'de> for Elements {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(self.each).map(Some)
    }
}

struct Choice {
    name: &'static str,
    content: StandIn,
}

impl<'de> EnumAccess<'de> for Choice {
    type Error = Error;
    type Variant = StandIn;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, StandIn), Error> {
        let name: StrDeserializer<'_, Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.content))
    }
}

impl<'de> VariantAccess<'de> for StandIn {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: Names, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_struct("", fields, visitor)
    }
}
