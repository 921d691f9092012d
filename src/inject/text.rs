//! A text and its lines, and edits of it.

use std::ops::Range;

use saphyr_parser::Marker;

/// How many characters are from one mark to the next.
const STRIDE: usize = 64;

/// A text whose lines can be asked for.
#[derive(Debug)]
pub(super) struct Text<'t> {
    text: &'t str,
    /// Where each line starts.
    lines: Vec<usize>,
    /// How many characters are before each line.
    before: Vec<usize>,
    /// The byte of every so many characters: to count those of a long line for each value in it would take too long.
    marks: Vec<usize>,
    newline: &'static str,
}

impl<'t> Text<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let (mut lines, mut before, mut marks) = (vec![0], vec![0], Vec::new());
        for (count, (at, character)) in text.char_indices().enumerate() {
            if count % STRIDE == 0 {
                marks.push(at);
            }
            if character == '\n' {
                lines.push(at + 1);
                before.push(count + 1);
            }
        }
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        Self { text, lines, before, marks, newline }
    }

    pub(super) fn as_str(&self) -> &'t str {
        self.text
    }

    /// All from a byte on.
    pub(super) fn rest(&self, at: usize) -> &'t str {
        self.text.get(at..).unwrap_or_default()
    }

    /// A part.
    pub(super) fn part(&self, range: Range<usize>) -> &'t str {
        self.text.get(range).unwrap_or_default()
    }

    /// The byte that the parser means.
    pub(super) fn offset(&self, mark: Marker) -> usize {
        let Some(before) = self.before.get(mark.line().saturating_sub(1)) else { return self.text.len() };
        let count = before + mark.col();
        let Some(near) = self.marks.get(count / STRIDE) else { return self.text.len() };
        let within = self.rest(*near).char_indices().nth(count % STRIDE);
        within.map_or(self.text.len(), |(at, _)| near + at)
    }

    /// The first byte of the line that a byte is on.
    pub(super) fn line_start(&self, at: usize) -> usize {
        self.lines.get(self.line(at)).copied().unwrap_or_default()
    }

    /// The first byte of the line after the one that a byte is on.
    pub(super) fn next_line(&self, at: usize) -> usize {
        self.lines.get(self.line(at) + 1).copied().unwrap_or(self.text.len())
    }

    /// Line and column as people count them.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        (self.line(at) + 1, self.column(at) + 1)
    }

    /// How many characters are before a byte on its line.
    pub(super) fn column(&self, at: usize) -> usize {
        self.part(self.line_start(at)..at).chars().count()
    }

    /// Whether two bytes are on one line.
    pub(super) fn same_line(&self, one: usize, other: usize) -> bool {
        self.line(one) == self.line(other)
    }

    /// How its lines end.
    pub(super) fn newline(&self) -> &'static str {
        self.newline
    }

    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at).saturating_sub(1)
    }
}

/// Edits of one text, applied together.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    pub(super) fn insert(&mut self, at: usize, text: String) {
        self.0.push((at..at, text));
    }

    pub(super) fn remove(&mut self, range: Range<usize>) {
        self.0.push((range, String::new()));
    }

    /// The edited text. Of edits at one place, what was added first comes first; removals may overlap.
    pub(super) fn apply(mut self, text: &Text<'_>) -> String {
        self.0.sort_by_key(|(range, _)| range.start);
        let mut edited = String::with_capacity(text.as_str().len());
        let mut done = 0;
        for (range, inserted) in self.0 {
            edited.push_str(text.part(done..range.start.max(done)));
            edited.push_str(&inserted);
            done = done.max(range.end);
        }
        edited + text.rest(done)
    }
}
