//! A configuration file to the type that mirrors it, with everything that is wrong in it.
//!
//! Types that derive `Deserialize` stop at the first error. So that all of them show at once, what
//! an error is about is struck out, or a value is made up where one is missing, and the file is
//! read again. What comes of that is a draft: good for looking further, never for use.

use serde::de::DeserializeOwned;

use super::path::{Path, Step};
use super::problem::{Place, Problem, Problems};
use super::yaml::{self, Entry, Node, Scalar, Value};

mod access;
mod deserializer;
mod fault;
mod key;
mod stand_in;
mod strikes;
mod wording;

use deserializer::NodeDeserializer;
use fault::{Error, Fault, Names};
use strikes::Strikes;

/// How often a file is read again; more than the problems reported, since some show only once.
const MOST_ROUNDS: usize = 400;

/// What reading a file came to.
#[derive(Debug)]
pub(super) struct Read<T> {
    /// What the file says, without what is wrong in it and with made-up values for what is missing;
    /// none if too little of it could be read. To be applied only when there is no problem.
    pub(super) draft: Option<T>,
    /// Sorted by place. Never empty when there is no draft.
    pub(super) problems: Vec<Problem>,
    /// For what is found later on.
    pub(super) source: Source,
}

/// The file that was read, for finding places and for knowing what is already reported.
#[derive(Debug)]
pub struct Source {
    file: String,
    root: Node,
    strikes: Strikes,
}

impl Source {
    /// The file's name, as it was given.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Where the value at `path` is, or the nearest one it would be in.
    #[must_use]
    pub fn place_of(&self, path: &Path) -> Place {
        self.node_at(path).place
    }

    /// Whether something about the value at `path` is already reported, so that what is wrong with
    /// it now may only follow from that: it is missing, was struck, is in something struck, or has
    /// something struck or missing directly in it.
    #[must_use]
    pub fn was_struck(&self, path: &Path) -> bool {
        self.strikes.is_doubtful(path) || self.strikes.has_doubtful(path)
    }

    /// An error about the value at `path`, with its place.
    #[must_use]
    pub fn error(&self, path: &Path, what: impl Into<String>) -> Problem {
        Problem::error(&self.file, path, what).at(self.place_of(path))
    }

    /// A warning about the value at `path`, with its place.
    #[must_use]
    pub fn warning(&self, path: &Path, what: impl Into<String>) -> Problem {
        Problem::warning(&self.file, path, what).at(self.place_of(path))
    }

