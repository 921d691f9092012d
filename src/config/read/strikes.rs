//! What the reader leaves out of a file, or makes up for it, so as to find the next problem: a tree
//! beside the file's own.

use std::collections::BTreeMap;

use crate::config::path::{Path, Step};

/// What was decided about one value, and about those below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Strikes {
    /// The value is read as if it were not there.
    is_struck: bool,
    /// What is here is not what was meant, so what follows from it is no news.
    is_doubtful: bool,
    /// The key is missing, and this try at a value for it is taken.
    stand_in: Option<usize>,
    keys: BTreeMap<String, Strikes>,
    elements: BTreeMap<usize, Strikes>,
}

static NONE: Strikes = Strikes::new();

impl Strikes {
    const fn new() -> Self {
        Self {
            is_struck: false,
            is_doubtful: false,
            stand_in: None,
            keys: BTreeMap::new(),
            elements: BTreeMap::new(),
        }
    }

    pub(super) fn is_struck(&self) -> bool {
        self.is_struck
    }

    pub(super) fn key(&self, key: &str) -> &Self {
        self.keys.get(key).unwrap_or(&NONE)
    }

    pub(super) fn element(&self, index: usize) -> &Self {
        self.elements.get(&index).unwrap_or(&NONE)
    }

    /// The missing keys of this mapping that are to be made up, and which try it is.
    pub(super) fn stand_ins(&self) -> impl Iterator<Item = (&str, usize)> {
        self.keys.iter().filter_map(|(key, below)| Some((key.as_str(), below.stand_in?)))
    }

    /// Leaves a wrong value out. False if it already was.
    pub(super) fn strike(&mut self, path: &Path) -> bool {
        let at = self.at_mut(path);
        at.is_doubtful = true;
        !std::mem::replace(&mut at.is_struck, true)
    }

    /// Leaves out what never had a meaning, so that nothing follows from its absence.
    pub(super) fn ignore(&mut self, path: &Path) {
        self.at_mut(path).is_struck = true;
    }

    /// Takes `path` to be what a value elsewhere was meant for.
    pub(super) fn doubt(&mut self, path: &Path) {
        self.at_mut(path).is_doubtful = true;
    }

    /// Makes up a value, or the next one, for a key that is missing.
    pub(super) fn stand_in(&mut self, path: &Path) -> usize {
        let at = self.at_mut(path);
        at.is_doubtful = true;
        let number = at.stand_in.map_or(0, |previous| previous + 1);
        *at.stand_in.insert(number)
    }

    /// Whether the value at `path`, or one that it is in, is not what was meant.
    pub(super) fn is_doubtful(&self, path: &Path) -> bool {
        self.along(path).any(|at| at.is_doubtful || at.is_struck)
    }

    /// Whether the value at `path` directly has a doubtful one in it.
    pub(super) fn has_doubtful(&self, path: &Path) -> bool {
        self.at(path).below().any(|below| below.is_doubtful)
    }

    /// Whether the value at `path` has a doubtful one in it, however deep.
    pub(super) fn has_doubtful_within(&self, path: &Path) -> bool {
        fn within(strikes: &Strikes) -> bool {
            strikes.below().any(|below| below.is_doubtful || within(below))
        }
        within(self.at(path))
    }

    fn below(&self) -> impl Iterator<Item = &Self> {
        self.keys.values().chain(self.elements.values())
    }

    fn at(&self, path: &Path) -> &Self {
        self.along(path).last().unwrap_or(self)
    }

    /// This one, and each on the way down to `path`.
    fn along(&self, path: &Path) -> impl Iterator<Item = &Self> {
        let mut at = self;
        std::iter::once(self).chain(path.steps().iter().map(move |step| {
            at = match step {
                Step::Key(key) => at.key(key),
                Step::Index(index) => at.element(*index),
            };
            at
        }))
    }

    fn at_mut(&mut self, path: &Path) -> &mut Self {
        path.steps().iter().fold(self, |at, step| match step {
            Step::Key(key) => at.keys.entry(key.clone()).or_default(),
            Step::Index(index) => at.elements.entry(*index).or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_doubt_on_what_is_below_and_directly_above() {
        let rules = Path::root().key("rules");
        let require = rules.index(3).key("require");
        let mut strikes = Strikes::default();
        assert!(strikes.strike(&require));
        assert!(!strikes.strike(&require), "struck already");
        assert!(strikes.is_doubtful(&require.key("scopes")));
        assert!(strikes.has_doubtful(&rules.index(3)));
        assert!(!strikes.has_doubtful(&rules));
        assert!(strikes.has_doubtful_within(&rules));
        assert!(!strikes.is_doubtful(&rules.index(3)));
        assert!(!strikes.is_doubtful(&rules.index(2).key("require")));
    }

    #[test]
    fn concludes_nothing_from_what_is_ignored() {
        let mut strikes = Strikes::default();
        strikes.ignore(&Path::root().key("colour"));
        assert!(strikes.key("colour").is_struck());
        assert!(!strikes.has_doubtful_within(&Path::root()));
    }

    #[test]
    fn counts_the_tries_at_a_missing_key() {
        let name = Path::root().key("name");
        let mut strikes = Strikes::default();
        assert_eq!((strikes.stand_in(&name), strikes.stand_in(&name)), (0, 1));
        assert_eq!(strikes.stand_ins().collect::<Vec<_>>(), [("name", 1)]);
        assert!(strikes.is_doubtful(&name));
    }
}
