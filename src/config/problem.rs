//! What is wrong in a configuration file, where, and what to write instead; and how that is shown
//! to people and machines. Text from a file is made harmless for terminals and log lines here.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::path::Path;

/// As many characters of a file's own text as a message repeats.
pub(super) const LONGEST_QUOTE: usize = 60;

/// As many problems of one file as are reported at once.
pub(super) const MOST_PROBLEMS: usize = 100;

/// What a problem means for the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is not applied.
    Error,
    /// The file is applied, and someone should look at it.
    Warning,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
}

impl Place {
    /// Where a file begins.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// One thing to correct in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whether the file can be applied nevertheless.
    pub severity: Severity,
    /// The file's name, as people know it.
    pub file: String,
    /// None when the problem is with the file as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// As [`Path`] shows it; empty for the top of the file.
    pub path: String,
    /// What is wrong, to be read after the path.
    pub what: String,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// An error at `path`, so far without a place or a hint.
    #[must_use]
    pub fn error(file: &str, path: &Path, what: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            place: None,
            path: path.to_string(),
            what: what.into(),
            hint: None,
        }
    }

    /// The same, but the file is applied nevertheless.
    #[must_use]
    pub fn warning(file: &str, path: &Path, what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(file, path, what) }
    }

    /// The same, with its place.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    /// The same, with what to write instead.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Sorts problems as someone correcting them goes: file by file, from top to bottom, and those of a
/// whole file after those with a place.
pub(crate) fn sort(problems: &mut [Problem]) {
    problems.sort_by(|a, b| {
        let order = |p: &Problem| (p.place.is_none(), p.place);
        a.file.cmp(&b.file).then_with(|| order(a).cmp(&order(b)))
    });
}

/// `file:line:column: path: what`, and the hint on a line of its own; no newline at the end.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Escaped(&self.file))?;
        if let Some(Place { line, column }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        if self.severity == Severity::Warning {
            f.write_str(": warning")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", Escaped(&self.path))?;
        }
        write!(f, ": {}", Escaped(&self.what))?;
        match &self.hint {
            Some(hint) => write!(f, "\n    hint: {}", Escaped(hint)),
            None => Ok(()),
        }
    }
}

/// The errors of one file as they are found, at most [`MOST_PROBLEMS`] of them.
pub(super) struct Problems {
    file: String,
    found: Vec<Problem>,
    has_more: bool,
}

impl Problems {
    pub(super) fn of(file: &str) -> Self {
        Self { file: file.to_owned(), found: Vec::new(), has_more: false }
    }

    pub(super) fn report(&mut self, place: Place, path: &Path, words: Words) {
        let problem = Problem::error(&self.file, path, words.what).at(place);
        self.add(Problem { hint: words.hint, ..problem });
    }

    /// Reports what is wrong with the file as a whole.
    pub(super) fn report_file(&mut self, words: Words) {
        let problem = Problem::error(&self.file, &Path::root(), words.what);
        self.add(Problem { hint: words.hint, ..problem });
    }

    /// Whether there is more than is reported, so that looking further is of no use.
    pub(super) fn has_more(&self) -> bool {
        self.has_more
    }

    /// Notes that not everything was looked at.
    pub(super) fn note_more(&mut self) {
        self.has_more = true;
    }

    /// All that was found, sorted, with a last one that says so if there is more.
    pub(super) fn into_sorted(mut self) -> Vec<Problem> {
        sort(&mut self.found);
        if self.has_more {
            let note = "… and more: the rest shows once these are corrected";
            self.found.push(Problem::error(&self.file, &Path::root(), note));
        }
        self.found
    }

    fn add(&mut self, problem: Problem) {
        if self.found.len() < MOST_PROBLEMS {
            self.found.push(problem);
        } else {
            self.has_more = true;
        }
    }
}

/// What a problem says: what is wrong, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub what: String,
    pub hint: Option<String>,
}

impl Words {
    pub(super) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: Some(hint.into()) }
    }

    pub(super) fn without_hint(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None }
    }
}