    /// The text of the single value at `path`, if there is one.
    #[must_use]
    pub fn text(&self, path: &Path) -> Option<&str> {
        match &path.steps().iter().try_fold(&self.root, |node, step| node.child(step))?.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// The paths of the elements of the list at `path`; none where there is no list.
    pub fn elements(&self, path: &Path) -> impl Iterator<Item = Path> {
        let node = path.steps().iter().try_fold(&self.root, |node, step| node.child(step));
        let count = match node.map(|node| &node.value) {
            Some(Value::Sequence(elements)) => elements.len(),
            _ => 0,
        };
        (0..count).map(|index| path.index(index))
    }

    fn node_at(&self, path: &Path) -> &Node {
        let mut node = &self.root;
        for step in path.steps() {
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }

    fn entry_at(&self, path: &Path) -> Option<&Entry> {
        match path.steps().split_last()? {
            (Step::Key(key), _) => self.node_at(&path.parent()?).entry(key),
            (Step::Index(_), _) => None,
        }
    }
}

/// Reads `text`, the content of the file called `file`.
///
/// That unknown keys are refused is up to `T`: all of its structs must say `deny_unknown_fields`.
/// Errors inside of untagged, internally tagged or flattened types show the place of the mapping
/// that has them: serde keeps no more.
pub(super) fn read<T: DeserializeOwned>(file: &str, text: &str) -> Read<T> {
    let mut reader = Reader::new(file, text);
    let draft = if reader.is_complete { reader.draft() } else { None };
    let Reader { source, problems, .. } = reader;
    Read { draft, problems: problems.into_sorted(), source }
}

struct Reader {
    source: Source,
    problems: Problems,
    /// Whether all of the text is in the tree.
    is_complete: bool,
}

/// No part of the file is left to be read.
struct NothingLeft;

impl Reader {
    fn new(file: &str, text: &str) -> Self {
        let mut problems = Problems::of(file);
        let parsed = yaml::parse(text, &mut problems);
        let mut strikes = Strikes::default();
        for path in &parsed.refused {
            strikes.strike(path);
        }
        let is_complete = parsed.root.is_some() && !strikes.is_struck();
        let nothing = Node { value: Value::Scalar(Scalar::null()), place: Place::START };
        let root = parsed.root.unwrap_or(nothing);
        Self { source: Source { file: file.to_owned(), root, strikes }, problems, is_complete }
    }

    fn draft<T: DeserializeOwned>(&mut self) -> Option<T> {
        for _ in 0..MOST_ROUNDS {
            if self.problems.has_more() {
                return None;
            }
            let Source { root, strikes, .. } = &self.source;
            match T::deserialize(NodeDeserializer::new(root, strikes)) {
                Ok(draft) => return Some(draft),
                Err(error) => self.settle(error).ok()?,
            }
        }
        self.problems.note_more();
        None
    }

    /// Reports the error, unless it follows from an earlier one, and sees to it that the next round
    /// gets past it.
    fn settle(&mut self, error: Error) -> Result<(), NothingLeft> {
        let path = error.path();
        match error.fault {
            Fault::UnknownKey { key, allowed } => self.unknown_key(&path, &key, allowed),
            Fault::MissingKey(key) => self.missing_key(&path, key),
            Fault::StandInRefused => self.stand_in(&path),
            fault => self.wrong_value(&path, fault, error.is_on_key),
        }
    }

    fn unknown_key(&mut self, mapping: &Path, key: &str, allowed: Names) -> Result<(), NothingLeft> {
        let path = mapping.key(key);
        let node = self.source.node_at(mapping);
        let Some(entry) = node.entry(key).filter(|_| !self.source.strikes.is_doubtful(&path)) else {
            let fault = Fault::UnknownKey { key: key.to_owned(), allowed };
            return self.wrong_value(mapping, fault, false);
        };
        let free = allowed.iter().filter(|name| node.entry(name).is_none());
        let meant = wording::suggest(key, free);
        let words = wording::unknown_key(key, meant, allowed);
        self.problems.report(entry.key_place, &path, words);
        if let Some(meant) = meant {
            self.source.strikes.doubt(&mapping.key(meant));
        }
        self.source.strikes.ignore(&path);
        Ok(())
    }

    fn missing_key(&mut self, mapping: &Path, key: &str) -> Result<(), NothingLeft> {
        let path = mapping.key(key);
        if !self.source.strikes.is_doubtful(&path) {
            self.problems.report(self.source.place_of(mapping), &path, wording::missing_key(key));
        }
        self.stand_in(&path)
    }

    /// Makes up a value for a missing key; when no more come to mind, leaves out what lacks it.
    fn stand_in(&mut self, path: &Path) -> Result<(), NothingLeft> {
        if self.source.strikes.stand_in(path) < stand_in::TRIES {
            return Ok(());
        }
        self.strike(&path.parent().ok_or(NothingLeft)?)
    }

    fn wrong_value(&mut self, path: &Path, fault: Fault, is_on_key: bool) -> Result<(), NothingLeft> {
        // A type that looks at several values together may only miss what was struck below.
        if !self.source.strikes.has_doubtful_within(path) {
            let place = self.place_of_fault(path, &fault, is_on_key);
            let words = wording::wrong_value(fault, self.source.node_at(path), path);
            self.problems.report(place, path, words);
        }
        self.strike(path)
    }

    fn place_of_fault(&self, path: &Path, fault: &Fault, is_on_key: bool) -> Place {
        let node = self.source.node_at(path);
        let named = match fault {
            Fault::UnknownName { name, .. } => node.entry(name),
            _ if is_on_key => self.source.entry_at(path),
            _ => None,
        };
        named.map_or(node.place, |entry| entry.key_place)
    }

    /// Leaves out what is at `path`, or what it is in if that was tried before.
    fn strike(&mut self, path: &Path) -> Result<(), NothingLeft> {
        let mut path = path.clone();
        while let Some(parent) = path.parent() {
            if self.source.strikes.strike(&path) {
                return Ok(());
            }
            path = parent;
        }
        self.source.strikes.strike(&path);
        Err(NothingLeft)
    }
}

#[cfg(test)]
mod tests;
