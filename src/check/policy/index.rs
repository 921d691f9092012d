//! The first rule that matches, found by host, method and path segment instead of by trying all.
//!
//! The index only narrows: what a rule means stays with [`Rule::mismatch`], which confirms what is found.
//! Hosts that the same rules name share one table, and methods that the same rules name share one trie, so that
//! a rule's lists cost what they add up to and not what they multiply to.

mod trie;

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use self::trie::{AFTER_ALL, Forest, Root};
use super::RequestFacts;
use super::pattern::HostPattern;
use super::rule::Rule;

/// What building an index may take: list entries and trie nodes, the latter about a hundred bytes each. Ten
/// thousand rules of ten segments take a quarter of it; a policy that takes more is scanned.
const ROOM: usize = 1 << 19;

/// Finds the first of some rules that matches a request.
#[derive(Debug)]
pub struct RouteIndex(Form);

impl Default for RouteIndex {
    fn default() -> Self {
        Self(Form::Tables(Tables::default()))
    }
}

#[derive(Debug)]
enum Form {
    Tables(Tables),
    /// The places of rules whose tables would be too large, in order.
    Scan(Vec<usize>),
}

impl RouteIndex {
    /// Indexes any of a policy's rules, each with its place in [`RouteIndex::find`]'s `rules`.
    pub fn new<'a>(rules: impl Iterator<Item = (usize, &'a Rule)>) -> Self {
        Self::within(ROOM, rules)
    }

    fn within<'a>(room: usize, rules: impl Iterator<Item = (usize, &'a Rule)>) -> Self {
        let mut rules: Vec<_> = rules.collect();
        rules.sort_by_key(|(place, _)| *place);
        let tables = Build { rules: &rules, room, tables: Tables::default(), roots: HashMap::new() }.finish();
        Self(tables.map_or_else(|| Form::Scan(rules.iter().map(|(place, _)| *place).collect()), Form::Tables))
    }

    /// The place of the first indexed rule that matches. Of rules for CORS preflights
    /// it must hold all or none of those that the request matches.
    #[must_use]
    pub fn find<R: Borrow<Rule>>(&self, rules: &[R], request: RequestFacts<'_>) -> Option<usize> {
        let matches =
            |place: &usize| rules.get(*place).is_some_and(|rule| rule.borrow().mismatch(request).is_none());
        match &self.0 {
            Form::Tables(tables) => tables.first(request).filter(matches),
            Form::Scan(places) => places.iter().copied().find(matches),
        }
    }
}

/// The tries by host and method.
#[derive(Debug, Default)]
struct Tables {
    exact: HashMap<Box<str>, usize>,
    /// By suffix, which begins with a dot.
    below: HashMap<Box<str>, usize>,
    longest_suffix: usize,
    any: Option<usize>,
    /// What the three above point to.
    methods: Vec<Methods>,
    forest: Forest,
}

/// The tries of some hosts.
#[derive(Debug, Default)]
struct Methods {
    named: HashMap<Box<str>, Root>,
    any: Option<Root>,
}

impl Tables {
    fn first(&self, request: RequestFacts<'_>) -> Option<usize> {
        let RequestFacts { method, host, target, .. } = request;
        let tables = self.exact.get(host).into_iter().chain(self.suffixes(host)).chain(&self.any);
        let first = tables.filter_map(|at| self.methods.get(*at)).fold(AFTER_ALL, |first, methods| {
            let roots = methods.named.get(method).into_iter().chain(&methods.any);
            roots.fold(first, |first, root| self.forest.first(*root, target, first))
        });
        (first != AFTER_ALL).then_some(first)
    }

    /// The tables of `*.` patterns. A client's host may be all dots: no more of it is read than a pattern has.
    fn suffixes(&self, host: &str) -> impl Iterator<Item = &usize> {
        let suffixes = host.rmatch_indices('.').filter(|(at, _)| *at > 0).map(|(at, _)| host.split_at(at).1);
        suffixes
            .take_while(|suffix| suffix.len() <= self.longest_suffix)
            .filter_map(|its| self.below.get(its))
    }
}

/// The making of [`Tables`]; each step gives none when there is no room left.
struct Build<'a> {
    rules: &'a [(usize, &'a Rule)],
    room: usize,
    tables: Tables,
    /// The trie of each list of rules.
    roots: HashMap<Vec<usize>, Root>,
}

impl<'a> Build<'a> {
    fn finish(mut self) -> Option<Tables> {
        let all: Vec<_> = (0..self.rules.len()).collect();
        let mut built = HashMap::new();
        for (host, rules) in self.grouped(&all, |rule| &rule.hosts)? {
            let at = match built.get(&rules) {
                Some(at) => *at,
                None => {
                    let methods = self.methods(&rules)?;
                    self.tables.methods.push(methods);
                    let at = self.tables.methods.len() - 1;
                    built.insert(rules, at);
                    at
                }
            };
            self.tables.put(host, at);
        }
        Some(self.tables)
    }