/// Text from a file for use in a message: in backticks, escaped, at most [`LONGEST_QUOTE`] long.
pub(super) fn quote(text: &str) -> String {
    format!("`{}`", shorten(text, LONGEST_QUOTE))
}

/// At most `most` characters of `text`, escaped, and `…` where something was left out.
pub(super) fn shorten(text: &str, most: usize) -> String {
    let (kept, rest) = text.split_at(text.char_indices().nth(most).map_or(text.len(), |(at, _)| at));
    let ellipsis = if rest.is_empty() { "" } else { "…" };
    format!("{}{ellipsis}", Escaped(kept))
}

/// Shows text with everything escaped that could move a cursor, start a new log line, or hide.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if is_unseen(c) {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// Control characters, line separators, and those that are invisible or turn text around.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown_scope() -> Problem {
        let path = Path::root().key("rules").index(2).key("require").key("scope");
        Problem::error("policy.yaml", &path, "unknown key `scope`")
            .at(Place { line: 12, column: 7 })
            .hint("did you mean `scopes`? Keys allowed here: audiences, scopes")
    }

    #[test]
    fn shows_place_path_problem_and_hint() {
        assert_eq!(
            unknown_scope().to_string(),
            "policy.yaml:12:7: rules[2].require.scope: unknown key `scope`\n    \
             hint: did you mean `scopes`? Keys allowed here: audiences, scopes"
        );
        let whole = Problem::warning("policy.yaml", &Path::root(), "is large");
        assert_eq!(whole.to_string(), "policy.yaml: warning: is large");
    }

    #[test]
    fn serializes_for_machines() {
        assert_eq!(
            serde_json::to_value(unknown_scope()).unwrap(),
            serde_json::json!({
                "severity": "error",
                "file": "policy.yaml",
                "place": { "line": 12, "column": 7 },
                "path": "rules[2].require.scope",
                "what": "unknown key `scope`",
                "hint": "did you mean `scopes`? Keys allowed here: audiences, scopes",
            })
        );
    }

    #[test]
    fn sorts_by_file_then_place_and_whole_files_last() {
        let problem = |file, place: Option<(usize, usize)>| Problem {
            place: place.map(|(line, column)| Place { line, column }),
            ..Problem::error(file, &Path::root(), "x")
        };
        let mut problems = [
            problem("b", Some((1, 1))),
            problem("a", None),
            problem("a", Some((10, 1))),
            problem("a", Some((9, 3))),
            problem("a", Some((9, 2))),
        ];
        sort(&mut problems);
        let shown = problems.map(|p| p.to_string()).join(" ");
        assert_eq!(shown, "a:9:2: x a:9:3: x a:10:1: x a: x b:1:1: x");
    }

    #[test]
    fn escapes_whatever_a_terminal_or_log_would_obey() {
        let nasty = "a\nINFO all good\u{1b}[2J\u{9b}\u{202e}\u{200b}\u{2028}é漢";
        let escaped = r"a\nINFO all good\u{1b}[2J\u{9b}\u{202e}\u{200b}\u{2028}é漢";
        assert_eq!(quote(nasty), format!("`{escaped}`"));
        let problem = Problem::error("f\r", &Path::root(), nasty).hint(nasty);
        assert_eq!(problem.to_string(), format!("f\\r: {escaped}\n    hint: {escaped}"));
    }

    #[test]
    fn shortens_long_text() {
        assert_eq!(quote(&"漢".repeat(60)), format!("`{}`", "漢".repeat(60)));
        assert_eq!(quote(&"漢".repeat(61)), format!("`{}…`", "漢".repeat(60)));
    }

    #[test]
    fn says_when_there_is_more() {
        let mut problems = Problems::of("f");
        for line in 1..=MOST_PROBLEMS {
            problems.report(Place { line, column: 1 }, &Path::root(), Words::without_hint("x"));
        }
        assert!(!problems.has_more());
        problems.report_file(Words::without_hint("x"));
        assert!(problems.has_more());
        let shown = problems.into_sorted();
        assert_eq!(shown.len(), MOST_PROBLEMS + 1);
        assert!(shown.last().unwrap().what.starts_with("… and more"));
    }
}
