//! Promise: asked to stop, gatepost answers the checks it has, takes no new ones, and is gone within its
//! deadline although Envoy keeps its connection open.

use std::time::Duration;

use gatepost_test_support::{Endpoint, EnvoyConfig, Reply, Signer, TestIssuer, wait};
use tokio::net::UnixStream;
use tokio::time::Instant;

use crate::stand::{Config, Stand, orders};

/// A stand whose checks may take ten seconds, and which may take `drain` to stop.
async fn patient(drain: &str) -> Stand {
    let issuer = TestIssuer::start().await.unwrap();
    let lines = format!("check: {{ deadline: 10s }}\nshutdown: {{ deadline: {drain} }}");
    let config = Config::trusting(issuer.issuer()).and(&lines);
    let envoy = EnvoyConfig::shipped().unwrap().replace(" timeout: 1s\n", " timeout: 15s\n").unwrap();
    let mut stand = Stand::behind(envoy, issuer, config).await;
    stand.gatepost.ready().await;
    stand
}

#[tokio::test]
async fn a_check_in_flight_is_answered_and_no_new_one_is_taken() {
    let mut stand = patient("10s").await;
    let new = Signer::generate("ES256").kid("new");
    stand.issuer.publish(&[&new]);
    stand.issuer.reply(Endpoint::Jwks, Reply::Hang);
    let request = orders().bearer(&stand.issuer.token().signed_by(&new).mint());
    let socket = stand.gatepost.socket();
    let (answer, ()) = tokio::join!(stand.envoy.send(request), async {
        let asked = async || (stand.issuer.jwks_requests() == 2).then_some(());
        wait::until("the check to wait for the issuer", asked).await.unwrap();
        stand.gatepost.process.ask_to_end().unwrap();
        let closed = async || UnixStream::connect(&socket).await.is_err().then_some(());
        wait::until("new connections to be refused", closed).await.unwrap();
        let page = stand.gatepost.page("/readyz").await;
        assert_eq!((page.status, page.text().trim()), (503, "stopping"));
        stand.issuer.reply(Endpoint::Jwks, Reply::Truth);
    });
    assert_eq!(answer.unwrap().status, 200, "the check in flight");
    let status = stand.gatepost.process.exit(Duration::from_secs(5)).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(stand.send(orders()).await.status, 503, "Envoy without gatepost");
    assert!(!socket.exists(), "the socket file is left behind");
}

#[tokio::test]
async fn without_checks_in_flight_it_goes_at_once_though_envoy_is_connected() {
    let mut stand = patient("10s").await;
    assert_eq!(stand.token(&stand.issuer.token().mint()).await.status, 200);
    let started = Instant::now();
    let status = stand.gatepost.process.terminate(Duration::from_secs(15)).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_check_that_never_ends_does_not_keep_it_past_its_deadline_and_is_not_let_through() {
    let mut stand = patient("1s").await;
    stand.issuer.reply(Endpoint::Jwks, Reply::Hang);
    let request = orders().bearer(&stand.issuer.token().signed_by(&Signer::generate("ES256")).mint());
    let (answer, took) = tokio::join!(stand.envoy.send(request), async {
        let asked = async || (stand.issuer.jwks_requests() == 2).then_some(());
        wait::until("the check to wait for the issuer", asked).await.unwrap();
        let started = Instant::now();
        let status = stand.gatepost.process.terminate(Duration::from_secs(8)).await.unwrap();
        assert_eq!(status.code(), Some(0));
        started.elapsed()
    });
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!((answer.unwrap().status, stand.upstream.requests()), (503, 0));
}
