//! What is on trial decides nothing, and what is said of it is what it would have decided.

use gatepost::check::policy::RequestFacts;
use gatepost::check::target::{Target, TargetRules, host};
use gatepost::check::trial::{Difference, TrialKind, try_out};
use gatepost::check::{Decision, World};
use proptest::prelude::*;
use serde_json::json;

use crate::invented::{self, Members, now, policy};
use crate::world::Fixture;

fn enforced(rules: &[Members]) -> Vec<Members> {
    rules.iter().filter(|rule| rule["shadow"] != json!(true)).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]
    #[test]
    fn a_policy_without_its_rules_on_trial_decides_every_request_alike(
        rules in invented::rules(), candidate in invented::rules(), input in invented::request(),
    ) {
        let with = Fixture::with_candidate(&policy(&rules), Some(&policy(&candidate)));
        let without = Fixture::with_candidate(&policy(&enforced(&rules)), None);
        prop_assert_eq!(without.config.trials.len(), 0);
        let [with, without] =
            [with, without].map(|its| format!("{:?}", its.decided(&input, its.world(), now()).decision));
        prop_assert_eq!(with, without);
    }

    #[test]
    fn the_first_rule_that_is_enforced_and_matches_decides(
        rules in invented::rules(), input in invented::request(),
    ) {
        let fixture = Fixture::with_candidate(&policy(&rules), None);
        let decision = fixture.decided(&input, fixture.world(), now()).decision;
        let shadow = fixture.config.trials.iter().find(|trial| trial.kind == TrialKind::Shadow);
        let all = shadow.map_or(&fixture.config.policy, |trial| &trial.policy);
        let expected = Target::read(&input.target, TargetRules::default()).ok().and_then(|target| {
            let host = host(&input.host).unwrap();
            let asked = RequestFacts { method: &input.method, host: &host, target: &target, headers: &input.headers };
            all.rules().iter().find(|rule| !rule.shadow && rule.mismatch(asked).is_none())
        });
        prop_assert_eq!(decision.rule(), expected.map(|rule| &rule.name));
    }

    #[test]
    fn a_trial_says_what_deciding_by_its_policy_comes_to(
        rules in invented::rules(), candidate in invented::rules(), input in invented::request(),
    ) {
        let fixture = Fixture::with_candidate(&policy(&rules), Some(&policy(&candidate)));
        let decided = fixture.decided(&input, fixture.world(), now());
        for trial in &fixture.config.trials {
            let world = World { policy: &trial.policy, ..fixture.world() };
            let direct = fixture.decided(&input, world, now()).decision;
            let Some(tried) = try_out(trial, &input, &decided, fixture.world(), now(), &mut ()) else {
                // It has nothing of its own to say, so it must say the same.
                prop_assert_eq!(direct.outcome(), decided.decision.outcome());
                prop_assert_eq!(direct.reason(), decided.decision.reason());
                prop_assert_eq!(direct.rule(), decided.decision.rule());
                continue;
            };
            let difference = match (&decided.decision, &direct) {
                (Decision::Allow(_), Decision::Deny(_)) => Difference::WouldDeny,
                (Decision::Deny(_), Decision::Allow(_)) => Difference::WouldAllow,
                _ => Difference::None,
            };
            prop_assert_eq!(tried.kind, trial.kind);
            prop_assert_eq!(tried.difference, difference, "{:?} {:?}", decided.decision, direct);
            prop_assert_eq!(tried.rule.as_ref(), direct.rule());
            prop_assert_eq!(tried.reason, direct.reason());
        }
    }
}
