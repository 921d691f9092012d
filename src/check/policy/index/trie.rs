//! Tries over path segments, in one arena. A terminal knows only the first rule that ends there.
//!
//! A literal child and the child for `*` may both lead on, so a walk branches. Every node has one parent and is
//! visited at most once, so a walk costs at most the trie's nodes; a branch that holds no rule before the one
//! already found is left out. Going back needs no stack, because nodes know their parents: a walk allocates
//! nothing, and a path of any depth is safe.

use std::collections::HashMap;

use crate::check::policy::pattern::{PathPattern, Segment};
use crate::check::target::Target;

/// The place of no rule: it comes after every other.
pub(super) const AFTER_ALL: usize = usize::MAX;

/// Where a trie begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Root(usize);

/// Tries whose rules differ only in their paths: host and method are settled.
#[derive(Debug, Default)]
pub(super) struct Forest {
    nodes: Vec<Node>,
    /// The length of the longest literal: a longer segment of a request is not even hashed.
    longest: usize,
}

#[derive(Debug)]
struct Node {
    parent: Option<usize>,
    literals: HashMap<Box<str>, usize>,
    any: Option<usize>,
    /// The first rule for paths that end here without a slash.
    bare: usize,
    /// And with one.
    slashed: usize,
    /// The first rule for this path and all below.
    open: usize,
    /// The first rule here or below.
    least: usize,
}

impl Node {
    fn below(parent: Option<usize>) -> Self {
        let (bare, slashed, open, least) = (AFTER_ALL, AFTER_ALL, AFTER_ALL, AFTER_ALL);
        Self { parent, literals: HashMap::new(), any: None, bare, slashed, open, least }
    }

    /// As [`PathPattern::matches`] takes the slash at the end.
    fn end(&mut self, pattern: &PathPattern, exact: bool, place: usize) {
        self.least = self.least.min(place);
        if pattern.open_ended {
            self.open = self.open.min(place);
            return;
        }
        if !exact || pattern.trailing_slash {
            self.slashed = self.slashed.min(place);
        }
        if !exact || !pattern.trailing_slash {
            self.bare = self.bare.min(place);
        }
    }

    fn first(&self, is_end: bool, trailing_slash: bool) -> usize {
        match (is_end, trailing_slash) {
            (false, _) => self.open,
            (true, false) => self.open.min(self.bare),
            (true, true) => self.open.min(self.slashed),
        }
    }
}

impl Forest {
    /// Begins a trie.
    pub(super) fn plant(&mut self) -> Root {
        Root(self.add(Node::below(None)))
    }

    /// Adds a rule's pattern. Rules come in order, so what an earlier one covers whole needs no place.
    pub(super) fn insert(&mut self, root: Root, pattern: &PathPattern, exact: bool, place: usize) {
        let mut at = root.0;
        for segment in &pattern.segments {
            let Some(node) = self.nodes.get_mut(at).filter(|node| node.open > place) else { return };
            node.least = node.least.min(place);
            at = self.child(at, segment);
        }
        if let Some(node) = self.nodes.get_mut(at).filter(|node| node.open > place) {
            node.end(pattern, exact, place);
        }
    }

    fn child(&mut self, at: usize, segment: &Segment) -> usize {
        let next = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let child = match segment {
            Segment::Any => *node.any.get_or_insert(next),
            Segment::Literal(text) => {
                self.longest = self.longest.max(text.len());
                *node.literals.entry(text.as_str().into()).or_insert(next)
            }
        };
        if child == next { self.add(Node::below(Some(at))) } else { child }
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The first rule that matches this path, if it comes before `before`; else that.
    pub(super) fn first(&self, root: Root, target: &Target, before: usize) -> usize {
        let mut first = before;
        let mut walk = Walk { forest: self, path: target.segments(), at: None, depth: 0 };
        while let Some(node) = walk.next(root, first) {
            first = first.min(node.first(walk.is_at_end(), target.trailing_slash()));
        }
        first
    }
}

/// A way through a trie: every node that a path reaches, each once, literals first.
struct Walk<'a> {
    forest: &'a Forest,
    path: &'a [String],
    at: Option<usize>,
    depth: usize,
}

