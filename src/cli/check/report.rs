//! What `gatepost check` found, for people and for machines.

use serde::Serialize;

use crate::cli::introspect::Said;
use crate::cli::terminal::{complain, line, plural, problems};
use crate::config::{Config, Problem, Severity, sort_problems};

/// The outcome, as `--output json` shows it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Whether the exit status is 0.
    pub(super) good: bool,
    problems: Vec<Problem>,
    errors: usize,
    warnings: usize,
    /// What the configuration says; none where the files don't come to one.
    summary: Option<Summary>,
    /// What issuers said of a token, where they were asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    introspection: Vec<Said>,
}

#[derive(Debug, Serialize)]
struct Summary {
    rules: usize,
    /// Their names.
    issuers: Vec<String>,
}

impl Report {
    /// Of all problems, whatever found them.
    pub(super) fn new(mut problems: Vec<Problem>, config: Option<&Config>, deny_warnings: bool) -> Self {
        sort_problems(&mut problems);
        let count = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let summary = config.map(|config| Summary {
            rules: config.policy.rules().len(),
            issuers: config.issuers.iter().map(|trusted| trusted.issuer.name.to_string()).collect(),
        });
        let good = summary.is_some() && errors == 0 && !(deny_warnings && warnings > 0);
        Self { good, problems, errors, warnings, summary, introspection: Vec::new() }
    }

    /// Adds what issuers said of a token.
    pub(super) fn with_answers(self, answers: Vec<Said>) -> Self {
        let good = self.good && answers.iter().all(|answer| answer.good);
        Self { good, introspection: answers, ..self }
    }

    /// Problems go to standard error, what is good to standard output.
    pub(super) fn print_text(&self) {
        problems(&self.problems);
        match &self.summary {
            Some(summary) if self.good || !self.introspection.is_empty() => line(summary.text()),
            Some(_) if self.errors == 0 => {
                complain("not good: with --deny-warnings a warning is one too many");
            }
            _ => {}
        }
        self.introspection.iter().for_each(|answer| line(&answer.text));
    }
}

impl Summary {
    fn text(&self) -> String {
        let (rules, issuers) = (plural(self.rules, "rule"), plural(self.issuers.len(), "issuer"));
        format!("good: {rules}, {issuers} ({})", self.issuers.join(", "))
    }
}