    fn methods(&mut self, rules: &[usize]) -> Option<Methods> {
        let mut methods = Methods::default();
        for (method, rules) in self.grouped(rules, |rule| &rule.methods)? {
            let root = self.trie(rules)?;
            match method {
                Some(method) => {
                    methods.named.insert(method.as_str().into(), root);
                }
                None => methods.any = Some(root),
            }
        }
        Some(methods)
    }

    fn trie(&mut self, rules: Vec<usize>) -> Option<Root> {
        if let Some(root) = self.roots.get(&rules) {
            return Some(*root);
        }
        let root = self.tables.forest.plant();
        for (place, rule) in rules.iter().filter_map(|at| self.rules.get(*at)) {
            for pattern in &rule.paths {
                self.room = self.room.checked_sub(pattern.segments.len() + 1)?;
                self.tables.forest.insert(root, pattern, rule.is_exact(), *place);
            }
        }
        self.roots.insert(rules, root);
        Some(root)
    }

    /// These rules by the keys that they name; those that name none stand under `None`.
    fn grouped<K: Eq + Hash + 'a>(
        &mut self,
        rules: &[usize],
        keys: impl Fn(&'a Rule) -> &'a Vec<K>,
    ) -> Option<HashMap<Option<&'a K>, Vec<usize>>> {
        let mut groups: HashMap<_, Vec<_>> = HashMap::new();
        for (at, (_, rule)) in rules.iter().filter_map(|at| Some((at, self.rules.get(*at)?))) {
            let keys = keys(rule);
            self.room = self.room.checked_sub(keys.len().max(1))?;
            let none = keys.is_empty().then_some(None);
            for key in keys.iter().map(Some).chain(none) {
                let group = groups.entry(key).or_default();
                if group.last() != Some(at) {
                    group.push(*at);
                }
            }
        }
        Some(groups)
    }
}

