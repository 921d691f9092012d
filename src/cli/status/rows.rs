//! What /statusz says, as lines for people: one for each thing, and one more for each trouble with it.
//!
//! It reads what is there, so that it shows a sidecar of another version as well as it can.

use std::fmt;

use serde_json::Value;

use crate::cli::terminal::{plural, visible};

/// One line, or more for a text of several.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) is_trouble: bool,
    label: String,
    text: String,
}

impl Row {
    fn good(label: impl Into<String>, text: impl Into<String>) -> Self {
        Self { is_trouble: false, label: label.into(), text: text.into() }
    }

    fn trouble(label: impl Into<String>, text: impl Into<String>) -> Self {
        Self { is_trouble: true, label: label.into(), text: text.into() }
    }
}

/// The width of labels.
const LABEL: usize = 16;

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.is_trouble { '!' } else { ' ' };
        let mut lines = self.text.lines().map(visible);
        write!(f, "{mark} {:<LABEL$}  {}", visible(&self.label), lines.next().unwrap_or_default())?;
        lines.try_for_each(|line| write!(f, "\n  {:<LABEL$}  {line}", ""))
    }
}

/// Everything that it says.
pub(super) fn rows(status: &Value) -> Vec<Row> {
    let why_not =
        status.pointer("/not_ready_because").and_then(Value::as_str).unwrap_or("it does not say why");
    let mut rows = vec![match status.get("ready") {
        Some(Value::Bool(true)) => Row::good("ready", "yes"),
        _ => Row::trouble("ready", format!("NO: {why_not}")),
    }];
    rows.extend(configuration(status));
    rows.extend(members(status, "/issuers").flat_map(issuer));
    rows.extend(status.get("revocations").filter(|its| its.is_object()).into_iter().flat_map(revocations));
    rows
}

fn configuration(status: &Value) -> Vec<Row> {
    let label = "configuration";
    let (generation, since) = (word(status, "/config/generation"), word(status, "/config/applied_at"));
    let rules = plural(count(status, "/config/rules"), "rule");
    let mut rows = vec![Row::good(label, format!("generation {generation} since {since}, {rules}"))];
    rows.extend(members(status, "/config/on_trial").map(|trial| {
        let (policy, rules) = (word(trial, "/policy"), plural(count(trial, "/rules"), "rule"));
        Row::good(label, format!("on trial: {policy}, {rules}"))
    }));
    if let Some(since) = status.pointer("/config/rejected_since").and_then(Value::as_str) {
        let problems: String =
            members(status, "/config/problems").map(|problem| format!("\n{}", bare(problem))).collect();
        let what = format!("THE FILES ARE REFUSED since {since}; generation {generation} stays in use");
        rows.push(Row::trouble(label, what + &problems));
    }
    if status.pointer("/config/candidate_rejected") == Some(&Value::Bool(true)) {
        rows.push(Row::trouble(label, "policy.next.yaml has problems and is not tried out"));
    }
    let waiting = joined(status, "/config/restart_needed");
    if !waiting.is_empty() {
        rows.push(Row::trouble(label, format!("RESTART NEEDED for {waiting}")));
    }
    rows
}

fn issuer(its: &Value) -> Vec<Row> {
    let label = format!("issuer {}", word(its, "/name"));
    let keys = match seconds(its, "/keys_age_seconds") {
        Some(age) => format!("keys {}, read {} ago", joined(its, "/key_ids"), span(age)),
        None => "no keys yet".to_owned(),
    };
    let mut rows = vec![Row::good(&label, format!("{}, {keys}", word(its, "/issuer")))];
    rows.extend(
        members(its, "/skipped_keys").map(|key| Row::good(&label, format!("unusable: {}", bare(key)))),
    );
    if let Some(why) = its.get("last_error").and_then(Value::as_str) {
        let until = its.pointer("/keys_stale_at").and_then(Value::as_str);
        let until = until.map(|until| format!("\nthe keys that are known serve until {until}"));
        rows.push(Row::trouble(&label, format!("NO NEW KEYS: {why}{}", until.unwrap_or_default())));
    }
    rows.extend(its.get("introspection").into_iter().flat_map(introspection));
    rows
}

