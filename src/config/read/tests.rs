//! What people see for broken files, against types like those of gatepost's own files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::num::NonZeroU32;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::*;
use crate::config::problem::MOST_PROBLEMS;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    rules: Vec<Rule>,
    issuer: Option<Issuer>,
    limits: Option<Limits>,
    feed: Option<Feed>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    name: String,
    #[serde(rename = "match")]
    matches: Match,
    #[serde(default)]
    public: bool,
    require: Option<Require>,
    forward: Option<BTreeMap<Header, String>>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Match {
    methods: Option<Vec<String>>,
    path: String,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Require {
    audiences: Option<Vec<String>>,
    scopes: Option<Vec<String>>,
    proof: Option<Proof>,
    max_age: Option<Seconds>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Proof {
    Dpop,
    Mtls,
    Either,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Issuer {
    name: String,
    max_age: Seconds,
    audiences: ListOrAny,
    algorithms: Vec<Proof>,
    keys: Feed,
    at_least: NonZeroU32,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    port: u16,
    offset: i8,
    ratio: f64,
    pair: (u8, u8),
    on: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Feed {
    None,
    Redis { url: String, stream: String },
    SsfPoll(String),
}

#[derive(Debug, PartialEq)]
struct Seconds(u64);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SecondsVisitor)
    }
}

struct SecondsVisitor;

impl Visitor<'_> for SecondsVisitor {
    type Value = Seconds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as `30s`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Seconds, E> {
        let seconds = text.strip_suffix('s').and_then(|digits| digits.parse().ok());
        seconds.map(Seconds).ok_or_else(|| E::custom(format!("`{text}` is not a duration like 30s")))
    }
}

/// A list or a word, told apart by the type itself.
#[derive(Debug, PartialEq)]
struct ListOrAny(Vec<String>);

impl<'de> Deserialize<'de> for ListOrAny {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListOrAnyVisitor)
    }
}

struct ListOrAnyVisitor;

