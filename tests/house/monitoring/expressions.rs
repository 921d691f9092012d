//! Every expression parses, and names only series, labels, reasons and bucket ends that are there.

use std::collections::{BTreeMap, BTreeSet};

use gatepost::check::{DenyReason, OutageReason};
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{Expr, VectorSelector, parse};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;

use super::{DASHBOARDS, dashboard, families, rules};

/// What Grafana puts in before it asks.
const VARIABLES: [(&str, &str); 5] =
    [("$__rate_interval", "5m"), ("$__range", "1h"), ("$job", ".*"), ("$rule", ".*"), ("$reason", ".*")];

/// Every expression with where it stands.
fn all() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for file in ["rules.yaml", "alerts.yaml"] {
        all.extend(rules(file).iter().map(|rule| (rule.name.clone(), rule.expression().to_owned())));
    }
    for name in DASHBOARDS {
        all.extend(of_dashboard(name));
    }
    all
}

/// The expressions of a dashboard's panels and annotations.
fn of_dashboard(name: &str) -> Vec<(String, String)> {
    let dashboard = dashboard(name);
    let empty = Vec::new();
    let list = |value: &Value| value.as_array().unwrap_or(&empty).clone();
    let panels = list(&dashboard["panels"]).into_iter();
    let targets = panels.flat_map(|panel| {
        let title = panel["title"].as_str().unwrap().to_owned();
        list(&panel["targets"]).into_iter().map(move |target| (title.clone(), target))
    });
    let annotations = list(&dashboard["annotations"]["list"]).into_iter();
    targets
        .chain(annotations.map(|annotation| ("annotation".to_owned(), annotation)))
        .map(|(title, target)| (format!("{name}: {title}"), filled_in(target["expr"].as_str().unwrap())))
        .collect()
}

fn filled_in(expression: &str) -> String {
    VARIABLES.iter().fold(expression.to_owned(), |text, (variable, value)| text.replace(variable, value))
}

/// The selectors of an expression.
#[derive(Default)]
struct Selectors(Vec<VectorSelector>);

impl ExprVisitor for Selectors {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Self::Error> {
        match expression {
            Expr::VectorSelector(selector) => self.0.push(selector.clone()),
            Expr::MatrixSelector(matrix) => self.0.push(matrix.vs.clone()),
            _ => {}
        }
        Ok(true)
    }
}

fn selectors(place: &str, expression: &str) -> Vec<VectorSelector> {
    let parsed = parse(expression).unwrap_or_else(|error| panic!("{place}: {error}\n{expression}"));
    let mut selectors = Selectors::default();
    let Ok(_) = walk_expr(&mut selectors, &parsed);
    selectors.0
}

fn problems(place: &str, expression: &str, known: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut problems = Vec::new();
    for selector in selectors(place, expression) {
        let name = selector.name.unwrap_or_default();
        let Some(labels) = known.get(&name) else {
            problems.push(format!("{place}: nothing exports {name:?}"));
            continue;
        };
        for matcher in &selector.matchers.matchers {
            if !labels.contains(&matcher.name) {
                problems.push(format!("{place}: {name} has no label {:?}", matcher.name));
            }
            problems.extend(unknown_values(&name, matcher).map(|value| {
                format!("{place}: {name} never has {}={value:?}", matcher.name)
            }));
        }
    }
    problems
}

/// The values that a matcher names and that its label never has.
fn unknown_values<'m>(series: &'m str, matcher: &'m Matcher) -> impl Iterator<Item = &'m str> {
    let values = matcher.value.split('|').filter(|value| !value.is_empty() && !value.contains(".*"));
    values.filter(move |value| match &matcher.name[..] {
        "reason" => !is_reason(value),
        "outcome" => !["allow", "answer", "deny", "unavailable"].contains(value),
        "le" => !matches!(matcher.op, MatchOp::Equal) || !families::has_bucket(series, value),
        _ => false,
    })
}

fn is_reason(value: &str) -> bool {
    DenyReason::ALL.iter().any(|reason| reason.label() == value)
        || OutageReason::ALL.iter().any(|reason| reason.label() == value)
        // On its way in: a source that is over its limit.
        || value == "source_limited"
}

#[test]
fn every_expression_names_what_is_there() {
    let known = families::known();
    let all = all();
    assert!(all.len() > 250, "only {} expressions are found", all.len());
    let problems: Vec<_> =
        all.iter().flat_map(|(place, expression)| problems(place, expression, &known)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_is_not_there_is_found() {
    let known = families::known();
    for (wrong, said) in [
        ("sum(rate(gatepost_cheks_total[5m]))", "nothing exports \"gatepost_cheks_total\""),
        ("gatepost_checks_total{kind=\"jwt\"}", "gatepost_checks_total has no label \"kind\""),
        ("gatepost_checks_total{reason=~\"key_unknown|key_lost\"}", "never has reason=\"key_lost\""),
        ("gatepost_check_duration_seconds_bucket{le=\"0.005\"}", "never has le=\"0.005\""),
        ("envoy_vhost_vcluster_upstream_rq_time_bucket{le=\"301\"}", "never has le=\"301\""),
        ("gatepost_check_duration_seconds", "nothing exports"),
        ("fleet:gatepost_checks:rate7m", "nothing exports"),
    ] {
        let problems = problems("here", wrong, &known);
        assert!(problems.len() == 1 && problems[0].contains(said), "{wrong}: {problems:?}");
    }
    assert!(parse("sum(rate(gatepost_checks_total[5m])").is_err());
}
