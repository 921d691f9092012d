//! Requirements on claims mean what a much simpler reading of them means.

use gatepost::check::policy::{ClaimPath, ClaimRequirement, ClaimTest};
use gatepost::jose::Claims;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const NAMES: [&str; 4] = ["a", "b", "c.d", ""];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(1),
        json!(1.0),
        json!(2.5),
        json!("1"),
        json!("one"),
        json!("on"),
        json!(""),
    ]);
    leaf.prop_recursive(3, 24, 4, |inner| {
        let object = prop::collection::hash_map(prop::sample::select(&NAMES[..]), inner.clone(), 0..3)
            .prop_map(|members| json!(members));
        prop_oneof![prop::collection::vec(inner, 0..4).prop_map(Value::Array), object]
    })
}

fn test() -> impl Strategy<Value = ClaimTest> {
    let values = || prop::collection::vec(value(), 1..4);
    prop_oneof![
        any::<bool>().prop_map(ClaimTest::Exists),
        values().prop_map(ClaimTest::OneOf),
        values().prop_map(ClaimTest::Contains),
        prop::sample::select(&["o", "on", "one", "1", ""][..])
            .prop_map(|text| ClaimTest::Prefix(text.into())),
    ]
}

/// With every number written in one way.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(members) => members.iter().map(plain).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), plain(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// Everything at the end of the steps, step by step for all values at once.
fn found(claims: &Value, steps: &[&str]) -> Vec<Value> {
    let mut values = vec![claims.clone()];
    for (depth, step) in steps.iter().enumerate() {
        let mut flat = values;
        // Claims themselves are one object; only what is in them may be a list.
        while depth > 0 && flat.iter().any(Value::is_array) {
            flat = flat
                .into_iter()
                .flat_map(|value| match value {
                    Value::Array(members) => members,
                    other => vec![other],
                })
                .collect();
        }
        values = flat.iter().filter_map(|value| value.get(step).cloned()).collect();
    }
    values.into_iter().filter(|value| !value.is_null()).map(|value| plain(&value)).collect()
}

fn holds(test: &ClaimTest, found: &[Value]) -> bool {
    match test {
        ClaimTest::Exists(wanted) => found.is_empty() != *wanted,
        ClaimTest::OneOf(values) => values.iter().map(plain).any(|value| found.contains(&value)),
        ClaimTest::Contains(values) => {
            let members: Vec<_> = found.iter().filter_map(Value::as_array).flatten().collect();
            values.iter().map(plain).all(|value| members.contains(&&value))
        }
        ClaimTest::Prefix(prefix) => {
            found.iter().filter_map(Value::as_str).any(|text| text.get(..prefix.len()) == Some(prefix))
        }
    }
}

/// The steps in the notation of a policy; in brackets where it must be so, and now and then where it may.
fn written(steps: &[&str], brackets: bool) -> String {
    let mut text = String::new();
    for step in steps {
        match brackets || step.contains('.') {
            true => text.push_str(&format!("[\"{step}\"]")),
            false if text.is_empty() => text.push_str(step),
            false => text.push_str(&format!(".{step}")),
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]
    #[test]
    fn a_claim_is_what_a_simple_reading_finds_there(
        claims in prop::collection::hash_map(prop::sample::select(&NAMES[..]), value(), 0..4),
        steps in prop::collection::vec(prop::sample::select(vec!["a", "b", "c.d"]), 1..4),
        brackets in any::<bool>(),
        tests in prop::collection::vec(test(), 1..3),
    ) {
        let claims = json!(claims);
        let found = found(&claims, &steps);
        let expected = tests.iter().find(|test| !holds(test, &found));
        let path = ClaimPath::read(&written(&steps, brackets)).unwrap();
        let requirement = ClaimRequirement { path, tests: tests.clone() };
        let claims = Claims::new(claims.as_object().unwrap().clone());
        prop_assert_eq!(requirement.unmet(&claims), expected, "{:?}", found);
    }
}
