//! What counting a check costs: with counters that are resolved ahead, and with labels made for each check; what a
//! scrape costs; and what it costs to find out whether a check is sampled.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use gatepost::check::credential::TokenKind;
use gatepost::check::policy::{Access, Rule};
use gatepost::check::trace_context::TraceContext;
use gatepost::check::{Decided, Decision, Denial, DenyReason, Headers};
use gatepost::telemetry::metrics::{Format, Metrics};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// The labels of the same family, as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    rule: String,
    rule_kind: &'static str,
    token_kind: &'static str,
    outcome: &'static str,
}

fn rules(count: usize) -> Vec<Arc<Rule>> {
    let rule =
        |number| Rule::new(&format!("read orders {number}"), Vec::new(), Access::Token(Box::default()));
    (0..count).map(|number| Arc::new(rule(number))).collect()
}

/// A check under this rule. What is counted is the same for every outcome.
fn decided(rule: &Rule) -> Decided {
    let rule = Some(Arc::clone(&rule.name));
    let denial = Denial { reason: DenyReason::ScopeInsufficient, rule, hints: None };
    Decided { token_kind: TokenKind::Jwt, ..Decision::Deny(denial).into() }
}

fn counting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("count a check");
    let took = Duration::from_micros(25);
    for count in [3, 200] {
        let rules = rules(count);
        let metrics = Metrics::new();
        metrics.rules().follow(&rules);
        let checks: Vec<_> = rules.iter().map(|rule| decided(rule)).collect();
        group.bench_function(format!("outcome, reason and duration, {count} rules"), |b| {
            let mut checks = checks.iter().cycle();
            b.iter(|| checks.next().map(|decided| metrics.checked(black_box(&decided.decision), took)));
        });
        group.bench_function(format!("rule and token, resolved ahead, {count} rules"), |b| {
            let mut checks = checks.iter().cycle();
            b.iter(|| checks.next().map(|decided| metrics.rules().checked(black_box(decided))));
        });
        let family = Family::<Labels, Counter>::default();
        group.bench_function(format!("rule and token, labels made each time, {count} rules"), |b| {
            let mut checks = checks.iter().cycle();
            b.iter(|| {
                checks.next().map(|decided| {
                    let decided = black_box(decided);
                    let labels = Labels {
                        rule: decided.decision.rule().map(ToString::to_string).unwrap_or_default(),
                        rule_kind: "protected",
                        token_kind: decided.token_kind.label(),
                        outcome: decided.decision.outcome(),
                    };
                    family.get_or_create(&labels).inc();
                })
            });
        });
    }
}

fn scraping(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a scrape");
    for count in [3, 200] {
        let metrics = Metrics::new();
        metrics.rules().follow(&rules(count));
        for (name, format) in [("OpenMetrics", Format::OpenMetrics), ("Prometheus", Format::Prometheus)] {
            group.bench_function(format!("{name}, {count} rules"), |b| b.iter(|| metrics.render_as(format)));
        }
    }
}

/// A check whose request has fifteen header fields and then its trace context.
fn tracing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("trace a check");
    let others = (0..15).map(|number| (format!("x-header-{number}"), "value".to_owned()));
    let others: Headers = others.collect();
    let with = |flags: &str| {
        let mut headers = others.clone();
        headers.push("traceparent", format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"));
        headers
    };
    for (name, headers) in
        [("no context", others.clone()), ("not sampled", with("00")), ("sampled", with("01"))]
    {
        group.bench_function(format!("its flag, {name}"), |b| {
            b.iter(|| TraceContext::sampled(black_box(None), black_box(&headers)));
        });
    }
    let (not_sampled, headers) = (b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", others);
    group.bench_function("its flag, not sampled, told by Envoy", |b| {
        b.iter(|| TraceContext::sampled(black_box(Some(&not_sampled[..])), black_box(&headers)));
    });
}

criterion_group!(benches, counting, scraping, tracing);
criterion_main!(benches);
