//! Promise: an issuer that fails is left alone for a while, one call finds out whether it is back, and what it
//! asks for in Retry-After it gets.

use std::time::Duration;

use futures_util::future::join_all;
use gatepost_test_support::Say;
use tokio::time::Instant;

use super::{assert_outage, scripted, until_calls, until_status, until_token};

#[tokio::test]
async fn failures_in_a_row_suspend_asking() {
    let (stand, _secrets) = scripted("limits: { failures: 3, suspend: 5m }").await;
    stand.issuer.calls_good("good");
    assert_eq!(stand.token("good").await.status, 200);
    stand.issuer.says_of_others(Say::status(500));
    for index in 0..10 {
        assert_outage(&stand.token(&format!("other-{index}")).await, "an endpoint that fails");
    }
    assert_eq!(stand.issuer.calls(), 1 + 3);
    assert_eq!(stand.gatepost.checks("introspection_unreachable").await, 3);
    assert_eq!(stand.gatepost.checks("introspection_suspended").await, 7);
    until_status(&stand, "breaker", "open").await;
    assert_eq!(stand.token("good").await.status, 200, "what is kept serves on");
}

#[tokio::test]
async fn one_call_finds_out_whether_the_issuer_is_back() {
    let (stand, _secrets) = scripted("limits: { failures: 1, suspend: 500ms }").await;
    stand.issuer.says_of_others(Say::status(500));
    assert_outage(&stand.token("first").await, "an endpoint that fails");
    stand.issuer.says_of_others(Say::Hang);
    until_status(&stand, "breaker", "half-open").await;
    let probe = stand.token("probe");
    let others = async {
        until_calls(&stand, 2).await;
        let answers = join_all((0..5).map(async |index| stand.token(&format!("other-{index}")).await)).await;
        assert_eq!(stand.issuer.calls(), 2, "only one call finds out");
        stand.issuer.calls_good("probe");
        answers
    };
    let (probe, others) = tokio::join!(probe, others);
    others.iter().for_each(|answer| assert_outage(answer, "while one call finds out"));
    assert_eq!(probe.status, 200);
    until_status(&stand, "breaker", "closed").await;
    stand.issuer.calls_good("later");
    assert_eq!(stand.token("later").await.status, 200);
}

#[tokio::test]
async fn a_probe_that_fails_suspends_again() {
    let (stand, _secrets) = scripted("limits: { failures: 1, suspend: 300ms }").await;
    stand.issuer.says_of_others(Say::status(500));
    assert_outage(&stand.token("first").await, "an endpoint that fails");
    until_status(&stand, "breaker", "half-open").await;
    assert_outage(&stand.token("second").await, "an endpoint that still fails");
    assert_eq!(stand.issuer.calls(), 2);
    stand.issuer.calls_good("third");
    until_token(&stand, "third", 200).await;
    assert_eq!(stand.issuer.calls(), 3);
    until_status(&stand, "breaker", "closed").await;
}

#[tokio::test]
async fn retry_after_is_obeyed() {
    for status in [429, 503] {
        let (stand, _secrets) = scripted("limits: { failures: 1000, suspend: 100ms }").await;
        stand.issuer.says_of_others(Say::status_with(status, &[("retry-after", "2")]));
        let asked = Instant::now();
        assert_outage(&stand.token("first").await, "an endpoint that asks for a pause");
        stand.issuer.calls_good("second");
        until_token(&stand, "second", 200).await;
        assert!(asked.elapsed() >= Duration::from_secs(2), "asked again after {:?}", asked.elapsed());
        assert_eq!(stand.issuer.calls(), 2);
        assert!(stand.gatepost.checks("introspection_suspended").await >= 1);
    }
}
