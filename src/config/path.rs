//! Where a value stands in a configuration file, counted in keys and elements: `issuers[0].audiences`.

use std::fmt;

use super::problem::{LONGEST_QUOTE, shorten};

/// One step down from a mapping or a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// To the value under a key.
    Key(String),
    /// To an element of a list, counted from 0.
    Index(usize),
}

/// The way from the top of a file to one value; empty for the file as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Step>);

impl Path {
    /// The path of the file as a whole.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of the value under `key`.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.step(Step::Key(key.to_owned()))
    }

    /// The path of the element at `index`, counted from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    /// The path of what this one is in, or none for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.split_last().map(|(_, above)| Self(above.to_vec()))
    }

    /// Whether this is the path of the file as a whole.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// From the top down.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Goes one step down in place.
    pub fn push(&mut self, step: Step) {
        self.0.push(step);
    }

    /// Goes one step up in place; the root stays where it is.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    fn step(&self, step: Step) -> Self {
        let mut path = self.clone();
        path.push(step);
        path
    }
}

impl FromIterator<Step> for Path {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if !is_a_word(key) => {
                    write!(f, "[\"{}\"]", shorten(key, LONGEST_QUOTE))?;
                }
                Step::Key(key) if depth == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

/// Whether a key can stand between dots without being mistaken for more or fewer steps.
fn is_a_word(key: &str) -> bool {
    let in_a_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=LONGEST_QUOTE).contains(&key.len()) && key.chars().all(in_a_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_people_write_it() {
        let path = Path::root().key("issuers").index(0).key("audiences");
        assert_eq!(path.to_string(), "issuers[0].audiences");
        assert_eq!(Path::root().to_string(), "");
        assert_eq!(Path::root().index(2).key("x-id").to_string(), "[2].x-id");
    }

    #[test]
    fn quotes_keys_that_are_not_words() {
        let path = Path::root().key("claims").key("https://example.com/tier");
        assert_eq!(path.to_string(), "claims[\"https://example.com/tier\"]");
        assert_eq!(Path::root().key("a\u{1b}[2J").to_string(), "[\"a\\u{1b}[2J\"]");
        assert!(Path::root().key(&"k".repeat(5000)).to_string().len() < 80);
    }

    #[test]
    fn goes_up_as_far_as_the_root() {
        let path = Path::root().key("rules").index(1);
        assert_eq!(path.parent(), Some(Path::root().key("rules")));
        assert_eq!(Path::root().parent(), None);
    }
}
