//! Collects problems of one file by their path, and leaves out those that only follow from another.

use super::super::Path;
use super::super::problem::Problem;
use super::super::read::Source;

pub(super) use super::super::problem::quote as quoted;

pub(super) struct Findings<'a> {
    source: &'a Source,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(source: &'a Source, problems: &'a mut Vec<Problem>) -> Self {
        Self { source, problems }
    }

    pub(super) fn error(&mut self, at: &Path, what: impl Into<String>, hint: impl Into<String>) {
        if !self.source.was_struck(at) {
            self.problems.push(self.source.error(at, what).hint(hint.into()));
        }
    }

    pub(super) fn warning(&mut self, at: &Path, what: impl Into<String>, hint: impl Into<String>) {
        if !self.source.was_struck(at) {
            self.problems.push(self.source.warning(at, what).hint(hint.into()));
        }
    }
}
