//! The parser's events to a tree, and what is refused on the way.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput, Tag};

use crate::config::path::{Path, Step};
use crate::config::problem::{Place, Problems, Words, quote};

use super::{DEEPEST, Entry, MOST_NODES, Meaning, Node, Parsed, Scalar, Stop, Value, syntax};

/// Reads text of bounded size.
pub(super) fn build(text: &str, problems: &mut Problems) -> Parsed {
    let mut builder = Builder {
        events: Parser::new_from_str(text),
        problems,
        refused: Vec::new(),
        path: Path::root(),
        depth: 0,
        nodes: 0,
    };
    let root = builder.document().ok();
    Parsed { root, refused: builder.refused }
}

struct Builder<'t, 'p> {
    events: Parser<'t, StrInput<'t>>,
    problems: &'p mut Problems,
    refused: Vec<Path>,
    /// Of the value being read.
    path: Path,
    depth: usize,
    nodes: usize,
}

/// A mapping's key, as far as it can be one.
enum Key {
    Text(String),
    /// `<<`, which would bring in the keys of another mapping.
    Merge,
    Refused,
}

impl<'t> Builder<'t, '_> {
    fn document(&mut self) -> Result<Node, Stop> {
        self.next()?;
        let (Event::DocumentStart(_), _) = self.next()? else { return Err(self.empty()) };
        let (event, place) = self.next()?;
        let root = self.node(event, place)?;
        self.next()?;
        if let (Event::DocumentStart(_), place) = self.next()? {
            let hint = "write one document; delete this `---` and what follows";
            self.report(place, Words::new("a second document starts here", hint));
        }
        if root.is_null() { Err(self.empty()) } else { Ok(root) }
    }

    fn node(&mut self, event: Event<'t>, place: Place) -> Result<Node, Stop> {
        self.count(place)?;
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_anchor(anchor, place);
                if self.refuse_tag(tag.as_deref(), place) {
                    // The tag may have said what kind of value this is.
                    self.refused.push(self.path.clone());
                }
                let plain = style == ScalarStyle::Plain;
                Value::Scalar(Scalar { text: text.into_owned(), plain })
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_anchor(anchor, place);
                self.refuse_tag(tag.as_deref(), place);
                Value::Sequence(self.nested(place, Self::sequence)?)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_anchor(anchor, place);
                self.refuse_tag(tag.as_deref(), place);
                Value::Mapping(self.nested(place, Self::mapping)?)
            }
            _ => {
                self.refuse_alias(place);
                self.refused.push(self.path.clone());
                return Ok(Node::null(place));
            }
        };
        Ok(Node { value, place })
    }

    fn nested<T>(
        &mut self,
        place: Place,
        read: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        if self.depth == DEEPEST {
            let what = format!("more than {DEEPEST} lists and mappings inside each other");
            return Err(self.stop(place, Words::new(what, "write them less deep")));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn sequence(&mut self) -> Result<Vec<Node>, Stop> {
        let mut elements = Vec::new();
        loop {
            let (event, place) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(elements);
            }
            let step = Step::Index(elements.len());
            elements.push(self.below(step, |builder| builder.node(event, place))?);
        }
    }

    fn mapping(&mut self) -> Result<Vec<Entry>, Stop> {
        let mut entries = Vec::new();
        let mut first_places = HashMap::new();
        loop {
            let (event, key_place) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(entries);
            }
            match self.key(event, key_place)? {
                Key::Text(key) => {
                    let value = self.value(&key, key_place)?;
                    if let Some(first) = first_places.get(&key) {
                        self.refuse_duplicate(&key, key_place, *first);
                    } else {
                        first_places.insert(key.clone(), key_place);
                        entries.push(Entry { key, key_place, value });
                    }
                }
                Key::Merge => self.merged()?,
                Key::Refused => self.discarded()?,
            }
        }
    }

    fn key(&mut self, event: Event<'t>, place: Place) -> Result<Key, Stop> {
        let Event::Scalar(text, style, anchor, tag) = event else {
            let hint = "write text as the key; put a template's `{{ … }}` in quotes, or fill it in";
            self.report(place, Words::new("a key must be text", hint));
            return self.silently_skipped(event, place).map(|()| Key::Refused);
        };
        self.count(place)?;
        self.refuse_anchor(anchor, place);
        self.refuse_tag(tag.as_deref(), place);
        let scalar = Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
        Ok(match scalar.meaning() {
            Meaning::Text("<<") if scalar.plain => {
                let hint = "write the keys out where they are needed";
                self.report(place, Words::new("merge keys (`<<`) are not read", hint));
                Key::Merge
            }
            Meaning::Text(_) => Key::Text(scalar.text),
            Meaning::Null => {
                self.report(place, Words::new("a key must be text", "write text before the `:`"));
                Key::Refused
            }
            _ => {
                let what = format!("a key must be text, and {} is not", quote(&scalar.text));
                let hint = format!("write it in quotes: \"{}\"", scalar.text);
                self.report(place, Words::new(what, hint));
                self.refused.push(self.path.key(&scalar.text));
                Key::Refused
            }
        })
    }

    fn value(&mut self, key: &str, key_place: Place) -> Result<Node, Stop> {
        let (event, place) = self.next()?;
        let mut node = self.below(Step::Key(key.to_owned()), |builder| builder.node(event, place))?;
        if node.is_null() || node.place.line != key_place.line {
            node.place = key_place;
        }
        Ok(node)
    }

    /// The keys that a merge would bring in are not known, so the mapping cannot be judged.
    fn merged(&mut self) -> Result<(), Stop> {
        self.refused.push(self.path.clone());
        self.discarded()
    }

    /// Passes over a value whose key was refused.
    fn discarded(&mut self) -> Result<(), Stop> {
        let (event, place) = self.next()?;
        self.silently_skipped(event, place)
    }

    fn silently_skipped(&mut self, event: Event<'t>, place: Place) -> Result<(), Stop> {
        let mut open = 0_usize;
        let (mut event, mut place) = (event, place);
        loop {
            self.count(place)?;
            match event {
                Event::SequenceStart(..) | Event::MappingStart(..) => open += 1,
                Event::SequenceEnd | Event::MappingEnd => open = open.saturating_sub(1),
                _ => {}
            }
            if open == 0 {
                return Ok(());
            }
            (event, place) = self.next()?;
        }
    }

    fn below<T>(&mut self, step: Step, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let read = read(self);
        self.path.pop();
        read
    }

    fn next(&mut self) -> Result<(Event<'t>, Place), Stop> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, place(span.start))),
            Some(Err(error)) => {
                let words = syntax::explain(error.info());
                self.path = Path::root();
                Err(self.stop(place(*error.marker()), words))
            }
            None => Err(self.empty()),
        }
    }

    fn count(&mut self, place: Place) -> Result<(), Stop> {
        self.nodes += 1;
        if self.nodes <= MOST_NODES {
            return Ok(());
        }
        let what = format!("more than {MOST_NODES} values and keys in one file");
        Err(self.stop(place, Words::new(what, "write fewer")))
    }

    fn refuse_anchor(&mut self, anchor: usize, place: Place) {
        if anchor > 0 {
            let hint = "delete the `&name`, and write the value out where it is needed";
            self.report(place, Words::new("anchors (`&name`) are not read", hint));
        }
    }

    fn refuse_alias(&mut self, place: Place) {
        let hint = "write the value out; if it is text that starts with `*`, put it in quotes";
        self.report(place, Words::new("aliases (`*name`) are not read", hint));
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, place: Place) -> bool {
        let Some(tag) = tag else { return false };
        let handle = if tag.is_yaml_core_schema() { "!!" } else { tag.handle.as_str() };
        let shown = quote(&format!("{handle}{}", tag.suffix));
        let hint = "delete it; if it is part of the text, put the text in quotes";
        self.report(place, Words::new(format!("tags such as {shown} are not read"), hint));
        true
    }

    fn refuse_duplicate(&mut self, key: &str, place: Place, first: Place) {
        let (shown, Place { line, column }) = (quote(key), first);
        let what = format!("the key {shown} is given twice, first at {line}:{column}");
        let words = Words::new(what, "delete one of the two");
        self.below(Step::Key(key.to_owned()), |builder| builder.report(place, words));
    }

    fn empty(&mut self) -> Stop {
        self.problems.report_file(Words::without_hint("the file is empty"));
        Stop
    }

    fn stop(&mut self, place: Place, words: Words) -> Stop {
        self.report(place, words);
        Stop
    }

    fn report(&mut self, place: Place, words: Words) {
        self.problems.report(place, &self.path, words);
    }
}

fn place(mark: Marker) -> Place {
    Place { line: mark.line(), column: mark.col() + 1 }
}
