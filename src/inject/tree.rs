//! Manifests as a tree in which each value knows where it stands, so that text can be edited around it.

use std::collections::HashSet;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::refusal::{Refusal, refuse};
use super::text::Text;

/// How many lists and mappings may be inside each other.
const DEEPEST: usize = 64;

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// The bytes from its first to behind its last; for what is in blocks, only the start is exact.
    pub(super) at: Range<usize>,
    /// Whether it is shared by an anchor or an alias, or made something else by a tag.
    pub(super) special: bool,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// A single value; the second is whether it was written without quotes.
    Scalar(String, bool),
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
    Alias,
}

impl Node {
    /// Whether it is written in brackets.
    pub(super) fn is_flow(&self, text: &Text<'_>) -> bool {
        let first = match &self.kind {
            Kind::Sequence(elements) => elements.first().map(|element| element.at.start),
            Kind::Mapping(entries) => entries.first().map(|(key, _)| key.at.start),
            _ => return false,
        };
        // A block has no sign of its own: it starts with its first key or element.
        text.rest(self.at.start).starts_with(['[', '{']) && first != Some(self.at.start)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(text, true) if ["", "~", "null", "Null", "NULL"].contains(&text.as_str()))
    }

    /// The text of a single value.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// The entry under a key.
    ///
    /// # Errors
    /// When entries come from elsewhere: what is put beside them would hide some.
    pub(super) fn entry(&self, key: &str) -> Result<Option<(&Node, &Node)>, Refusal> {
        let Kind::Mapping(entries) = &self.kind else { return Ok(None) };
        let merges = |name: &Node| matches!(&name.kind, Kind::Scalar(text, true) if text == "<<");
        if let Some((merge, _)) = entries.iter().find(|(name, _)| merges(name)) {
            return refuse(merge.at.start, "merge keys are not edited around", "write the entries out");
        }
        Ok(entries.iter().find(|(name, _)| name.text() == Some(key)).map(|(key, value)| (key, value)))
    }

    /// The value under a key.
    ///
    /// # Errors
    /// As [`Node::entry`].
    pub(super) fn value(&self, key: &str) -> Result<Option<&Node>, Refusal> {
        Ok(self.entry(key)?.map(|(_, value)| value))
    }

    /// Of a list, its elements; of all else, none.
    pub(super) fn elements(&self) -> &[Node] {
        match &self.kind {
            Kind::Sequence(elements) => elements,
            _ => &[],
        }
    }

    /// Itself, its keys and all values below.
    pub(super) fn all(&self) -> Box<dyn Iterator<Item = &Node> + '_> {
        let below: Box<dyn Iterator<Item = &Node>> = match &self.kind {
            Kind::Sequence(elements) => Box::new(elements.iter().flat_map(Node::all)),
            Kind::Mapping(entries) => {
                Box::new(entries.iter().flat_map(|(key, value)| key.all().chain(value.all())))
            }
            _ => Box::new(std::iter::empty()),
        };
        Box::new(std::iter::once(self).chain(below))
    }

    /// Behind the last byte that is written of it.
    pub(super) fn end(&self, text: &Text<'_>) -> usize {
        if self.is_flow(text) {
            return self.at.end;
        }
        let last = self.all().filter(|node| matches!(node.kind, Kind::Scalar(..)) || node.is_flow(text));
        last.map(|node| node.at.end).max().unwrap_or(self.at.end)
    }
}

/// Reads all documents.
pub(super) fn parse(text: &Text<'_>) -> Result<Vec<Node>, Refusal> {
    let mut reader = Reader { events: Parser::new_from_str(text.as_str()), text, depth: 0 };
    let mut documents = Vec::new();
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(documents),
            (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd, _) => {}
            (event, span) => documents.push(reader.node(event, span)?),
        }
    }
}

struct Reader<'t> {
    events: Parser<'t, StrInput<'t>>,
    text: &'t Text<'t>,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), Refusal> {
        match self.events.next_event() {
            Some(Ok(event)) => Ok(event),
            None => Ok((Event::StreamEnd, Span::default())),
            Some(Err(error)) => {
                let hint = if self.text.as_str().contains("{{") {
                    "render the template first: helm template … | gatepost inject"
                } else {
                    "look at the quotes and the indentation of this line and the one above"
                };
                refuse(self.text.offset(*error.marker()), format!("is not YAML: {}", error.info()), hint)
            }
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span) -> Result<Node, Refusal> {
        let start = self.text.offset(span.start);
        if self.depth == DEEPEST {
            return refuse(start, "is nested too deeply", "write it less deep");
        }
        self.depth += 1;
        let (kind, special, end) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let kind = Kind::Scalar(text.into_owned(), style == ScalarStyle::Plain);
                (kind, anchor > 0 || tag.is_some(), self.text.offset(span.end))
            }
            Event::SequenceStart(anchor, tag) => {
                let (elements, end) = self.sequence()?;
                (Kind::Sequence(elements), anchor > 0 || tag.is_some(), end)
            }
            Event::MappingStart(anchor, tag) => {
                let (entries, end) = self.mapping()?;
                (Kind::Mapping(entries), anchor > 0 || tag.is_some(), end)
            }
            _ => (Kind::Alias, true, self.text.offset(span.end)),
        };
        self.depth -= 1;
        Ok(Node { kind, at: start..end, special })
    }

    fn sequence(&mut self) -> Result<(Vec<Node>, usize), Refusal> {
        let mut elements = Vec::new();
        loop {
            match self.next()? {
                // The bracket; what follows it may be counted to it.
                (Event::SequenceEnd, span) => return Ok((elements, self.text.offset(span.start) + 1)),
                (event, span) => elements.push(self.node(event, span)?),
            }
        }
    }

    fn mapping(&mut self) -> Result<(Vec<(Node, Node)>, usize), Refusal> {
        let (mut entries, mut keys) = (Vec::new(), HashSet::new());
        loop {
            match self.next()? {
                (Event::MappingEnd, span) => return Ok((entries, self.text.offset(span.start) + 1)),
                (event, span) => {
                    let key = self.node(event, span)?;
                    if let Some(again) = key.text().filter(|name| !keys.insert((*name).to_owned())) {
                        // Readers differ on which counts.
                        return refuse(
                            key.at.start,
                            format!("the key `{again}` is given twice"),
                            "delete one",
                        );
                    }
                    let (event, span) = self.next()?;
                    entries.push((key, self.node(event, span)?));
                }
            }
        }
    }
}
