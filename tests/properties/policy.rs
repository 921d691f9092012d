//! Policy only ever gets stricter by asking for more, and the first rule that matches decides.

use gatepost::check::Decision;
use gatepost_test_support::Token;
use proptest::prelude::*;

use crate::world::{Fixture, request};

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
