//! Why a manifest is not edited.

use crate::config::{Path, Place, Problem};

use super::text::Text;

/// What is in the way, and where: a byte of the text.
#[derive(Debug)]
pub(super) struct Refusal {
    at: usize,
    what: String,
    hint: &'static str,
}

impl Refusal {
    /// As people read it.
    pub(super) fn problem(self, file: &str, text: &Text<'_>) -> Problem {
        let (line, column) = text.place(self.at);
        Problem::error(file, &Path::root(), self.what).at(Place { line, column }).hint(self.hint)
    }
}

/// Refuses to edit.
pub(super) fn refuse<T>(at: usize, what: impl Into<String>, hint: &'static str) -> Result<T, Refusal> {
    Err(Refusal { at, what: what.into(), hint })
}
