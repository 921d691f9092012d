//! An explanation for people.

use super::report::{Report, Sentence, Told, TrialReport};
use crate::check::trail::Verdict;
use crate::cli::terminal::visible;

/// All lines, without the last one's end. Nothing in them moves the cursor.
pub(super) fn text(report: &Report) -> String {
    let request = &report.request;
    let (method, host, target) = (visible(&request.method), visible(&request.host), visible(&request.target));
    let mut lines = vec![format!("{method} {host}{target} at {}", report.at), String::new()];
    lines.extend(steps(&report.steps));
    lines.extend(report.faults.iter().map(|fault| format!("  {:<13}        {}", "", visible(fault))));
    lines.push(String::new());
    lines.push(sentence(report));
    lines.extend(consequences(report));
    report.trials.iter().for_each(|trial| lines.extend(tried(trial)));
    lines.join("\n")
}

fn steps(steps: &[Told]) -> impl Iterator<Item = String> {
    steps.iter().map(|step| format!("  {:<13}  {}  {}", step.stage, mark(step.mark), visible(&step.text)))
}

/// What a policy on trial would decide, after an empty line.
fn tried(trial: &TrialReport) -> Vec<String> {
    let policy = match trial.policy {
        "candidate" => "ON TRIAL (policy.next.yaml)",
        _ => "ON TRIAL (shadow rules)",
    };
    let rule =
        trial.rule.as_deref().map_or("no rule".to_owned(), |rule| format!("rule \"{}\"", visible(rule)));
    let (difference, reason) = (trial.difference, visible(&trial.reason));
    let would = match (difference, trial.reason.is_empty()) {
        _ if trial.outcome == Some("unknown") => format!("can't be told: the record does not have {reason}"),
        (Some("unknown"), _) => format!("can't be told without asking the issuer: {reason}"),
        (_, true) => "would allow".to_owned(),
        (_, false) => format!("would refuse: {reason}"),
    };
    let differs = match difference {
        Some("would_deny" | "would_allow") => ", other than now",
        Some("none") => ", as now",
        _ => "",
    };
    let mut lines = vec![String::new(), format!("{policy}: {rule} {would}{differs}")];
    lines.extend(steps(&trial.steps));
    lines
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
        Sentence::NotRecorded(why) => format!("CANNOT TELL: the record does not have {why}"),
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
    lines.extend(
        report.response_headers.iter().map(|(name, value)| format!("  answers  {name}: {}", visible(value))),
    );
    lines.extend(
        report
            .metadata
            .iter()
            .map(|(name, value)| format!("  tells    {name}: {}", visible(&value.to_string()))),
    );
    lines.extend(report.challenge.iter().map(|challenge| format!("  www-authenticate: {challenge}")));
    lines
}