impl<'a> Walk<'a> {
    /// The next node under which there is a rule before this one.
    fn next(&mut self, root: Root, before: usize) -> Option<&'a Node> {
        let next = match self.at {
            None => self.worth(root.0, before)?,
            Some(at) => self.down(at, before).or_else(|| self.across(at, before))?,
        };
        self.at = Some(next);
        self.forest.nodes.get(next)
    }

    fn is_at_end(&self) -> bool {
        self.depth == self.path.len()
    }

    fn down(&mut self, at: usize, before: usize) -> Option<usize> {
        let node = self.forest.nodes.get(at)?;
        let part = self.path.get(self.depth)?;
        let literal = if part.len() > self.forest.longest { None } else { node.literals.get(part.as_str()) };
        let next = literal.into_iter().chain(&node.any).find_map(|next| self.worth(*next, before))?;
        self.depth += 1;
        Some(next)
    }

    /// Back to where the way went on by a literal and could have gone on by `*`.
    fn across(&mut self, mut at: usize, before: usize) -> Option<usize> {
        while let Some(parent) = self.forest.nodes.get(at)?.parent {
            let other = self.forest.nodes.get(parent)?.any.filter(|any| *any != at);
            if let Some(next) = other.and_then(|any| self.worth(any, before)) {
                return Some(next);
            }
            (at, self.depth) = (parent, self.depth - 1);
        }
        None
    }

    fn worth(&self, at: usize, before: usize) -> Option<usize> {
        self.forest.nodes.get(at).filter(|node| node.least < before).map(|_| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::target::TargetRules;

    impl Forest {
        /// How many nodes there are.
        pub(in crate::check::policy) fn len(&self) -> usize {
            self.nodes.len()
        }
    }

    fn forest(patterns: &[String]) -> (Forest, Root) {
        let mut forest = Forest::default();
        let root = forest.plant();
        for (place, text) in patterns.iter().enumerate() {
            let pattern = PathPattern::read(text, TargetRules::default()).unwrap();
            forest.insert(root, &pattern, false, place);
        }
        (forest, root)
    }

    fn target(path: &str) -> Target {
        Target::read(path, TargetRules::default()).unwrap()
    }

    fn visited(forest: &Forest, root: Root, path: &Target) -> usize {
        let mut walk = Walk { forest, path: path.segments(), at: None, depth: 0 };
        std::iter::from_fn(|| walk.next(root, AFTER_ALL)).count()
    }

    /// Every way to write `depth` segments as `a` or `*`, and after them this.
    fn all_ways(depth: u32, end: &str) -> Vec<String> {
        let way = |bits: u32| (0..depth).map(move |at| if bits >> at & 1 == 0 { "/a" } else { "/*" });
        (0..1 << depth).map(|bits| way(bits).collect::<String>() + end).collect()
    }

    #[test]
    fn a_walk_visits_each_node_at_most_once() {
        let (forest, root) = forest(&all_ways(12, "/end"));
        // 2^13 - 1 of the ways, and the ends.
        assert_eq!(forest.len(), (1 << 13) - 1 + (1 << 12));
        let path = "/a".repeat(12);
        assert_eq!(visited(&forest, root, &target(&format!("{path}/other"))), (1 << 13) - 1);
        assert_eq!(visited(&forest, root, &target(&format!("{path}/end"))), forest.len());
        assert_eq!(visited(&forest, root, &target(&"/b".repeat(12))), 13);
        assert_eq!(forest.first(root, &target(&format!("{path}/end")), AFTER_ALL), 0);
    }

    #[test]
    fn every_way_leads_to_the_first_that_matches() {
        for reversed in [false, true] {
            let mut ways = all_ways(8, "");
            if reversed {
                ways.reverse();
            }
            let (forest, root) = forest(&ways);
            for bits in 0..1_u32 << 8 {
                let path = (0..8).map(|at| if bits >> at & 1 == 0 { "/a" } else { "/b" }).collect::<String>();
                let covers =
                    |way: &String| way.split('/').zip(path.split('/')).all(|(w, p)| w == "*" || w == p);
                let expected = ways.iter().position(covers).unwrap();
                assert_eq!(forest.first(root, &target(&path), AFTER_ALL), expected, "{path}");
            }
        }
    }

    #[test]
    fn a_path_deeper_than_the_trie_costs_no_more() {
        let (forest, root) = forest(&["/a/**".to_owned(), "/*/*/b".to_owned(), "/a/a/a".to_owned()]);
        let deep = target(&"/a".repeat(48_000));
        assert_eq!(forest.first(root, &deep, AFTER_ALL), 0);
        assert!(visited(&forest, root, &deep) <= forest.len());
        assert_eq!(forest.first(root, &target(&"/b".repeat(48_000)), AFTER_ALL), AFTER_ALL);
    }

    #[test]
    fn a_trie_as_deep_as_a_path_can_be_is_walked_without_a_stack() {
        let deep = "/a".repeat(48_000);
        let (forest, root) = forest(&[format!("{deep}/x"), "/*".repeat(48_000), deep.clone()]);
        assert_eq!(forest.first(root, &target(&deep), AFTER_ALL), 1);
        assert_eq!(forest.first(root, &target(&format!("{deep}/x")), AFTER_ALL), 0);
    }

    #[test]
    fn nothing_after_what_is_found_already_is_looked_at() {
        let (forest, root) = forest(&["/a/**".to_owned(), "/*/b".to_owned()]);
        assert_eq!(forest.first(root, &target("/a/b"), 1), 0);
        assert_eq!(forest.first(root, &target("/c/b"), 1), 1);
        assert_eq!(forest.first(root, &target("/c/b"), 0), 0);
    }
}