fn introspection(its: &Value) -> Vec<Row> {
    let label = "  introspection";
    let mut text = plural(count(its, "/calls"), "call");
    if let Some(ratio) = seconds(its, "/hit_ratio") {
        text.push_str(&format!(", {:.0} % of checks needed none", ratio * 100.0));
    }
    if let Some(age) = seconds(its, "/last_answer_age_seconds") {
        text.push_str(&format!(", last answer {} ago", span(age)));
    }
    let mut rows = vec![Row::good(label, text)];
    match its.get("breaker").and_then(Value::as_str) {
        Some("open") => rows.push(Row::trouble(label, "SUSPENDED after failures: the issuer is not asked")),
        Some("half-open") => {
            rows.push(Row::trouble(label, "SUSPENDED: one call finds out whether it is back"))
        }
        _ => {}
    }
    let error = its.get("last_error").and_then(Value::as_str);
    rows.extend(error.map(|why| Row::trouble(label, format!("LAST CALL FAILED: {why}"))));
    rows
}

fn revocations(its: &Value) -> Vec<Row> {
    let marks = its.get("marks").and_then(Value::as_object).into_iter().flatten();
    let marks: Vec<_> = marks.filter(|(_, count)| count.as_u64() != Some(0)).collect();
    let text = match marks.is_empty() {
        true => "none in force".to_owned(),
        false => {
            let each = marks.iter().map(|(kind, count)| format!("{kind} {}", bare(count)));
            format!("in force: {}", each.collect::<Vec<_>>().join(", "))
        }
    };
    let mut rows = vec![Row::good("revocations", text)];
    rows.extend(members(its, "/feeds").flat_map(feed));
    rows
}

fn feed(its: &Value) -> Vec<Row> {
    let label = format!("feed {}", word(its, "/name"));
    let silent = seconds(its, "/silent_for_seconds");
    let alive = silent.map_or("never heard of".to_owned(), |for_| format!("alive {} ago", span(for_)));
    let lag = seconds(its, "/lag_seconds").map(|lag| format!(", last message took {}", span(lag)));
    let text = format!("{}, {}, {alive}{}", word(its, "/kind"), word(its, "/phase"), lag.unwrap_or_default());
    let mut rows = vec![Row::good(&label, text)];
    if its.get("stale") == Some(&Value::Bool(true)) {
        rows.push(Row::trouble(&label, "STALE: revocations may be missing"));
    }
    if let Some(until) = its.get("incomplete_until").and_then(Value::as_str) {
        let gaps = plural(count(its, "/gaps"), "gap");
        rows.push(Row::good(
            &label,
            format!("{gaps}: messages were gone before they were read, which matters until {until}"),
        ));
    }
    let refused = its.get("refused").and_then(Value::as_object).into_iter().flatten();
    rows.extend(refused.map(|(why, count)| {
        Row::good(&label, format!("{} refused: {why}", plural(number(count), "message")))
    }));
    let error = its.get("last_error").and_then(Value::as_str);
    rows.extend(error.map(|why| Row::trouble(&label, format!("LOST: {why}"))));
    rows
}

/// A text as it is, anything else as JSON writes it.
pub(super) fn word(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).map(bare).unwrap_or_default()
}

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn members<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn joined(value: &Value, pointer: &str) -> String {
    members(value, pointer).map(bare).collect::<Vec<_>>().join(", ")
}

fn count(value: &Value, pointer: &str) -> usize {
    value.pointer(pointer).map(number).unwrap_or_default()
}

fn number(value: &Value) -> usize {
    value.as_u64().and_then(|number| number.try_into().ok()).unwrap_or_default()
}

fn seconds(value: &Value, pointer: &str) -> Option<f64> {
    value.pointer(pointer).and_then(Value::as_f64)
}

/// As exactly as a person wants it.
fn span(seconds: f64) -> String {
    match seconds {
        s if s < 0.1 => format!("{:.1} ms", s * 1000.0),
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.0} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_exact_as_a_person_wants_them() {
        let shown = [0.0004, 0.25, 12.4, 300.0, 86_400.0].map(span);
        assert_eq!(shown, ["0.4 ms", "0.2 s", "12 s", "5 min", "24 h"]);
    }

    #[test]
    fn nothing_that_an_issuer_says_moves_the_cursor() {
        let row = Row::trouble("issuer corp", "\u{1b}[2Jnothing\nis wrong");
        assert_eq!(row.to_string(), "! issuer corp       \\u{1b}[2Jnothing\n                    is wrong");
    }
}
