//! Every expression parses, and names only series, labels, reasons and bucket ends that are there.

use std::collections::{BTreeMap, BTreeSet};

use gatepost::check::{DenyReason, OutageReason};
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{Expr, LabelModifier, VectorSelector, parse};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;

use super::{DASHBOARDS, dashboard, families, rules};

type Known = BTreeMap<String, BTreeSet<String>>;

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
    let shown = targets
        .chain(annotations.map(|annotation| ("annotation".to_owned(), annotation["target"].clone())))
        .map(|(title, target)| (format!("{name}: {title}"), filled_in(target["expr"].as_str().unwrap())));
    shown.chain(of_variables(name, &dashboard)).collect()
}

/// What a dashboard asks for the values of its variables: `label_values(series, label)`.
fn of_variables(name: &str, dashboard: &Value) -> Vec<(String, String)> {
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let asked = variables.filter_map(|variable| Some((variable, variable["query"]["query"].as_str()?)));
    let expression = |query: &str| {
        let (series, label) = query.strip_prefix("label_values(")?.strip_suffix(')')?.rsplit_once(", ")?;
        Some(format!("count by ({label}) ({series})"))
    };
    asked
        .map(|(variable, query)| (format!("{name}: {}", variable["name"]), expression(query).unwrap()))
        .collect()
}

fn filled_in(expression: &str) -> String {
    VARIABLES.iter().fold(expression.to_owned(), |text, (variable, value)| text.replace(variable, value))
}

/// The selectors of an expression, and the labels that a part of it is grouped or joined by.
#[derive(Default)]
struct Selectors(Vec<VectorSelector>, Vec<(Vec<String>, Expr)>);

impl ExprVisitor for Selectors {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Self::Error> {
        match expression {
            Expr::VectorSelector(selector) => self.0.push(selector.clone()),
            Expr::MatrixSelector(matrix) => self.0.push(matrix.vs.clone()),
            Expr::Aggregate(aggregate) => self.group(aggregate.modifier.as_ref(), expression),
            Expr::Binary(binary) => {
                let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
                self.group(matching, expression);
            }
            _ => {}
        }
        Ok(true)
    }
}

impl Selectors {
    fn of(expression: &Expr) -> Self {
        let mut selectors = Self::default();
        let Ok(_) = walk_expr(&mut selectors, expression);
        selectors
    }

    fn group(&mut self, modifier: Option<&LabelModifier>, of: &Expr) {
        if let Some(modifier) = modifier {
            self.1.push((modifier.labels().labels.clone(), of.clone()));
        }
    }
}

/// Labels that a part is grouped or joined by and that one of its series does not have.
fn ungroupable(place: &str, labels: &[String], of: &Expr, known: &Known) -> Vec<String> {
    let series = Selectors::of(of).0.into_iter().filter_map(|selector| selector.name);
    let pairs = series.flat_map(|name| labels.iter().map(move |label| (name.clone(), label)));
    let unknown =
        pairs.filter(|(name, label)| known.get(name).is_some_and(|labels| !labels.contains(*label)));
    unknown.map(|(name, label)| format!("{place}: {name} can't be grouped by {label:?}")).collect()
}

fn problems(place: &str, expression: &str, known: &Known) -> Vec<String> {
    let parsed = parse(expression).unwrap_or_else(|error| panic!("{place}: {error}\n{expression}"));
    let Selectors(selectors, groups) = Selectors::of(&parsed);
    let mut problems: Vec<_> =
        groups.iter().flat_map(|(labels, of)| ungroupable(place, labels, of, known)).collect();
    for selector in selectors {
        let name = selector.name.unwrap_or_default();
        let Some(labels) = known.get(&name) else {
            problems.push(format!("{place}: nothing exports {name:?}"));
            continue;
        };
        for matcher in &selector.matchers.matchers {
            if !labels.contains(&matcher.name) {
                problems.push(format!("{place}: {name} has no label {:?}", matcher.name));
            }
            problems.extend(
                unknown_values(&name, matcher)
                    .map(|value| format!("{place}: {name} never has {}={value:?}", matcher.name)),
            );
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
        "result" | "stage" => is_unlisted(series, &matcher.name, value),
        "le" => !matches!(matcher.op, MatchOp::Equal) || !families::has_bucket(series, value),
        _ => false,
    })
}

fn is_unlisted(series: &str, label: &str, value: &str) -> bool {
    let listed = families::values(series, label);
    !listed.is_empty() && !listed.contains(value)
}

fn is_reason(value: &str) -> bool {
    DenyReason::ALL.iter().any(|reason| reason.label() == value)
        || OutageReason::ALL.iter().any(|reason| reason.label() == value)
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
        ("sum by (issuer) (gatepost_checks_total)", "gatepost_checks_total can't be grouped by \"issuer\""),
        ("gatepost_jwks_refreshes_total{result=\"failed\"}", "never has result=\"failed\""),
        ("gatepost_check_duration_seconds", "nothing exports"),
        ("fleet:gatepost_checks:rate7m", "nothing exports"),
    ] {
        let problems = problems("here", wrong, &known);
        assert!(problems.len() == 1 && problems[0].contains(said), "{wrong}: {problems:?}");
    }
    assert!(parse("sum(rate(gatepost_checks_total[5m])").is_err());
}
