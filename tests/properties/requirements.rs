//! A rule that asks for more never lets more pass.

use gatepost::check::Decision;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::invented::{self, CONDITIONS, Members, now, requiring};
use crate::world::Fixture;

/// The same and one requirement more: a key that was not there, or more under one of which all must hold.
fn stricter(require: &Members, key: &str, more: Value) -> Option<Members> {
    let mut stricter = require.clone();
    let added = match (require.get(key), more) {
        (None, more) => more,
        (Some(Value::Object(claims)), Value::Object(more)) if key == "claims" => {
            let new: Members = more.into_iter().filter(|(path, _)| !claims.contains_key(path)).collect();
            Value::Object(claims.clone().into_iter().chain(new).collect())
        }
        (Some(Value::Array(all)), Value::Array(more)) if key == "scopes" => {
            json!(all.iter().chain(&more).collect::<Vec<_>>())
        }
        (Some(Value::Array(all)), Value::Object(any)) if key == "scopes" => {
            json!({ "all": all, "any": any.get("any") })
        }
        (Some(Value::String(one)), Value::String(other)) => json!(format!("({one}) && ({other})")),
        // Another element of a list of which one is enough asks for less.
        (Some(_), _) => return None,
    };
    stricter.insert(key.to_owned(), added);
    Some(stricter)
}

fn allows(require: &Members, input: &gatepost::check::CheckInput) -> bool {
    let fixture = Fixture::with_candidate(&requiring(require), None);
    matches!(fixture.decided(input, fixture.world(), now()).decision, Decision::Allow(_))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn one_requirement_more_never_turns_a_refusal_into_an_allow(
        require in invented::require(),
        (key, more) in invented::requirement(),
        input in invented::request(),
    ) {
        if let Some(stricter) = stricter(&require, key, more) {
            prop_assert!(allows(&require, &input) || !allows(&stricter, &input), "{:?} {:?}", require, stricter);
        }
    }

    #[test]
    fn a_shorter_list_or_a_smaller_age_never_turns_a_refusal_into_an_allow(
        one in invented::requirement(), input in invented::request(),
    ) {
        let (key, value) = one;
        let narrower = match &value {
            Value::Array(list) if key != "scopes" && list.len() > 1 => json!(list.iter().take(1).collect::<Vec<_>>()),
            Value::Object(members) if members.contains_key("max_age") => {
                let mut members = members.clone();
                members.insert("max_age".into(), json!("5s"));
                Value::Object(members)
            }
            _ => return Ok(()),
        };
        let of = |value| [(key.to_owned(), value)].into_iter().collect::<Members>();
        prop_assert!(allows(&of(value), &input) || !allows(&of(narrower), &input));
    }

    #[test]
    fn a_condition_and_its_opposite_never_both_hold(
        text in prop::sample::select(&CONDITIONS[..]), input in invented::request(),
    ) {
        let condition = |text: String| [("condition".to_owned(), json!(text))].into_iter().collect::<Members>();
        let holds = allows(&condition(text.to_owned()), &input);
        let opposite = allows(&condition(format!("!({text})")), &input);
        prop_assert!(!(holds && opposite), "{}", text);
    }
}