impl<'de> Visitor<'de> for ListOrAnyVisitor {
    type Value = ListOrAny;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list, or the word `any`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ListOrAny, E> {
        if text == "any" { Ok(ListOrAny(vec![])) } else { Err(E::custom("is neither a list nor `any`")) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ListOrAny, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(ListOrAny)
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct Header(String);

impl TryFrom<String> for Header {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let is_lower = !name.contains(|c: char| c.is_ascii_uppercase());
        is_lower.then_some(Self(name)).ok_or("write header names in lower case")
    }
}

fn shown(text: &str) -> Vec<String> {
    let read = read::<Policy>("f", text);
    read.problems.iter().map(ToString::to_string).collect()
}

/// The only problem of a file that has one rule, whose `require` is given.
fn in_require(require: &str) -> String {
    let text = format!("rules:\n- name: a\n  match: {{ path: / }}\n  require: {require}\n");
    let shown = shown(&text);
    assert_eq!(shown.len(), 1, "{shown:#?}");
    shown.concat()
}

/// The only problem of a file without rules that has `limits` besides.
fn in_limits(limits: &str) -> String {
    let shown = shown(&format!("rules: []\nlimits: {{ {limits} }}\n"));
    assert_eq!(shown.len(), 1, "{shown:#?}");
    shown.concat()
}

fn in_feed(feed: &str) -> String {
    let shown = shown(&format!("rules: []\nfeed: {feed}\n"));
    assert_eq!(shown.len(), 1, "{shown:#?}");
    shown.concat()
}

#[test]
fn reads_a_good_file_to_what_it_says() {
    let text = "
rules:
  - name: '5'
    match: { methods: [GET, ON], path: /orders/** }
    require: { scopes: [orders:read], proof: dpop, max_age: 5s }
    forward: { x-subject: token.sub }
  - { name: health, match: { path: /healthz }, public: true }
limits: { port: 0x1F, offset: -128, ratio: 1, pair: [1, 2], on: true }
feed:
  redis: { url: 'redis://r', stream: s }
";
    assert_eq!(shown(text), [""; 0]);
    let policy = read::<Policy>("f", text).draft.unwrap();
    assert_eq!(policy.rules.len(), 2);
    assert_eq!(policy.rules[0].name, "5");
    assert_eq!(policy.rules[0].matches.methods, Some(vec!["GET".into(), "ON".into()]));
    assert_eq!(policy.rules[0].require.as_ref().unwrap().max_age, Some(Seconds(5)));
    assert_eq!(policy.rules[1].require, None);
    assert!(policy.rules[1].public);
    let limits = Limits { port: 31, offset: -128, ratio: 1.0, pair: (1, 2), on: true };
    assert_eq!(policy.limits, Some(limits));
    assert_eq!(policy.feed, Some(Feed::Redis { url: "redis://r".into(), stream: "s".into() }));
}

#[test]
fn suggests_a_key_that_is_allowed() {
    assert_eq!(
        in_require("{ scope: [a] }"),
        "f:4:14: rules[0].require.scope: unknown key `scope`\n    \
         hint: did you mean `scopes`? Keys allowed here: audiences, scopes, proof, max_age"
    );
    assert_eq!(
        in_require("{ colour: [a] }"),
        "f:4:14: rules[0].require.colour: unknown key `colour`\n    \
         hint: Keys allowed here: audiences, scopes, proof, max_age"
    );
    assert_eq!(
        in_require("{ scope: [a], scopes: [a] }"),
        "f:4:14: rules[0].require.scope: unknown key `scope`\n    \
         hint: Keys allowed here: audiences, scopes, proof, max_age"
    );
}

#[test]
fn refuses_empty_values_wherever_they_are() {
    let empty = "is empty\n    hint: write a value, or delete the key";
    for value in ["", "~", "null"] {
        let require = format!("{{ scopes: {value} }}");
        assert_eq!(in_require(&require), format!("f:4:14: rules[0].require.scopes: {empty}"));
    }
    assert_eq!(in_require(""), format!("f:4:3: rules[0].require: {empty}"));
    assert_eq!(shown("rules:\n"), [format!("f:1:1: rules: {empty}")]);
    assert_eq!(
        in_require("\n    scopes:\n      -\n"),
        "f:6:8: rules[0].require.scopes[0]: is empty\n    hint: write a value, or delete the element"
    );
}

#[test]
fn refuses_numbers_and_bools_as_text() {
    assert_eq!(
        in_require("{ scopes: [5] }"),
        "f:4:23: rules[0].require.scopes[0]: expected a string, found the number `5`\n    \
         hint: write it in quotes: \"5\""
    );
    assert_eq!(
        in_require("{ scopes: [true] }"),
        "f:4:23: rules[0].require.scopes[0]: expected a string, found `true`\n    \
         hint: write it in quotes: \"true\""
    );
    assert_eq!(
        in_require("{ scopes: [orders: read] }"),
        "f:4:23: rules[0].require.scopes[0]: expected a string, found a mapping\n    \
         hint: put text that has `: ` in it in quotes"
    );
}

#[test]
fn tells_lists_mappings_and_text_apart() {
    assert_eq!(
        in_require("{ scopes: orders:read }"),
        "f:4:22: rules[0].require.scopes: expected a list, found the text `orders:read`\n    \
         hint: write it as a list: [orders:read]"
    );
    assert_eq!(
        in_require("{ scopes: \"it's, so\" }"),
        "f:4:22: rules[0].require.scopes: expected a list, found the text `it's, so`\n    \
         hint: write it as a list: ['it''s, so']"
    );
    assert_eq!(
        in_require("{ scopes: { a: b } }"),
        "f:4:22: rules[0].require.scopes: expected a list, found a mapping\n    \
         hint: start each element with `- `, or put all of them in `[ ]`"
    );
    assert_eq!(
        in_require("[scopes]"),
        "f:4:12: rules[0].require: expected a mapping, found a list\n    \
         hint: write `key: value` lines, without `- `"
    );
    assert_eq!(
        in_require("admin"),
        "f:4:12: rules[0].require: expected a mapping, found the text `admin`\n    \
         hint: write `key: value` lines, indented below the key"
    );
    assert_eq!(
        shown("just text"),
        ["f:1:1: expected a mapping, found the text `just text`\n    \
          hint: write `key: value` lines, indented below the key"]
    );
}

#[test]
fn suggests_a_value_that_is_allowed() {
    assert_eq!(
        in_require("{ proof: dpopp }"),
        "f:4:21: rules[0].require.proof: unknown value `dpopp`\n    \
         hint: did you mean `dpop`? Values allowed here: dpop, mtls, either"
    );
    assert_eq!(
        in_require("{ proof: 5 }"),
        "f:4:21: rules[0].require.proof: expected one of dpop, mtls, either, found the number `5`"
    );
    assert_eq!(
        in_require("{ proof: [dpop] }"),
        "f:4:21: rules[0].require.proof: expected one of dpop, mtls, either, found a list\n    \
         hint: write the value alone, without `[ ]` or `- `"
    );
}

#[test]
fn explains_choices_that_are_mappings() {
    assert_eq!(
        in_feed("{ rediss: { url: a, stream: b } }"),
        "f:2:9: feed: unknown key `rediss`\n    \
         hint: did you mean `redis`? Keys allowed here: none, redis, ssf_poll"
    );
    assert_eq!(
        in_feed("{ redis: { url: a, stream: b }, ssf_poll: c }"),
        "f:2:7: feed: expected a mapping with exactly one key\n    \
         hint: write one of none, redis, ssf_poll"
    );
    assert_eq!(
        in_feed("redis"),
        "f:2:7: feed: `redis` needs more than its name\n    \
         hint: write it as a mapping: { redis: … }"
    );
    assert_eq!(
        in_feed("{ none: { a: b } }"),
        "f:2:7: feed: `none` has nothing below it\n    hint: write its name alone: none"
    );
    assert_eq!(
        in_feed("{ redis: { url: a } }"),
        "f:2:16: feed.redis.stream: the key `stream` is missing\n    hint: write `stream: …` here"
    );
    assert_eq!(
        in_feed("{ ssf_poll: }"),
        "f:2:9: feed.ssf_poll: is empty\n    hint: write a value, or delete the key"
    );
    assert_eq!(
        in_feed("{}"),
        "f:2:7: feed: expected a mapping with exactly one key\n    \
         hint: write one of none, redis, ssf_poll"
    );
}

#[test]
fn keeps_what_types_say_themselves() {
    assert_eq!(
        in_require("{ max_age: 5 minutes }"),
        "f:4:23: rules[0].require.max_age: `5 minutes` is not a duration like 30s"
    );
    assert_eq!(
        in_require("{ max_age: 5 }"),
        "f:4:23: rules[0].require.max_age: expected a duration such as `30s`, found the number `5`"
    );
    let text = "rules:\n- name: a\n  match: { path: / }\n  forward: { X-Sub: a }\n";
    assert_eq!(shown(text), ["f:4:14: rules[0].forward.X-Sub: write header names in lower case"]);
}

#[test]
fn places_problems_within_types_that_tell_forms_apart() {
    let text = "rules: []\n\
                issuer: { name: a, max_age: 1s, algorithms: [], keys: none, at_least: 1, audiences: AUD }\n";
    let shown = |audiences| shown(&text.replace("AUD", audiences)).concat();
    assert_eq!(shown("any"), "");
    assert_eq!(shown("all"), "f:2:85: issuer.audiences: is neither a list nor `any`");
    assert_eq!(
        shown("5"),
        "f:2:85: issuer.audiences: expected a list, or the word `any`, found the number `5`"
    );
    assert_eq!(
        shown("[a, 5]"),
        "f:2:89: issuer.audiences[1]: expected a string, found the number `5`\n    \
         hint: write it in quotes: \"5\""
    );
}

#[test]
fn takes_only_true_and_false_as_bools() {
    for (word, meant) in [("yes", "true"), ("off", "false"), ("\"true\"", "true")] {
        let text = word.trim_matches('"');
        assert_eq!(
            in_limits(&format!("on: {word}")),
            format!(
                "f:2:15: limits.on: expected `true` or `false`, found the text `{text}`\n    \
                 hint: write `{meant}`"
            )
        );
    }
    assert_eq!(
        in_limits("on: True"),
        "f:2:15: limits.on: expected `true` or `false`, found `True`\n    hint: write `true`"
    );
    assert_eq!(
        in_limits("on: maybe"),
        "f:2:15: limits.on: expected `true` or `false`, found the text `maybe`"
    );
}

#[test]
fn takes_only_numbers_that_fit() {
    let cases = [
        (
            "port: 70000",
            "f:2:17: limits.port: the number `70000` is out of range\n    \
                         hint: write a whole number from 0 to 65535",
        ),
        (
            "offset: -129",
            "f:2:19: limits.offset: the number `-129` is out of range\n    \
                          hint: write a whole number from -128 to 127",
        ),
        (
            "port: '80'",
            "f:2:17: limits.port: expected a number, found the text `80`\n    \
                        hint: write `80`",
        ),
        (
            "port: 8_0",
            "f:2:17: limits.port: expected a number, found the text `8_0`\n    \
                       hint: write `80`",
        ),
        (
            "port: 1.5",
            "f:2:17: limits.port: expected a number, found the number `1.5`\n    \
                       hint: write digits only",
        ),
        (
            "port: http",
            "f:2:17: limits.port: expected a number, found the text `http`\n    \
                        hint: write digits only",
        ),
        (
            "port: 080",
            "f:2:17: limits.port: `080` is octal to some readers of YAML\n    \
                       hint: write the number without the zero in front, or as 0o…",
        ),
        (
            "ratio: .inf",
            "f:2:18: limits.ratio: expected a number, found the number `.inf`\n    \
                         hint: write digits only",
        ),
        ("pair: [1]", "f:2:17: limits.pair: expected a tuple of size 2, found 1"),
        ("pair: [1, 2, 3]", "f:2:24: limits.pair[2]: is one element too many\n    hint: delete it"),
    ];
    for (limits, problem) in cases {
        assert_eq!(in_limits(limits), problem);
    }
    let huge = format!("port: 1{}", "0".repeat(99));
    assert!(in_limits(&huge).contains("0…` is out of range"), "{}", in_limits(&huge));
}

#[test]
fn shows_every_missing_key_at_once() {
    let missing = |place: &str, path: &str, key: &str| {
        format!("f:{place}: {path}: the key `{key}` is missing\n    hint: write `{key}: …` here")
    };
    let expected = [
        missing("1:1", "rules", "rules"),
        missing("1:9", "issuer.name", "name"),
        missing("1:9", "issuer.max_age", "max_age"),
        missing("1:9", "issuer.audiences", "audiences"),
        missing("1:9", "issuer.algorithms", "algorithms"),
        missing("1:9", "issuer.keys", "keys"),
        missing("1:9", "issuer.at_least", "at_least"),
    ];
    assert_eq!(shown("issuer: {}\n"), expected);
}

#[test]
fn shows_all_problems_of_a_file_once() {
    let text = "
rules:
  - name: 5
    match: { pth: /a }
    require:
      scopes:
      audiences: orders
      proof: dpopp
  - match: { path: /b, methods: GET }
    require: { max_age: soon, scopes: [1, a, 2] }
    public: yes
  - name: c
    name: d
    match: &m { path: /c }
  - *m
isuer: { name: a }
";
    let expected = [
        "f:3:11: rules[0].name: expected a string, found the number `5`\n    \
         hint: write it in quotes: \"5\"",
        "f:4:14: rules[0].match.pth: unknown key `pth`\n    \
         hint: did you mean `path`? Keys allowed here: methods, path",
        "f:6:7: rules[0].require.scopes: is empty\n    hint: write a value, or delete the key",
        "f:7:18: rules[0].require.audiences: expected a list, found the text `orders`\n    \
         hint: write it as a list: [orders]",
        "f:8:14: rules[0].require.proof: unknown value `dpopp`\n    \
         hint: did you mean `dpop`? Values allowed here: dpop, mtls, either",
        "f:9:5: rules[1].name: the key `name` is missing\n    hint: write `name: …` here",
        "f:9:33: rules[1].match.methods: expected a list, found the text `GET`\n    \
         hint: write it as a list: [GET]",
        "f:10:25: rules[1].require.max_age: `soon` is not a duration like 30s",
        "f:10:40: rules[1].require.scopes[0]: expected a string, found the number `1`\n    \
         hint: write it in quotes: \"1\"",
        "f:10:46: rules[1].require.scopes[2]: expected a string, found the number `2`\n    \
         hint: write it in quotes: \"2\"",
        "f:11:13: rules[1].public: expected `true` or `false`, found the text `yes`\n    \
         hint: write `true`",
        "f:13:5: rules[2].name: the key `name` is given twice, first at 12:5\n    \
         hint: delete one of the two",
        "f:14:12: rules[2].match: anchors (`&name`) are not read\n    \
         hint: delete the `&name`, and write the value out where it is needed",
        "f:15:5: rules[3]: aliases (`*name`) are not read\n    \
         hint: write the value out; if it is text that starts with `*`, put it in quotes",
        "f:16:1: isuer: unknown key `isuer`\n    \
         hint: did you mean `issuer`? Keys allowed here: rules, issuer, limits, feed",
    ];
    assert_eq!(shown(text), expected);
}

#[test]
fn gives_a_draft_for_looking_further() {
    let text =
        "rules:\n- { name: a, match: { path: / } }\n- { name: b }\n- { name: 5, match: { path: / } }\n";
    let read = read::<Policy>("f", text);
    let draft = read.draft.as_ref().unwrap();
    let names: Vec<_> = draft.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "stand-in"]);
    assert_eq!(read.problems.len(), 2);
}

#[test]
fn has_no_draft_of_what_is_wrong_as_a_whole() {
    for text in ["[]", "a: b: c", "", "<<: {}\nrules: []", "!x y"] {
        let read = read::<Policy>("f", text);
        assert_eq!((read.draft, read.problems.len()), (None, 1), "{text}");
    }
}

#[test]
fn knows_what_was_struck_and_what_may_follow_from_that() {
    let text = "rules:\n- name: a\n  match: {}\n  require: { scope: [a], proof: x }\n\
                - { name: b, match: { path: / }, colour: 1 }\n";
    let source = read::<Policy>("f", text).source;
    let first = Path::root().key("rules").index(0);
    assert!(source.was_struck(&first.key("match").key("path")), "missing");
    assert!(source.was_struck(&first.key("match")), "lacks something");
    assert!(source.was_struck(&first.key("require").key("scopes")), "was meant by `scope`");
    assert!(source.was_struck(&first.key("require").key("proof").key("below")), "below");
    assert!(source.was_struck(&first.key("require")));
    assert!(!source.was_struck(&first.key("require").key("audiences")));
    assert!(!source.was_struck(&first), "is two steps up");
    assert!(!source.was_struck(&first.key("name")));
    let second = Path::root().key("rules").index(1);
    assert!(source.was_struck(&second.key("colour")));
    assert!(!source.was_struck(&second), "an unknown key was never part of it");
}

#[test]
fn finds_places_of_what_is_there_and_of_what_is_not() {
    let source = read::<IgnoredAny>("f", "rules:\n  - name: a\n    match:\n      path: /\n").source;
    let first = Path::root().key("rules").index(0);
    let at = |path: &Path| {
        let Place { line, column } = source.place_of(path);
        (line, column)
    };
    assert_eq!(at(&first.key("match").key("path")), (4, 13));
    assert_eq!(at(&first.key("match")), (3, 5));
    assert_eq!(at(&first.key("match").key("methods").index(1)), (3, 5));
    assert_eq!(at(&first.key("require")), (2, 5));
    assert_eq!(at(&Path::root().index(7)), (1, 1));
    assert_eq!(source.error(&first, "is odd").to_string(), "f:2:5: rules[0]: is odd");
}

/// Both exclusive keys are needed to see what is wrong; a struck one is no reason to complain.
#[derive(Debug, Deserialize)]
#[serde(try_from = "EitherOr")]
struct Exclusive;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EitherOr {
    a: Option<u8>,
    b: Option<u8>,
}

impl TryFrom<EitherOr> for Exclusive {
    type Error = &'static str;

    fn try_from(either: EitherOr) -> Result<Self, Self::Error> {
        let is_one = either.a.is_some() != either.b.is_some();
        is_one.then_some(Self).ok_or("write either `a` or `b`")
    }
}

#[test]
fn leaves_out_what_only_follows_from_a_struck_value() {
    let shown = |text| {
        let read = read::<Vec<Exclusive>>("f", text);
        read.problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(shown("- { a: 1, b: 2 }"), ["f:1:3: [0]: write either `a` or `b`"]);
    assert_eq!(shown("- { a: 1, b: 2, colour: 3 }").len(), 2, "`colour` has nothing to do with it");
    let out_of_range = "f:1:8: [0].a: the number `300` is out of range\n    \
                        hint: write a whole number from 0 to 255";
    assert_eq!(shown("- { a: 300 }"), [out_of_range]);
}

/// Takes the first of what it is given and looks no further.
#[derive(Debug, PartialEq)]
struct First(String);

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FirstVisitor)
    }
}

struct FirstVisitor;

impl<'de> Visitor<'de> for FirstVisitor {
    type Value = First;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one thing")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<First, A::Error> {
        list.next_element()?.map(First).ok_or_else(|| de::Error::custom("has nothing in it"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<First, A::Error> {
        let first = mapping.next_entry::<String, String>()?;
        first.map(|(_, value)| First(value)).ok_or_else(|| de::Error::unknown_field("gone", &[]))
    }
}

#[test]
fn refuses_what_a_type_leaves_unread() {
    let shown = |text| {
        let read = read::<Vec<First>>("f", text);
        read.problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(shown("- [a]\n- { b: c }"), [""; 0]);
    assert_eq!(shown("- [a, b]"), ["f:1:7: [0][1]: is one element too many\n    hint: delete it"]);
    assert_eq!(shown("- { b: c, d: e }"), ["f:1:14: [0].d: is one key too many\n    hint: delete it"]);
    assert_eq!(shown("- {}"), ["f:1:3: [0]: unknown key `gone`\n    hint: Keys allowed here: none"]);
    assert_eq!(shown("- { gone: 5 }").len(), 1);
}

/// Serde reads these from a copy of the value, which has no places.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Tagged {
    Redis { url: String },
}

#[test]
fn does_what_it_can_for_internally_tagged_types() {
    let shown = |text| {
        let read = read::<Vec<Tagged>>("f", text);
        read.problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(shown("- { kind: redis, url: a }"), [""; 0]);
    let text = "- { kind: redis, url: 5 }\n- { kind: redis, uri: a }\n\
                - { kind: radis, url: a }\n- { kind: redis }\n";
    let starts = [
        "f:1:3: [0]: expected a string, found the number `5`",
        "f:2:18: [1].uri: unknown key `uri`",
        "f:3:11: [2].kind: unknown value `radis`",
        "f:4:3: [3].url: the key `url` is missing",
    ];
    let shown = shown(text);
    assert_eq!(shown.len(), starts.len(), "{shown:#?}");
    for (shown, start) in shown.iter().zip(starts) {
        assert!(shown.starts_with(start), "{shown}");
    }
}

#[test]
fn reports_the_first_hundred_of_very_many() {
    let mut unknown = "rules: []\n".to_owned();
    for number in 0..10_000 {
        writeln!(unknown, "key{number}: {number}").unwrap();
    }
    let wrong = format!("rules: [{}]\n", "5, ".repeat(40_000));
    let missing = format!("rules:\n{}", "- { public: true }\n".repeat(5_000));
    for text in [unknown, wrong, missing] {
        let read = read::<Policy>("f", &text);
        assert_eq!(read.problems.len(), MOST_PROBLEMS + 1);
        assert!(read.problems[MOST_PROBLEMS].what.starts_with("… and more"));
        assert_eq!(read.draft, None);
    }
}

#[test]
fn lets_no_text_of_the_file_reach_a_terminal_as_it_is() {
    let nasty = "\\e[2J\\n\\u202e";
    let text = format!("\"{nasty}\": 1\nrules: [\"{nasty}\"]\nfeed: \"{nasty}\"\n");
    for problem in shown(&text) {
        let lines = problem.lines().count();
        assert!(lines <= 2 && !problem.contains(['\u{1b}', '\u{202e}']), "{problem}");
    }
    assert_eq!(shown(&text).len(), 3);
}

const SAMPLE: &str = "
rules:
  - name: read orders
    match: { methods: [GET], path: /orders/** }
    require: { scopes: [orders:read], proof: dpop, max_age: 5s }
    forward: { x-subject: token.sub }
issuer: { name: a, max_age: 5s, audiences: [a], algorithms: [dpop], keys: { ssf_poll: a }, at_least: 1 }
limits: { port: 1, offset: -1, ratio: 1.5, pair: [1, 2], on: true }
feed:
  redis:
    url: 'redis://r'
    stream: \"s\"
";

const PIECES: &[&str] = &[
    "\n", "\n  ", "\n    ", "- ", ": ", ":", ",", "[", "]", "{", "}", "\"", "'", "|", ">", "&a ", "*a", "<<",
    "!x ", "? ", "#", "---", "...", "%", "@", "~", "5", "-1", "true", "null", "\t", "\r\n", "\u{feff}", "\0",
    "\\", "é", "🦀", "\u{2028}", "\u{85}", "rules", "match", "x", "redis", "1e999",
];

/// A text near to a good one, or far from it.
fn arbitrary(random: &mut fastrand::Rng) -> String {
    let mut chars: Vec<char> = if random.bool() { SAMPLE.chars().collect() } else { vec![] };
    for _ in 0..random.usize(1..40) {
        let at = random.usize(0..=chars.len());
        let to = (at + random.usize(0..4)).min(chars.len());
        let piece = random.choice(PIECES).copied().unwrap_or_default();
        chars.splice(at..to, piece.chars());
    }
    chars.into_iter().collect()
}

#[test]
fn never_panics_and_never_refuses_without_a_reason() {
    let mut random = fastrand::Rng::with_seed(7519);
    for _ in 0..3_000 {
        let text = arbitrary(&mut random);
        let read = read::<Policy>("f", &text);
        assert!(read.draft.is_some() || !read.problems.is_empty(), "{text:?}");
        let shown: Vec<_> = read.problems.iter().map(ToString::to_string).collect();
        let once: BTreeSet<_> = shown.iter().collect();
        assert_eq!(once.len(), shown.len(), "{text:?}: {shown:#?}");
    }
}

#[test]
fn reads_the_sample_that_is_mutilated_above() {
    assert_eq!(shown(SAMPLE), [""; 0]);
}

#[test]
fn resolves_values_for_types_that_take_any() {
    let read = read::<serde_json::Value>("f", "a: [1, -1, 1.5, true, x, '1']\nb: {}\n");
    let expected = serde_json::json!({ "a": [1, -1, 1.5, true, "x", "1"], "b": {} });
    assert_eq!((read.draft, read.problems), (Some(expected), vec![]));
    let empty = super::read::<serde_json::Value>("f", "a:\nb: [~]\n");
    let paths: Vec<_> = empty.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["a", "b[0]"]);
}
