//! A request that was recorded comes to the same when it is judged again under the same policy.

use gatepost::check::policy::Reads;
use gatepost::check::record::{Identities, Record, Recorder};
use gatepost::check::replay::replay;
use gatepost::check::trail::Stages;
use gatepost::check::trial::try_out;
use gatepost::check::{CheckInput, Decided};
use proptest::prelude::*;

use crate::invented::{self, now, policy};
use crate::world::Fixture;

/// The line of the audit log, read again.
fn recorded(
    fixture: &Fixture,
    input: &CheckInput,
    decided: &Decided,
    identities: &Identities,
) -> (String, Record) {
    let trials = &fixture.config.trials;
    let policies = trials.iter().map(|trial| &trial.policy).chain([&fixture.config.policy]);
    let tried: Vec<_> = trials
        .iter()
        .filter_map(|trial| try_out(trial, input, decided, fixture.world(), now(), &mut ()))
        .collect();
    let issuers = fixture.world().issuers;
    let (reads, stages) = (Reads::of(policies), Stages::default());
    let (tried, reads, now, generation, called) = (&tried[..], &reads, now(), 1, None);
    let recorder =
        Recorder { input, decided, stages, tried, issuers, reads, identities, now, generation, called };
    let record = recorder.record();
    let line = serde_json::to_string(&record).unwrap();
    let read = serde_json::from_str(&line).unwrap();
    assert_eq!(record, read);
    (line, read)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]
    #[test]
    fn judging_a_record_again_comes_to_what_was_decided(
        rules in invented::rules(), candidate in invented::rules(), input in invented::request(),
    ) {
        let fixture = Fixture::with_candidate(&policy(&rules), Some(&policy(&candidate)));
        let decided = fixture.decided(&input, fixture.world(), now());
        let (line, record) = recorded(&fixture, &input, &decided, &Identities::Plain);
        // What a rule hands on is no part of a record, so neither is that it could not.
        prop_assume!(!record.reason.starts_with("forward_"));
        let replayed = replay(&record, fixture.world(), now(), &mut ());
        prop_assert_eq!(replayed.outcome.label(), decided.decision.outcome(), "{}", line);
        prop_assert_eq!(replayed.outcome.reason(), decided.decision.reason(), "{}", line);
        prop_assert_eq!(replayed.rule.as_ref(), decided.decision.rule(), "{}", line);
    }

    #[test]
    fn a_record_with_hashed_identities_comes_to_the_same_or_to_nothing(
        rules in invented::rules(), input in invented::request(),
    ) {
        let fixture = Fixture::with_candidate(&policy(&rules), None);
        let decided = fixture.decided(&input, fixture.world(), now());
        let (line, record) = recorded(&fixture, &input, &decided, &Identities::hashed(&[7; 32]));
        prop_assume!(!record.reason.starts_with("forward_"));
        let token = decided.token.as_ref().map(|proven| proven.token());
        for name in token.into_iter().flat_map(|token| token.subject().into_iter().chain(token.client())) {
            prop_assert!(!line.contains(&format!("\"{name}\"")), "{}", line);
        }
        let replayed = replay(&record, fixture.world(), now(), &mut ());
        if replayed.outcome.label() != "unknown" {
            prop_assert_eq!(replayed.outcome.label(), decided.decision.outcome(), "{}", line);
            prop_assert_eq!(replayed.outcome.reason(), decided.decision.reason(), "{}", line);
        }
    }

    #[test]
    fn judging_a_record_by_the_candidate_comes_to_what_was_tried(
        rules in invented::rules(), candidate in invented::rules(), input in invented::request(),
    ) {
        let fixture = Fixture::with_candidate(&policy(&rules), Some(&policy(&candidate)));
        let decided = fixture.decided(&input, fixture.world(), now());
        let (line, record) = recorded(&fixture, &input, &decided, &Identities::Plain);
        let Some(tried) = record.trials.iter().find(|tried| tried.policy == "candidate") else { return Ok(()) };
        prop_assume!(!tried.reason.starts_with("forward_") && !record.reason.starts_with("forward_"));
        let next = Fixture::with_candidate(&policy(&candidate), None);
        let replayed = replay(&record, next.world(), now(), &mut ());
        prop_assert_eq!(replayed.rule.as_deref(), tried.rule.as_deref(), "{}", line);
        // Where no token was looked at, a record can't tell what one would have come to.
        if replayed.outcome.label() != "unknown" {
            prop_assert_eq!(replayed.outcome.reason(), &tried.reason, "{}", line);
        }
    }

    #[test]
    fn a_record_holds_no_token_and_no_query(
        rules in invented::rules(), input in invented::request(),
    ) {
        let fixture = Fixture::with_candidate(&policy(&rules), None);
        let decided = fixture.decided(&input, fixture.world(), now());
        let (line, _) = recorded(&fixture, &input, &decided, &Identities::Plain);
        let credential = input.headers.all("authorization").next().unwrap_or(b"Bearer");
        prop_assert!(!line.contains(std::str::from_utf8(credential).unwrap()), "{}", line);
        prop_assert!(!line.contains("q=1") && !line.contains("mallory"), "{}", line);
    }
}
