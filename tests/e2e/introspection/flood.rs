//! Promise: a client that invents tokens makes us ask no more than its share, takes no memory that others need,
//! and pushes out no answer about a good token.

use futures_util::future::join_all;
use gatepost_test_support::Process;
use tokio::time::Instant;

use super::{Scripted, scripted, status};

/// Resident memory in KiB.
fn memory(process: &Process) -> i64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Sends so many invented tokens, and counts the answers: 401, 429, 503.
async fn flood(stand: &Scripted, count: usize) -> [usize; 3] {
    let mut counts = [0; 3];
    let tokens: Vec<_> = (0..count).map(|index| format!("invented-{index:032x}")).collect();
    for chunk in tokens.chunks(50) {
        for answer in join_all(chunk.iter().map(|token| stand.token(token))).await {
            let place = [401, 429, 503].iter().position(|status| *status == answer.status);
            counts[place.unwrap_or_else(|| unreachable!("answered {}", answer.status))] += 1;
        }
    }
    counts
}

const MIB: i64 = 1024;

// I3
#[tokio::test]
async fn ten_thousand_invented_tokens_cost_the_issuer_no_more_than_the_limits() {
    const FLOOD: usize = 10_000;
    let (stand, _secrets) =
        scripted("cache: { active: 5m }\nlimits: { burst_per_source: 20, per_second_per_source: 5 }").await;
    stand.issuer.calls_good("good");
    assert_eq!(stand.token("good").await.status, 200);
    let (before, started) = (memory(&stand.gatepost.process), Instant::now());
    let [refused, too_many, outages] = flood(&stand, FLOOD).await;
    let allowed = 20 + 5 * (started.elapsed().as_secs() as usize + 1);
    let (calls, grown) = (stand.issuer.calls() - 1, memory(&stand.gatepost.process) - before);
    eprintln!("{FLOOD} invented tokens: {calls} calls of {allowed} allowed, {grown} KiB more");
    assert!(calls <= allowed, "{calls} calls, {allowed} allowed");
    assert!(grown < 40 * MIB, "{grown} KiB more");
    assert_eq!((refused, outages), (calls, 0), "those that were asked about are refused");
    assert_eq!(refused + too_many, FLOOD);
    assert_eq!(stand.token("good").await.status, 200);
    assert_eq!((stand.issuer.calls_about("good"), stand.upstream.requests()), (1, 2));
    assert_eq!(stand.gatepost.checks("too_many_unknown_tokens").await, too_many as u64);
}

// I3; Athenz' negative cache
#[tokio::test]
async fn inactive_answers_have_a_cache_of_their_own_and_bounded() {
    const FLOOD: usize = 4000;
    let (stand, _secrets) = scripted(
        "cache: { active: 5m, inactive: 10s, max_mib: 1 }\n\
         limits: { burst_per_source: 100000, per_second_per_source: 100000, in_flight: 1000 }",
    )
    .await;
    stand.issuer.calls_good("good");
    assert_eq!(stand.token("good").await.status, 200);
    let before = memory(&stand.gatepost.process);
    assert_eq!(flood(&stand, FLOOD).await, [FLOOD, 0, 0]);
    let grown = memory(&stand.gatepost.process) - before;
    assert!(grown < 40 * MIB, "{grown} KiB more");
    let kept = status(&stand).await["answers_kept"].as_u64().unwrap();
    // A quarter of 1 MiB, at no less than 256 bytes each, and the good one.
    assert!(kept <= 1025, "{kept} answers are kept");
    assert_eq!(stand.token("good").await.status, 200);
    assert_eq!((stand.issuer.calls_about("good"), stand.issuer.calls()), (1, FLOOD + 1));
}

// I3
#[tokio::test]
async fn an_invented_token_is_asked_about_once_in_a_while() {
    let (stand, _secrets) = scripted("cache: { inactive: 10s }").await;
    for _ in 0..50 {
        assert_eq!(stand.token("invented").await.status, 401);
    }
    // Ten seconds may pass on a very busy machine.
    assert!(stand.issuer.calls() <= 2, "{} calls", stand.issuer.calls());
    assert_eq!(stand.gatepost.checks("too_many_unknown_tokens").await, 0);
}

// I3
#[tokio::test]
async fn a_client_with_good_tokens_is_not_limited() {
    let (stand, _secrets) =
        scripted("limits: { burst_per_source: 2, per_second_per_source: 1 }\ncache: { active: 0s }").await;
    for index in 0..20 {
        let token = format!("good-{index}");
        stand.issuer.calls_good(&token);
        assert_eq!(stand.token(&token).await.status, 200, "{token}");
    }
}
