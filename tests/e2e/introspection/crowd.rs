//! Promise: however many checks wait for one token, it is asked about once, and a check that is given up takes
//! nothing from the others.

use futures_util::future::join_all;
use gatepost_test_support::{Say, wait};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::{scripted, status, until_calls, until_status};
use crate::stand::HOST;

// I6
#[tokio::test]
async fn a_thousand_checks_of_one_cold_token_make_one_call() {
    const CHECKS: usize = 1000;
    let (stand, _secrets) = scripted("").await;
    stand.issuer.says("cold", Say::Hang);
    let checks = join_all((0..CHECKS).map(|_| stand.token("cold")));
    let release = async {
        until_calls(&stand, 1).await;
        // All of them wait for that call.
        until_status(&stand, "calls_saved", CHECKS as u64 - 1).await;
        stand.issuer.calls_good("cold");
    };
    let (answers, ()) = tokio::join!(checks, release);
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((passed, stand.issuer.calls()), (CHECKS, 1));
    let status = status(&stand).await;
    assert_eq!((&status["calls"], &status["calls_saved"]), (&json!(1), &json!(CHECKS - 1)));
    assert_eq!(status["hit_ratio"], json!(0.999));
    let coalesced = r#"gatepost_introspection_saved_total{issuer="test",result="coalesced"}"#;
    assert_eq!(stand.gatepost.metric(coalesced).await, CHECKS as u64 - 1);
}

// I6
#[tokio::test]
async fn an_outage_is_shared_too() {
    let (stand, _secrets) = scripted("limits: { failures: 1000 }").await;
    stand.issuer.says("cold", Say::Hang);
    let checks = join_all((0..100).map(|_| stand.token("cold")));
    let release = async {
        until_status(&stand, "calls_saved", 99).await;
        stand.issuer.says("cold", Say::status(500));
    };
    let (answers, ()) = tokio::join!(checks, release);
    assert!(answers.iter().all(|answer| answer.status == 503));
    assert_eq!((stand.issuer.calls(), stand.upstream.requests()), (1, 0));
}

// I6: moka#240
#[tokio::test]
async fn a_client_that_goes_away_does_not_cancel_the_call() {
    let (stand, _secrets) = scripted("").await;
    stand.issuer.says("cold", Say::Hang);
    let mut client = TcpStream::connect(stand.envoy.address()).await.unwrap();
    let request = format!("GET /orders/7 HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer cold\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    until_calls(&stand, 1).await;
    drop(client);
    let gone = async || {
        let active = stand.envoy.stat("http.inbound.downstream_rq_active").await.unwrap();
        (active == 0).then_some(())
    };
    wait::until("the end of the request in Envoy", gone).await.unwrap();
    let joined = stand.token("cold");
    let release = async {
        until_status(&stand, "calls_saved", 1).await;
        stand.issuer.calls_good("cold");
    };
    let (answer, ()) = tokio::join!(joined, release);
    assert_eq!((answer.status, stand.issuer.calls()), (200, 1));
}

// CVE-2026-71326
#[tokio::test]
async fn each_of_many_tokens_gets_its_own_answer() {
    let (stand, _secrets) = scripted("limits: { burst_per_source: 1000 }").await;
    let tokens: Vec<_> = (0..60).map(|index| format!("token-{index}")).collect();
    for token in &tokens {
        stand.issuer.says(token, Say::Json(stand.issuer.active_with(&[("sub", json!(token))])));
    }
    for _ in 0..2 {
        let answers =
            join_all(tokens.iter().flat_map(|token| [stand.token(token), stand.token(token)])).await;
        for (answer, token) in answers.iter().zip(tokens.iter().flat_map(|token| [token, token])) {
            assert_eq!(answer.status, 200);
            assert_eq!(crate::stand::seen(answer, "x-subject"), [token.as_str()]);
        }
    }
    assert_eq!(stand.issuer.calls(), tokens.len());
}

#[tokio::test]
async fn calls_in_flight_are_bounded() {
    let (stand, _secrets) = scripted("limits: { in_flight: 2 }").await;
    for token in ["a", "b", "c"] {
        stand.issuer.says(token, Say::Hang);
    }
    let waiting = async { tokio::join!(stand.token("a"), stand.token("b")) };
    let third = async {
        until_calls(&stand, 2).await;
        let answer = stand.token("c").await;
        for token in ["a", "b", "c"] {
            stand.issuer.calls_good(token);
        }
        answer
    };
    let ((first, second), third) = tokio::join!(waiting, third);
    super::assert_outage(&third, "the third");
    assert_eq!((first.status, second.status, stand.issuer.calls()), (200, 200, 2));
    assert_eq!(stand.gatepost.checks("introspection_saturated").await, 1);
    assert_eq!(stand.token("c").await.status, 200);
}
