//! A text and its lines, and edits of it.

use std::ops::Range;

use saphyr_parser::Marker;

/// A text whose lines can be asked for.
#[derive(Debug)]
pub(super) struct Text<'t> {
    text: &'t str,
    /// Where each line starts.
    lines: Vec<usize>,
}

impl<'t> Text<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, lines: std::iter::once(0).chain(after).collect() }
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
        let start = self.lines.get(mark.line().saturating_sub(1)).copied().unwrap_or(self.text.len());
        let column = self.rest(start).char_indices().nth(mark.col()).map(|(at, _)| at);
        column.map_or(self.text.len(), |column| start + column)
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
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
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
