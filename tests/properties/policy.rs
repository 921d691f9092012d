//! Policy only ever gets stricter by asking for more, and the first rule that matches decides.

use gatepost::check::policy::{RequestFacts, route};
use gatepost::check::target::{Target, TargetRules};
use gatepost::check::trail::{Recorded, Verdict};
use gatepost::check::{Decision, Headers};
use gatepost_test_support::Token;
use proptest::prelude::*;

use crate::world::{Fixture, policy, request};

const SCOPES: [&str; 5] = ["a", "b", "c", "d", "e"];

fn list(scopes: &[&str]) -> String {
    scopes.iter().map(|scope| format!("\"{scope}\"")).collect::<Vec<_>>().join(", ")
}

fn rule(all: &[&str], any: &[&str]) -> String {
    let part = |key: &str, scopes: &[&str]| {
        if scopes.is_empty() { String::new() } else { format!("{key}: [{}], ", list(scopes)) }
    };
    let scopes = format!("{}{}", part("all", all), part("any", any));
    let require = if scopes.is_empty() { "{}".to_owned() } else { format!("{{ scopes: {{ {scopes} }} }}") };
    format!("rules: [{{ name: all, match: {{ path: /** }}, require: {require} }}]")
}

fn allows(policy: &str, granted: &[&str]) -> bool {
    let token = Token::good().claim("scope", granted.join(" ")).mint();
    Fixture::new(policy, &["RS256"]).allows(&request("/", format!("Bearer {token}").as_bytes()))
}

fn some() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(&SCOPES[..], 0..=SCOPES.len())
}

/// One of `few` for each of up to `most` segments, so that rules and requests often meet.
fn path(
    few: &'static [&'static str],
    most: usize,
    ends: &'static [&'static str],
) -> impl Strategy<Value = String> {
    let segments = prop::collection::vec(prop::sample::select(few), 0..=most);
    (segments, prop::sample::select(ends)).prop_map(|(segments, end)| {
        let path = segments.iter().map(|segment| format!("/{segment}")).collect::<String>() + end;
        if path.is_empty() { "/".to_owned() } else { path }
    })
}

fn some_of(all: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![Just(Vec::new()), prop::sample::subsequence(all, 1..=2)]
}

/// The part of a rule between its name and its end, in YAML.
fn matching() -> impl Strategy<Value = String> {
    let hosts = some_of(&["a.example.com", "b.example.com", "*.example.com", "*.com", "example.com"]);
    let methods = some_of(&["GET", "POST", "PUT"]);
    let paths = prop::collection::vec(path(&["a", "b", "*"], 4, &["", "", "/", "/**"]), 1..4);
    let access = prop::sample::select(&["public: true", "require: {}", "require: {}"][..]);
    (hosts, methods, paths, access).prop_map(|(hosts, methods, paths, access)| {
        let part = |key: &str, values: &[&str]| match values {
            [] => String::new(),
            values => format!("{key}: [{}], ", list(values)),
        };
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        let (hosts, methods, paths) =
            (part("hosts", &hosts), part("methods", &methods), part("paths", &paths));
        format!("match: {{ {hosts}{methods}{paths}}}, {access}")
    })
}

fn asked() -> impl Strategy<Value = (&'static str, &'static str, String)> {
    let hosts =
        ["a.example.com", "b.example.com", "x.a.example.com", "example.com", "com", "badexample.com", "org"];
    (
        prop::sample::select(hosts.to_vec()),
        prop::sample::select(&["GET", "POST", "PUT", "DELETE"][..]),
        path(&["a", "b", "c"], 6, &["", "/"]),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]
    #[test]
    fn the_index_finds_what_trying_every_rule_finds(
        rules in prop::collection::vec(matching(), 1..24),
        requests in prop::collection::vec(asked(), 1..16),
    ) {
        let rules: Vec<_> =
            rules.iter().enumerate().map(|(index, rule)| format!("  - {{ name: r{index}, {rule} }}\n")).collect();
        let policy = policy(&format!("rules:\n{}", rules.concat()));
        for (host, method, path) in requests {
            let target = Target::read(&path, TargetRules::default()).unwrap();
            let asked = RequestFacts { method, host, target: &target, headers: &Headers::default() };
            let expected = policy.rules().iter().find(|rule| rule.mismatch(asked).is_none());
            let found = route(&policy, asked, &mut ());
            prop_assert_eq!(found.map(|its| &its.name), expected.map(|its| &its.name), "{} {}{}", method, host, path);

            let mut trail = Recorded::default();
            let told = route(&policy, asked, &mut trail);
            prop_assert_eq!(told.map(|its| &its.name), expected.map(|its| &its.name));
            let tried = policy.rules().iter().take_while(|rule| Some(&rule.name) != told.map(|its| &its.name)).count();
            let noted = trail.steps.iter().filter(|step| step.verdict == Verdict::Noted).count();
            prop_assert_eq!(noted, tried, "the trail says of each rule before why it does not apply");
        }
    }
}

proptest! {
    #[test]
    fn scopes_decide_as_sets_do(all in some(), any in some(), granted in some()) {
        let expected = all.iter().all(|scope| granted.contains(scope))
            && (any.is_empty() || any.iter().any(|scope| granted.contains(scope)));
        prop_assert_eq!(allows(&rule(&all, &any), &granted), expected);
    }

    #[test]
    fn asking_for_one_scope_more_never_turns_a_denial_into_an_allow(
        all in some(), any in some(), granted in some(), more in prop::sample::select(&SCOPES[..]),
    ) {
        let stricter: Vec<_> = all.iter().copied().chain([more]).collect();
        if allows(&rule(&stricter, &any), &granted) {
            prop_assert!(allows(&rule(&all, &any), &granted));
        }
    }

    #[test]
    fn granting_less_never_turns_a_denial_into_an_allow(all in some(), any in some(), granted in some(), less in some()) {
        let fewer: Vec<_> = granted.iter().copied().filter(|scope| !less.contains(scope)).collect();
        let policy = rule(&all, &any);
        if allows(&policy, &fewer) {
            prop_assert!(allows(&policy, &granted));
        }
    }

    #[test]
    fn the_first_rule_that_matches_decides(
        paths in prop::collection::vec(prop::sample::select(vec!["/a", "/a/*", "/a/**", "/*/b", "/**", "/c"]), 1..6),
        target in prop::sample::select(vec!["/a", "/a/b", "/a/b/c", "/c", "/d", "/d/b", "/"]),
    ) {
        let covers = |pattern: &str| match pattern {
            "/a" => target == "/a",
            "/a/*" => target == "/a/b",
            "/a/**" => target.starts_with("/a"),
            "/*/b" => target.ends_with("/b"),
            "/c" => target == "/c",
            _ => true,
        };
        let rules: Vec<_> = paths.iter().enumerate()
            .map(|(index, path)| format!("  - {{ name: r{index}, match: {{ path: {path} }}, public: true }}\n"))
            .collect();
        let fixture = Fixture::new(&format!("rules:\n{}", rules.concat()), &["Ed25519"]);
        let expected = paths.iter().position(|path| covers(path)).map(|index| format!("r{index}"));
        let decision = fixture.decide(&request(target, b""));
        prop_assert_eq!(decision.rule().map(ToString::to_string), expected.clone());
        prop_assert_eq!(matches!(decision, Decision::Allow(_)), expected.is_some());
    }
}