impl Tables {
    fn put(&mut self, host: Option<&HostPattern>, at: usize) {
        match host {
            None => self.any = Some(at),
            Some(HostPattern::Exact(name)) => {
                self.exact.insert(name.as_str().into(), at);
            }
            Some(HostPattern::Below(suffix)) => {
                self.longest_suffix = self.longest_suffix.max(suffix.len());
                self.below.insert(suffix.as_str().into(), at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    use crate::check::Headers;
    use crate::check::policy::{Access, PathPattern};
    use crate::check::target::{Target, TargetRules};

    fn rule(hosts: &[&str], methods: &[&str], paths: &[&str]) -> Rule {
        let read = |text: &&str| PathPattern::read(text, TargetRules::default()).unwrap();
        let paths = paths.iter().map(read).collect();
        Rule {
            hosts: hosts.iter().map(|text| HostPattern::read(text).unwrap()).collect(),
            methods: methods.iter().map(|text| (*text).to_owned()).collect(),
            ..Rule::new("a rule", paths, Access::Token(Box::default()))
        }
    }

    fn public(paths: &[&str]) -> Rule {
        Rule { access: Access::Public, ..rule(&[], &[], paths) }
    }

    fn target(path: &str) -> Target {
        Target::read(path, TargetRules::default()).unwrap()
    }

    fn index(rules: &[Rule]) -> RouteIndex {
        let index = RouteIndex::new(rules.iter().enumerate());
        assert!(matches!(index.0, Form::Tables(_)), "the policy was not indexed");
        index
    }

    fn tables(index: &RouteIndex) -> &Tables {
        let Form::Tables(tables) = &index.0 else { panic!("not indexed") };
        tables
    }

    fn asked<'a>(host: &'a str, method: &'a str, target: &'a Target) -> RequestFacts<'a> {
        static NONE: LazyLock<Headers> = LazyLock::new(Headers::default);
        RequestFacts { method, host, target, headers: &NONE }
    }

    /// What trying all of them gives.
    fn scanned(rules: &[Rule], host: &str, method: &str, target: &Target) -> Option<usize> {
        rules.iter().position(|rule| rule.mismatch(asked(host, method, target)).is_none())
    }

    #[test]
    fn the_first_rule_wins_however_its_host_is_written() {
        let rules = [
            rule(&["b.example.com"], &["POST"], &["/**"]),
            rule(&["*.example.com"], &["GET", "POST"], &["/a", "/b/*"]),
            rule(&["a.example.com", "b.example.com"], &[], &["/a"]),
            rule(&["*.com"], &[], &["/b/c", "/a/**"]),
            rule(&[], &["GET"], &["/a", "/*/c"]),
            rule(&["a.example.com"], &[], &["/**"]),
        ];
        let index = index(&rules);
        for (method, host, path, expected) in [
            ("GET", "a.example.com", "/a", Some(1)),
            ("PUT", "a.example.com", "/a", Some(2)),
            ("POST", "b.example.com", "/a", Some(0)),
            ("GET", "b.example.com", "/b/c", Some(1)),
            ("PUT", "b.example.com", "/b/c", Some(3)),
            ("PUT", "example.com", "/b/c", Some(3)),
            ("GET", "com", "/b/c", Some(4)),
            ("PUT", "com", "/b/c", None),
            ("GET", "a.org", "/a/", Some(4)),
            ("get", "a.org", "/a", None),
            ("PUT", "a.example.com", "/c/d", Some(5)),
            ("PUT", "badexample.com", "/a", Some(3)),
            ("PUT", "x.a.example.com", "/c", None),
        ] {
            let target = target(path);
            assert_eq!(index.find(&rules, asked(host, method, &target)), expected, "{method} {host}{path}");
            assert_eq!(scanned(&rules, host, method, &target), expected, "{method} {host}{path}");
        }
    }

    #[test]
    fn only_a_public_rule_minds_the_slash_at_the_end() {
        let rules = [public(&["/a"]), public(&["/b/"]), rule(&[], &[], &["/a", "/b"]), public(&["/a/**"])];
        let index = index(&rules);
        for (path, expected) in [
            ("/a", Some(0)),
            ("/a/", Some(2)),
            ("/b", Some(2)),
            ("/b/", Some(1)),
            ("/a/b/", Some(3)),
            ("/", None),
        ] {
            assert_eq!(index.find(&rules, asked("h", "GET", &target(path))), expected, "{path}");
        }
    }

    #[test]
    fn any_of_the_rules_can_be_indexed() {
        let rules = [rule(&[], &[], &["/**"]), rule(&[], &[], &["/a"]), rule(&[], &[], &["/a/**"])];
        let odd = RouteIndex::new(rules.iter().enumerate().filter(|(place, _)| *place > 0));
        assert_eq!(odd.find(&rules, asked("h", "GET", &target("/a"))), Some(1));
        assert_eq!(odd.find(&rules, asked("h", "GET", &target("/a/b"))), Some(2));
        assert_eq!(odd.find(&rules, asked("h", "GET", &target("/b"))), None);
        let none = RouteIndex::new(std::iter::empty());
        assert_eq!(none.find(&rules, asked("h", "GET", &target("/a"))), None);
    }

    #[test]
    fn the_rule_has_the_last_word() {
        let rules = [rule(&[], &[], &["/a"])];
        let others = [rule(&[], &["POST"], &["/a"])];
        assert_eq!(index(&rules).find(&others, asked("h", "GET", &target("/a"))), None);
        assert_eq!(index(&rules).find::<Rule>(&[], asked("h", "GET", &target("/a"))), None);
    }

    #[test]
    fn rules_that_can_never_come_first_take_no_place() {
        let same: Vec<_> = (0..10_000).map(|_| rule(&["h"], &["GET"], &["/a/*"])).collect();
        assert_eq!(tables(&index(&same)).forest.len(), 3);
        let paths: Vec<_> = (0..1000).map(|number| format!("/a/{number}")).collect();
        let mut covered = vec![rule(&[], &[], &["/a/**"])];
        covered.extend(paths.iter().map(|path| rule(&[], &[], &[path.as_str()])));
        assert_eq!(tables(&index(&covered)).forest.len(), 2);
    }

    #[test]
    fn lists_add_up_and_do_not_multiply() {
        let thousand = |prefix: &str| (0..1000).map(|n| format!("{prefix}{n}")).collect::<Vec<_>>();
        let [hosts, methods, paths] = ["h", "M", "/p"].map(thousand);
        let [hosts, methods, paths] =
            [&hosts, &methods, &paths].map(|list| list.iter().map(String::as_str).collect::<Vec<_>>());
        let rules = [rule(&hosts, &methods, &paths), rule(&hosts, &[], &["/**"])];
        let index = index(&rules);
        assert_eq!(tables(&index).methods.len(), 1);
        assert_eq!(tables(&index).forest.len(), 1002);
        assert_eq!(index.find(&rules, asked("h7", "M999", &target("/p500"))), Some(0));
        assert_eq!(index.find(&rules, asked("h7", "M1000", &target("/p500"))), Some(1));
    }

    #[test]
    fn a_policy_that_takes_too_much_room_is_scanned() {
        let rules = [rule(&["h"], &["GET"], &["/a/b/c"]), rule(&[], &[], &["/a/**"])];
        let scan = RouteIndex::within(7, rules.iter().enumerate());
        assert!(matches!(&scan.0, Form::Scan(places) if places == &[0, 1]));
        assert!(matches!(RouteIndex::within(10, rules.iter().enumerate()).0, Form::Tables(_)));
        for (host, path) in [("h", "/a/b/c"), ("i", "/a/b/c"), ("h", "/a"), ("h", "/b")] {
            let found = scan.find(&rules, asked(host, "GET", &target(path)));
            assert_eq!(found, scanned(&rules, host, "GET", &target(path)), "{host}{path}");
        }
    }

    #[test]
    fn no_host_makes_it_read_more_than_a_pattern_has() {
        let rules = [rule(&["*.example.com"], &[], &["/**"])];
        let index = index(&rules);
        let dots = ".".repeat(90_000);
        let suffixes = tables(&index).suffixes(&dots).count();
        assert_eq!(suffixes, 0);
        assert_eq!(index.find(&rules, asked(&dots, "GET", &target("/"))), None);
        assert_eq!(index.find(&rules, asked(&format!("{dots}.example.com"), "GET", &target("/"))), Some(0));
    }
}
