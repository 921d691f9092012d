//! What finding the rule costs with 10, 1,000 and 10,000 rules, beside trying them one after the other, and
//! what it costs at worst: rules for every way to write a path's segments as a literal or `*`.

#![expect(clippy::unwrap_used, reason = "a bench that fails has nothing to measure")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gatepost::check::Headers;
use gatepost::check::policy::{Access, HostPattern, PathPattern, Policy, RequestFacts, Rule, route};
use gatepost::check::target::{Target, TargetRules};

const COUNTS: [usize; 3] = [10, 1_000, 10_000];
const HOSTS: usize = 20;

fn rule(number: usize, hosts: &[String], methods: &[String], path: &str) -> Arc<Rule> {
    let paths = vec![PathPattern::read(path, TargetRules::default()).unwrap()];
    let rule = Rule {
        hosts: hosts.iter().map(|host| HostPattern::read(host).unwrap()).collect(),
        methods: methods.to_vec(),
        ..Rule::new(&format!("r{number}"), paths, Access::Token(Box::default()))
    };
    Arc::new(rule)
}

/// Some hosts, each with many areas of its own, as a platform's policy has.
fn platform(count: usize) -> Policy {
    let hosts: Vec<_> = (0..HOSTS).map(|number| format!("s{number}.example.com")).collect();
    let get = ["GET".to_owned()];
    let rules = (0..count).zip(hosts.chunks(1).cycle());
    let rules = rules.map(|(number, host)| rule(number, host, &get, &format!("/v1/r{number}/*")));
    Policy::new(rules.collect(), TargetRules::default())
}

fn every_way(depth: usize) -> Policy {
    let rules = (0..1_usize << depth).map(|bits| {
        let path = (0..depth).map(|at| if bits >> at & 1 == 0 { "/a" } else { "/*" });
        rule(bits, &[], &[], &(path.collect::<String>() + "/end"))
    });
    Policy::new(rules.collect(), TargetRules::default())
}

struct Request {
    host: String,
    target: Target,
    headers: Headers,
}

impl Request {
    fn new(host: usize, path: &str) -> Self {
        let target = Target::read(path, TargetRules::default()).unwrap();
        Self { host: format!("s{host}.example.com"), target, headers: Headers::default() }
    }

    /// One that only this rule of a [`platform`] covers.
    fn of(number: usize) -> Self {
        Self::new(number % HOSTS, &format!("/v1/r{number}/7"))
    }

    fn facts(&self) -> RequestFacts<'_> {
        let Self { host, target, headers } = self;
        RequestFacts { method: "GET", host, target, headers }
    }

    fn indexed(&self, policy: &Policy) -> Option<usize> {
        let rule = route(policy, self.facts(), &mut ())?;
        rule.name.get(1..)?.parse().ok()
    }

    fn scanned(&self, policy: &Policy) -> Option<usize> {
        policy.rules().iter().position(|rule| rule.mismatch(self.facts()).is_none())
    }
}

fn compare(criterion: &mut Criterion, group: &str, policy: &Policy, cases: &[(&str, Request)]) {
    let mut group = criterion.benchmark_group(group);
    for (name, request) in cases {
        assert_eq!(request.indexed(policy), request.scanned(policy), "{name}");
        group.bench_function(BenchmarkId::new("index", name), |b| {
            b.iter(|| route(black_box(policy), black_box(request).facts(), &mut ()).is_some());
        });
        group.bench_function(BenchmarkId::new("scan", name), |b| {
            b.iter(|| black_box(request).scanned(black_box(policy)));
        });
    }
}

fn by_count(criterion: &mut Criterion) {
    for count in COUNTS {
        let policy = platform(count);
        let cases = [
            ("first rule", Request::of(0)),
            ("last rule", Request::of(count - 1)),
            ("no rule", Request::new(0, "/v1/nowhere/7")),
        ];
        compare(criterion, &format!("{count} rules"), &policy, &cases);
    }
}

fn at_worst(criterion: &mut Criterion) {
    let policy = every_way(12);
    let path = "/a".repeat(12);
    let cases = [
        ("every way matches", Request::new(0, &format!("{path}/end"))),
        ("every way fails at the end", Request::new(0, &format!("{path}/other"))),
        ("45,000 segments", Request::new(0, &"/a".repeat(45_000))),
    ];
    compare(criterion, "4096 rules, every literal or * of 12 segments", &policy, &cases);
}

criterion_group!(benches, by_count, at_worst);
criterion_main!(benches);
