//! The parser's complaints about text that is not YAML, in the words of someone who wrote that text.

use crate::config::problem::{Words, shorten};

const INDENTATION: &str =
    "start this line exactly below the beginning of its neighbours, indented with spaces";
const COLON: &str = "put a value that has `: ` in it in quotes; otherwise look at the indentation";

/// What the parser says (a part of it), what that means, and what to write instead. The first that
/// fits is taken.
const COMPLAINTS: &[(&str, &str, &str)] = &[
    ("tab", "there is a tab where only spaces may stand", "indent with spaces"),
    ("mapping values are not allowed", "a second `: ` on one line, or a wrong indentation", COLON),
    (
        "illegal placement of ':'",
        "a `:` in the wrong place",
        "close the list or mapping above with `]` or `}`",
    ),
    ("flow sequence", "the list is not closed", "separate its elements with `,` and close it with `]`"),
    ("flow mapping", "the mapping is not closed", "separate its keys with `,` and close it with `}`"),
    (
        "flow construct",
        "a list or mapping in brackets goes on here, too far left",
        "close it with `]` or `}`, or indent this line",
    ),
    ("misplaced bracket", "a bracket that was not opened", "delete it, or put the value in quotes"),
    (
        "simple key expect",
        "the line above is neither `key: value` nor `- element`",
        "write a space after the `:` or the `-`",
    ),
    ("block sequence entries", "a list cannot start on this line", "start the list on a line of its own"),
    ("only valid inside a block", "a list cannot start here", "start the list on a line of its own"),
    (
        "unknown escape",
        "the text in quotes has a `\\` that means nothing",
        "write `\\\\`, or use single quotes",
    ),
    ("indentation in quoted", "the quotes are not closed", "close them with the quote that opened them"),
    (
        "found unexpected end of stream",
        "the quotes are not closed",
        "close them with the quote that opened them",
    ),
    (
        "invalid trailing content",
        "there is text after the closing quote",
        "put all of the value in one pair of quotes",
    ),
    ("unexpected character", "a value cannot start with this character", "put the value in quotes"),
    ("scanning an anchor", "a value cannot start with `*` or `&`", "put the value in quotes"),
    ("unknown anchor", "a value cannot start with `*`", "put it in quotes; an alias must be written out"),
    ("block mapping", "expected `key: value`, in line with the keys above", INDENTATION),
    ("block collection", "expected `- element`, in line with the elements above", INDENTATION),
    ("indent", "the indentation is not that of the lines above", INDENTATION),
    (
        "document start",
        "there is more text where the file should end",
        "start all keys of a mapping in the same column",
    ),
    ("recursion limit", "the lists or mappings are nested too deeply", "write them less deep"),
];

/// Explains what the parser said; what is not known here is repeated.
pub(super) fn explain(said: &str) -> Words {
    let known = COMPLAINTS.iter().find(|(part, ..)| said.contains(part));
    match known {
        Some((_, what, hint)) => Words::new(format!("is not YAML: {what}"), *hint),
        None => Words::new(
            format!("is not YAML: {}", shorten(said, 200)),
            "look at the quotes and the indentation of this line and the one above",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::problems;

    #[test]
    fn explains_common_mistakes_where_they_are() {
        let cases = [
            ("a: b: c", "f:1:5: is not YAML: a second `: ` on one line, or a wrong indentation"),
            ("a:\n\tb: 1", "f:2:2: is not YAML: there is a tab where only spaces may stand"),
            ("a: [1, 2\nb: 3", "f:2:2: is not YAML: a `:` in the wrong place"),
            ("a: [1, 2", "f:2:1: is not YAML: the list is not closed"),
            ("a: {b: 1", "f:2:1: is not YAML: the mapping is not closed"),
            ("a: {b: 1}}", "f:1:10: is not YAML: a bracket that was not opened"),
            ("a: 1\nb\nc: d", "f:3:1: is not YAML: the line above is neither `key: value` nor"),
            ("a: - b", "f:1:4: is not YAML: a list cannot start on this line"),
            ("a: \"\\d\"", "f:1:4: is not YAML: the text in quotes has a `\\` that means nothing"),
            ("a: \"b\nc: 1", "f:1:4: is not YAML: the quotes are not closed"),
            ("a: 'b", "f:1:4: is not YAML: the quotes are not closed"),
            ("a: \"b\" c", "f:1:8: is not YAML: there is text after the closing quote"),
            ("a: @b", "f:1:4: is not YAML: a value cannot start with this character"),
            ("a: *", "f:1:4: is not YAML: a value cannot start with `*` or `&`"),
            ("a: */x", "f:1:4: is not YAML: a value cannot start with `*`"),
            ("a:\n  b: 1\n c: 2", "f:3:2: is not YAML: expected `key: value`, in line with"),
            ("[a]\nb: 1", "f:2:1: is not YAML: there is more text where the file should end"),
            ("- a\nb: 1", "f:2:1: is not YAML: expected `- element`, in line with"),
        ];
        for (text, start) in cases {
            let shown = problems(text);
            assert_eq!(shown.len(), 1, "{text:?}: {shown:?}");
            assert!(shown[0].starts_with(start), "{text:?}: {}", shown[0]);
            assert!(shown[0].contains("\n    hint: "), "{text:?}: {}", shown[0]);
        }
    }
}
