//! An explanation for people.

use super::report::{Report, Sentence};
use crate::check::trail::Verdict;
use crate::cli::terminal::visible;

/// All lines, without the last one's end. Nothing in them moves the cursor.
pub(super) fn text(report: &Report) -> String {
    let request = &report.request;
    let (method, host, target) = (visible(&request.method), visible(&request.host), visible(&request.target));
    let mut lines = vec![format!("{method} {host}{target} at {}", report.at), String::new()];
    for step in &report.steps {
        lines.push(format!("  {:<13}  {}  {}", step.stage, mark(step.mark), visible(&step.text)));
    }
    lines.extend(report.faults.iter().map(|fault| format!("  {:<13}        {}", "", visible(fault))));
    lines.push(String::new());
    lines.push(sentence(report));
    lines.extend(consequences(report));
    lines.join("\n")
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "ok  ",
        Verdict::Refused => "DENY",
        Verdict::Unknown => "????",
        Verdict::Noted => "  - ",
    }
}

fn sentence(report: &Report) -> String {
    match &report.verdict {
        Sentence::Allow => format!("ALLOW by rule \"{}\"", report.rule.as_deref().unwrap_or_default()),
        Sentence::Answer(document) => {
            format!("ANSWER 200: gatepost itself, and the service does not hear of it\n{}", visible(document))
        }
        Sentence::Deny { status, label, meaning } => format!("DENY {status} {label}: {meaning}"),
        Sentence::CannotTell { status, label, meaning } => format!("CANNOT TELL {status} {label}: {meaning}"),
    }
}

/// What the service and the client get.
fn consequences(report: &Report) -> Vec<String> {
    let mut lines: Vec<_> =
        report.set.iter().map(|(name, value)| format!("  sets     {name}: {}", visible(value))).collect();
    if !report.remove.is_empty() {
        lines.push(format!("  removes  {}", report.remove.join(", ")));
    }
    lines.extend(report.challenge.iter().map(|challenge| format!("  www-authenticate: {challenge}")));
    lines
}
