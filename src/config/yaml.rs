//! Text to a tree of values with their places. What YAML offers beyond lists, mappings and single
//! values is refused here: it makes two readers see different things, or little text a lot.

use super::path::{Path, Step};
use super::problem::{Place, Problems, Words};

mod builder;
mod scalar;
mod syntax;

pub(crate) use scalar::{Meaning, Scalar};

/// The longest text that is read, in bytes: what fits a `ConfigMap`.
pub(crate) const MOST_BYTES: usize = 1 << 20;
/// How many values there may be, keys counted.
pub(crate) const MOST_NODES: usize = 100_000;
/// How many lists and mappings may be inside each other.
pub(crate) const DEEPEST: usize = 32;

/// A value and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    /// Where someone looks for it: its start, or its key when it starts on a later line than that.
    pub(crate) place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    /// In the file's order, no key twice.
    Mapping(Vec<Entry>),
}

/// One `key: value` of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) value: Node,
}

impl Node {
    fn null(place: Place) -> Self {
        Self { value: Value::Scalar(Scalar::null()), place }
    }

    /// Whether there is nothing, or one of YAML's words for that.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.meaning() == Meaning::Null)
    }

    /// The value one step down, if there is one.
    pub(crate) fn child(&self, step: &Step) -> Option<&Node> {
        match step {
            Step::Key(key) => self.entry(key).map(|entry| &entry.value),
            Step::Index(index) => match &self.value {
                Value::Sequence(elements) => elements.get(*index),
                _ => None,
            },
        }
    }

    /// The entry of a mapping; none in anything else.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }
}

/// What [`parse`] could make of a text.
pub(crate) struct Parsed {
    /// None when the text cannot be read to its end, for a reason that was reported.
    pub(crate) root: Option<Node>,
    /// Where the tree has something else than was meant, for a reason that was reported.
    pub(crate) refused: Vec<Path>,
}

/// Reads one document and reports what cannot be taken for what it says.
pub(crate) fn parse(text: &str, problems: &mut Problems) -> Parsed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Err(Stop) = bounded(text, problems).and_then(|()| printable(text, problems)) {
        return Parsed { root: None, refused: Vec::new() };
    }
    builder::build(text, problems)
}

/// Reading cannot go on; why was reported.
struct Stop;

fn bounded(text: &str, problems: &mut Problems) -> Result<(), Stop> {
    if text.len() <= MOST_BYTES {
        return Ok(());
    }
    let what = format!("the file is {} bytes long, more than {MOST_BYTES}", text.len());
    problems.report_file(Words::new(what, "write a shorter file"));
    Err(Stop)
}

