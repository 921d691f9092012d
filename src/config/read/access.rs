//! How serde walks through lists, mappings and variants: past what was struck, and over what is
//! made up.

use std::iter::Enumerate;
use std::slice;

use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use crate::config::path::Step;
use crate::config::problem::quote;
use crate::config::yaml::{Entry, Node};

use super::deserializer::NodeDeserializer;
use super::fault::{Error, Fault, Names};
use super::key::KeyDeserializer;
use super::stand_in::StandIn;
use super::strikes::Strikes;

/// The elements of a list that were not struck.
pub(super) struct Elements<'t> {
    nodes: Enumerate<slice::Iter<'t, Node>>,
    strikes: &'t Strikes,
}

impl<'t> Elements<'t> {
    pub(super) fn new(nodes: &'t [Node], strikes: &'t Strikes) -> Self {
        Self { nodes: nodes.iter().enumerate(), strikes }
    }

    /// An error if a visitor left elements unread: what is written must have a meaning.
    pub(super) fn all_taken(mut self) -> Result<(), Error> {
        match self.next() {
            None => Ok(()),
            Some((index, _)) => {
                Err(Error::said("is one element too many", "delete it").under(Step::Index(index)))
            }
        }
    }
}

impl<'t> Iterator for Elements<'t> {
    type Item = (usize, NodeDeserializer<'t>);

    fn next(&mut self) -> Option<Self::Item> {
        let strikes = self.strikes;
        let (index, node) = self.nodes.find(|(index, _)| !strikes.element(*index).is_struck())?;
        Some((index, NodeDeserializer::new(node, strikes.element(index))))
    }
}

impl<'t> SeqAccess<'t> for Elements<'t> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'t>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some((index, element)) = self.next() else { return Ok(None) };
        seed.deserialize(element).map(Some).map_err(|error| error.under(Step::Index(index)))
    }
}

/// A key with what is to be read as its value.
#[derive(Clone, Copy)]
enum Field<'t> {
    Given(&'t Entry),
    Missing { key: &'t str, stand_in: StandIn },
}

impl<'t> Field<'t> {
    fn key(self) -> &'t str {
        match self {
            Self::Given(entry) => &entry.key,
            Self::Missing { key, .. } => key,
        }
    }
}

/// The entries of a mapping that were not struck, and those made up for missing ones.
pub(super) struct Entries<'t> {
    left: std::vec::IntoIter<Field<'t>>,
    strikes: &'t Strikes,
    /// The one whose key was read last.
    current: Option<Field<'t>>,
}

impl<'t> Entries<'t> {
    pub(super) fn new(entries: &'t [Entry], strikes: &'t Strikes) -> Self {
        let given = entries.iter().filter(|entry| !strikes.key(&entry.key).is_struck());
        let missing = strikes
            .stand_ins()
            .map(|(key, number)| Field::Missing { key, stand_in: StandIn::numbered(number) });
        let left: Vec<_> = given.map(Field::Given).chain(missing).collect();
        Self { left: left.into_iter(), strikes, current: None }
    }

    /// An error if a visitor left entries unread: what is written must have a meaning.
    pub(super) fn all_taken(mut self) -> Result<(), Error> {
        match self.left.next() {
            None => Ok(()),
            Some(field) => Err(Error::said("is one key too many", "delete it").under_key(field.key())),
        }
    }

    /// The only entry as the choice of a variant.
    pub(super) fn into_choice(mut self, variants: Names) -> Result<Choice<'t>, Error> {
        let (Some(Field::Given(entry)), None) = (self.left.next(), self.left.next()) else {
            let hint = format!("write one of {}", variants.join(", "));
            return Err(Error::said("expected a mapping with exactly one key", hint));
        };
        let content = NodeDeserializer::new(&entry.value, self.strikes.key(&entry.key));
        Ok(Choice { name: &entry.key, content: Some(content) })
    }
}

impl<'t> MapAccess<'t> for Entries<'t> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.current = self.left.next();
        let Some(field) = self.current else { return Ok(None) };
        let key = field.key();
        seed.deserialize(KeyDeserializer(key)).map(Some).map_err(|error| error.on_key(key))
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.current.take() {
            Some(Field::Given(entry)) => {
                let strikes = self.strikes.key(&entry.key);
                seed.deserialize(NodeDeserializer::new(&entry.value, strikes))
                    .map_err(|error| error.under_key(&entry.key))
            }
            Some(Field::Missing { key, stand_in }) => {
                seed.deserialize(stand_in).map_err(|_| Error::of(Fault::StandInRefused).under_key(key))
            }
            None => Err(Error::said("has a value without a key", "report this")),
        }
    }
}

/// A variant by its name, alone or with content under it.
pub(super) struct Choice<'t> {
    name: &'t str,
    content: Option<NodeDeserializer<'t>>,
}

impl<'t> Choice<'t> {
    pub(super) fn alone(name: &'t str) -> Self {
        Self { name, content: None }
    }

    fn with_content<T>(
        self,
        read: impl FnOnce(NodeDeserializer<'t>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let name = self.name;
        let Some(content) = self.content else {
            let what = format!("{} needs more than its name", quote(name));
            return Err(Error::said(what, format!("write it as a mapping: {{ {name}: … }}")));
        };
        read(content).map_err(|error| error.under_key(name))
    }
}

impl<'t> EnumAccess<'t> for Choice<'t> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'t>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        Ok((seed.deserialize(KeyDeserializer(self.name))?, self))
    }
}

impl<'t> VariantAccess<'t> for Choice<'t> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        if self.content.is_none() {
            return Ok(());
        }
        let what = format!("{} has nothing below it", quote(self.name));
        Err(Error::said(what, format!("write its name alone: {}", self.name)))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'t>>(self, seed: T) -> Result<T::Value, Error> {
        self.with_content(|content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'t>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.with_content(|content| content.visit_list(visitor))
    }

    fn struct_variant<V: Visitor<'t>>(self, _: Names, visitor: V) -> Result<V::Value, Error> {
        self.with_content(|content| content.visit_mapping(visitor))
    }
}