/// Refuses the characters YAML does (section 5.1), which the parser passes on inside of values and
/// comments, or takes for the end of the text.
fn printable(text: &str, problems: &mut Problems) -> Result<(), Stop> {
    let is_refused = |c: char| {
        let is_control = c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
        is_control || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    let Some(at) = text.find(is_refused) else { return Ok(()) };
    let (before, after) = text.split_at(at);
    let place = Place {
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1,
    };
    let code = after.chars().next().map_or(0, u32::from);
    let what = format!("is not YAML: the character U+{code:04X} cannot be in a file");
    let hint = "delete it; in double quotes it can be written as an escape";
    problems.report(place, &Path::root(), Words::new(what, hint));
    Err(Stop)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What is wrong with `text`, as people see it.
    pub(crate) fn problems(text: &str) -> Vec<String> {
        let mut problems = Problems::of("f");
        parse(text, &mut problems);
        problems.into_sorted().iter().map(ToString::to_string).collect()
    }

    fn tree(text: &str) -> Node {
        let mut problems = Problems::of("f");
        let parsed = parse(text, &mut problems);
        assert_eq!(problems.into_sorted(), []);
        parsed.root.unwrap()
    }

    /// Every value's place in the order of the text, as `line:column`.
    fn places(node: &Node) -> Vec<String> {
        let below: Vec<&Node> = match &node.value {
            Value::Scalar(_) => vec![],
            Value::Sequence(nodes) => nodes.iter().collect(),
            Value::Mapping(entries) => entries.iter().map(|entry| &entry.value).collect(),
        };
        let own = format!("{}:{}", node.place.line, node.place.column);
        std::iter::once(own).chain(below.into_iter().flat_map(places)).collect()
    }

    #[test]
    fn places_values_where_someone_looks_for_them() {
        let text = "a: 1\nb:\n  - x\n  - c: y\n    d:\ne: {f: [g]}\nh:\n";
        let expected = ["1:1", "1:4", "2:1", "3:5", "4:5", "4:8", "5:5", "6:4", "6:8", "6:9", "7:1"];
        assert_eq!(places(&tree(text)), expected);
    }

    #[test]
    fn reads_the_same_with_windows_line_ends_and_a_byte_order_mark() {
        let text = "a: 1\nb:\n  - x # note\n  - |\n    y\n    z\n";
        assert_eq!(tree(&format!("\u{feff}{}", text.replace('\n', "\r\n"))), tree(text));
    }

    #[test]
    fn keeps_quoted_values_apart_from_plain_ones() {
        let node = tree("a: [5, '5', \"5\"]\nb: |\n  5\n");
        let list = node.child(&Step::Key("a".into())).unwrap();
        let plain = [0, 1, 2].map(|index| match &list.child(&Step::Index(index)).unwrap().value {
            Value::Scalar(scalar) => scalar.plain,
            other => panic!("{other:?}"),
        });
        assert_eq!(plain, [true, false, false]);
        let block = Value::Scalar(Scalar { text: "5\n".into(), plain: false });
        assert_eq!(node.entry("b").unwrap().value.value, block);
    }

    #[test]
    fn refuses_an_empty_file() {
        for text in ["", "\n\n", "# nothing\n", "---\n", "--- ~\n", "null", "\u{feff}", "...\n"] {
            assert_eq!(problems(text), ["f: the file is empty"], "{text:?}");
        }
    }

    #[test]
    fn refuses_a_second_document() {
        let refused = "f:2:1: a second document starts here\n    \
                       hint: write one document; delete this `---` and what follows";
        assert_eq!(problems("a: 1\n---\nb: 2\n"), [refused]);
        assert_eq!(problems("---\na: 1\n...\n"), [""; 0]);
    }

    #[test]
    fn refuses_anchors_aliases_and_merges_in_one_go() {
        let text = "base: &base { a: 1 }\nx: *base\ny:\n  <<: *base\n  b: 2\nz: &s [1]\n";
        let expected = [
            "f:1:7: base: anchors (`&name`) are not read\n    \
             hint: delete the `&name`, and write the value out where it is needed",
            "f:2:4: x: aliases (`*name`) are not read\n    \
             hint: write the value out; if it is text that starts with `*`, put it in quotes",
            "f:4:3: y: merge keys (`<<`) are not read\n    \
             hint: write the keys out where they are needed",
            "f:6:4: z: anchors (`&name`) are not read\n    \
             hint: delete the `&name`, and write the value out where it is needed",
        ];
        assert_eq!(problems(text), expected);
    }

    #[test]
    fn refuses_an_alias_bomb_without_expanding_it() {
        let levels = (1..60).map(|level| {
            let below = format!("*a{}", level - 1);
            format!("a{level}: &a{level} [{below}, {below}, {below}]\n")
        });
        let text = std::iter::once("a0: &a0 [x, x]\n".to_owned()).chain(levels).collect::<Vec<_>>().concat();
        let shown = problems(&text);
        assert_eq!(shown.len(), 101);
        assert!(shown[100].contains("… and more"), "{}", shown[100]);
    }

    #[test]
    fn refuses_tags() {
        let shown = problems("a: !secret x\nb: !!str 5\nc: !<tag:a> {d: e}\n");
        let starts = [
            "f:1:4: a: tags such as `!secret` are not read",
            "f:2:4: b: tags such as `!!str` are not read",
            "f:3:4: c: tags such as `tag:a` are not read",
        ];
        assert_eq!(shown.len(), 3, "{shown:?}");
        for (shown, start) in shown.iter().zip(starts) {
            assert!(shown.starts_with(start), "{shown}");
        }
    }

    #[test]
    fn refuses_keys_that_are_not_text() {
        let text = "5: a\ntrue: b\n~: c\n: d\n[e]: f\n? {g: h}\n: i\n'6': j\nk: {{ .Values.l }}\n";
        let expected = [
            "f:1:1: a key must be text, and `5` is not\n    hint: write it in quotes: \"5\"",
            "f:2:1: a key must be text, and `true` is not\n    hint: write it in quotes: \"true\"",
            "f:3:1: a key must be text\n    hint: write text before the `:`",
            "f:4:1: a key must be text\n    hint: write text before the `:`",
            "f:5:1: a key must be text\n    \
             hint: write text as the key; put a template's `{{ … }}` in quotes, or fill it in",
            "f:6:3: a key must be text\n    \
             hint: write text as the key; put a template's `{{ … }}` in quotes, or fill it in",
            "f:9:5: k: a key must be text\n    \
             hint: write text as the key; put a template's `{{ … }}` in quotes, or fill it in",
        ];
        assert_eq!(problems(text), expected);
    }

    #[test]
    fn refuses_every_key_that_is_given_again() {
        let text = "a: 1\nb: {c: 1, c: 2}\n\"a\": 2\na: 3\n";
        let expected = [
            "f:2:11: b.c: the key `c` is given twice, first at 2:5\n    hint: delete one of the two",
            "f:3:1: a: the key `a` is given twice, first at 1:1\n    hint: delete one of the two",
            "f:4:1: a: the key `a` is given twice, first at 1:1\n    hint: delete one of the two",
        ];
        assert_eq!(problems(text), expected);
    }

    #[test]
    fn refuses_deep_nesting_in_every_form() {
        assert_eq!(problems(&format!("{}{}", "[".repeat(32), "]".repeat(32))), [""; 0]);
        let blocks = (0..40).map(|depth| " ".repeat(depth) + "a:\n").collect::<String>();
        let half = MOST_BYTES / 2;
        let deep = [
            format!("{}{}", "[".repeat(33), "]".repeat(33)),
            "[".repeat(half * 2),
            "{a: ".repeat(half / 2),
            "[{".repeat(half),
            "- ".repeat(half),
            blocks,
        ];
        for text in deep {
            let shown = problems(&text);
            assert_eq!(shown.len(), 1, "{shown:?}");
            // The parser itself has a limit, which a line that may be a key meets first.
            let is_told =
                ["inside each other", "nested too deeply"].iter().any(|told| shown[0].contains(told));
            assert!(is_told, "{shown:?}");
        }
        assert!(problems(&"? ".repeat(half)).len() <= 2);
    }

    #[test]
    fn refuses_large_files() {
        let long = format!("a: {}", "x".repeat(MOST_BYTES));
        assert_eq!(
            problems(&long),
            ["f: the file is 1048579 bytes long, more than 1048576\n    hint: write a shorter file"]
        );
        let many = format!("[{}]", "a,".repeat(MOST_NODES));
        let shown = problems(&many);
        assert_eq!(shown.len(), 1);
        assert!(shown[0].contains("more than 100000 values and keys"), "{}", shown[0]);
    }

    #[test]
    fn refuses_characters_that_could_hide_the_rest() {
        let cases = [
            ("a: 1\nb: \"x\0\"\nc: 2", "f:2:6: is not YAML: the character U+0000 cannot be in a file"),
            ("a: 1 # \u{1b}[2J", "f:1:8: is not YAML: the character U+001B cannot be in a file"),
        ];
        for (text, start) in cases {
            let shown = problems(text);
            assert_eq!(shown.len(), 1, "{shown:?}");
            assert!(shown[0].starts_with(start), "{}", shown[0]);
        }
        assert_eq!(problems("a: \"\\0 \\e\"\n"), [""; 0], "escapes are fine");
    }
}
