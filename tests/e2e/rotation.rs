//! Promise: a key rotated in is accepted at its first use, one that is removed is refused after one refresh at
//! most, and unknown key ids cannot be used to flood the issuer.

use std::time::Duration;

use gatepost_test_support::{Endpoint, Reply, Signer, TestIssuer, token, wait};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::stand::{Config, Stand, issuer, orders};

/// Whose keys are read again each second.
async fn refreshed_each_second() -> Stand {
    let issuer = TestIssuer::start().await.unwrap();
    let lines = "keys: { refresh: 1s, cooldown: 1s }";
    let config = Config::of(&format!("issuers:\n{}", crate::stand::issuer("test", issuer.issuer(), lines)));
    Stand::ready(issuer, config).await
}

/// Waits for this many more requests for the keys.
async fn asked_again(stand: &Stand, times: u64) {
    let before = stand.issuer.jwks_requests();
    let asked = async || (stand.issuer.jwks_requests() >= before + times).then_some(());
    wait::until("the keys to be asked for again", asked).await.unwrap();
}

#[tokio::test]
async fn a_new_key_works_at_its_first_use() {
    let stand = Stand::start().await;
    let new = Signer::generate("ES256").kid("new");
    stand.issuer.publish(&[&Signer::shared("RS256"), &new]);
    assert_eq!(stand.token(&stand.issuer.token().signed_by(&new).mint()).await.status, 200);
    assert_eq!(stand.token(&stand.issuer.token().mint()).await.status, 200);
    assert_eq!(stand.issuer.jwks_requests(), 2, "once at the start, and once for the new key");
}

#[tokio::test]
async fn many_first_uses_of_a_new_key_are_one_question() {
    let stand = Stand::start().await;
    let new = Signer::generate("ES256").kid("new");
    stand.issuer.publish(&[&new]);
    let address = stand.envoy.address();
    let mut requests = JoinSet::new();
    for _ in 0..200 {
        let request = orders().bearer(&stand.issuer.token().signed_by(&new).mint());
        requests.spawn(async move { request.send(address).await.unwrap().status });
    }
    assert_eq!(requests.join_all().await, [200; 200]);
    assert_eq!(stand.issuer.jwks_requests(), 2);
}

// coreos/go-oidc#482, envoyproxy/envoy#36458
#[tokio::test]
async fn a_thousand_invented_key_ids_are_a_few_questions() {
    let stand = Stand::start().await;
    let address = stand.envoy.address();
    let started = Instant::now();
    let mut requests = JoinSet::new();
    for n in 0..1000 {
        let forged = stand.issuer.token().header("kid", format!("invented-{n}")).signature([n as u8; 256]);
        let request = orders().bearer(&forged.mint());
        requests.spawn(async move { request.send(address).await.unwrap().status });
    }
    let answers = requests.join_all().await;
    // Where the machine is too slow for a thousand at once, some are told to come again.
    assert!(answers.iter().all(|status| [401, 503].contains(status)), "{answers:?}");
    assert!(answers.contains(&401) && stand.gatepost.checks("key_unknown").await > 0);
    let cooldowns = started.elapsed().as_secs() / 5;
    // The first reading, a burst of four, and one each cooldown.
    assert!(stand.issuer.jwks_requests() <= 5 + cooldowns, "{} questions", stand.issuer.jwks_requests());
    assert_eq!(stand.upstream.requests(), 0);
    assert_eq!(stand.token(&stand.issuer.token().mint()).await.status, 200);
}

// dadrus/heimdall#3056
#[tokio::test]
async fn tokens_without_a_key_id_and_hopeless_tokens_ask_nobody() {
    let stand = Stand::start().await;
    let good = || stand.issuer.token();
    for hopeless in [
        good().without_header("kid"),
        good().without_header("kid").forged_by(&Signer::generate("RS256")),
        good().header("kid", "invented").claim("exp", 1),
        good().header("kid", "invented").claim("iss", "https://elsewhere.example"),
        good().header("kid", "invented").header("typ", "JWT"),
        good().header("kid", "invented").alg("none"),
        good().header("kid", "invented").header("crit", json!(["x"])),
    ] {
        stand.token(&hopeless.mint()).await;
    }
    assert_eq!(stand.issuer.jwks_requests(), 1);
}

#[tokio::test]
async fn a_key_that_is_removed_is_refused_after_a_refresh() {
    let stand = refreshed_each_second().await;
    let old = stand.issuer.token().mint();
    assert_eq!(stand.token(&old).await.status, 200);
    stand.issuer.publish(&[&Signer::generate("ES256").kid("new")]);
    let refused = async || (stand.token(&old).await.status == 401).then_some(());
    wait::within(Duration::from_secs(5), "the removed key to be refused", refused).await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_replaced_under_its_kid_is_followed_after_a_refresh() {
    let stand = refreshed_each_second().await;
    let (old, new) = (Signer::shared("RS256"), Signer::generate("RS256").kid("RS256"));
    let by = |signer: &Signer| stand.issuer.token().signed_by(signer).mint();
    assert_eq!(stand.token(&by(&new)).await.status, 401);
    stand.issuer.publish(&[&new]);
    let followed = async || (stand.token(&by(&new)).await.status == 200).then_some(());
    wait::within(Duration::from_secs(5), "the new key under the old kid", followed).await.unwrap();
    assert_eq!(stand.token(&by(&old)).await.status, 401);
}

#[tokio::test]
async fn a_refresh_that_fails_keeps_the_last_good_keys() {
    let stand = refreshed_each_second().await;
    let good = stand.issuer.token().mint();
    for reply in [
        Reply::Status(500),
        Reply::Body("<!doctype html>".into()),
        Reply::Body(r#"{"keys":[]}"#.into()),
        Reply::Redirect("http://127.0.0.1:1/".into()),
    ] {
        stand.issuer.reply(Endpoint::Jwks, reply.clone());
        asked_again(&stand, 2).await;
        assert_eq!(stand.token(&good).await.status, 200, "{reply:?}");
        let status = stand.gatepost.status().await;
        assert!(status["issuers"][0]["last_error"].is_string(), "{reply:?}: {status:#}");
        assert_eq!(status["issuers"][0]["key_ids"], json!(["RS256"]), "{reply:?}");
    }
}

// Where no key has an id, a signature that no known key made is as likely invented as made by a new key, so it
// is no reason to ask.
#[tokio::test]
async fn a_new_key_without_an_id_works_after_a_refresh() {
    let stand = refreshed_each_second().await;
    let new = Signer::generate("RS256").without_kid();
    stand.issuer.publish(&[&new]);
    let token = stand.issuer.token().signed_by(&new).mint();
    let passes = async || (stand.token(&token).await.status == 200).then_some(());
    wait::within(Duration::from_secs(5), "the new key to be known", passes).await.unwrap();
}

#[tokio::test]
async fn an_invented_key_id_does_not_hold_up_the_new_keys_of_two_rotations() {
    let stand = Stand::start().await;
    let forged = stand.issuer.token().header("kid", "invented").signature([0; 256]).mint();
    assert_eq!(stand.token(&forged).await.status, 401);
    for kid in ["first", "second"] {
        let new = Signer::generate("ES256").kid(kid);
        stand.issuer.publish(&[&new]);
        let token = stand.issuer.token().signed_by(&new).mint();
        assert_eq!(stand.token(&token).await.status, 200, "{kid}");
    }
}

#[tokio::test]
async fn a_spray_of_invented_key_ids_holds_up_a_new_key_for_the_cooldown_at_most() {
    let stand = Stand::start().await;
    let invented = async || {
        let forged = stand.issuer.token().header("kid", "invented").signature([0; 256]).mint();
        stand.token(&forged).await.status
    };
    for _ in 0..8 {
        assert_eq!(invented().await, 401);
    }
    let new = Signer::generate("ES256").kid("new");
    stand.issuer.publish(&[&new]);
    let token = stand.issuer.token().signed_by(&new).mint();
    let passes = async || {
        invented().await;
        (stand.token(&token).await.status == 200).then_some(())
    };
    wait::within(Duration::from_secs(8), "the new key among invented ones", passes).await.unwrap();
    assert!(stand.issuer.jwks_requests() <= 7, "{} questions", stand.issuer.jwks_requests());
}

// J12
#[tokio::test]
async fn one_bad_key_costs_only_itself() {
    let stand = refreshed_each_second().await;
    let mut set = token::jwks([&Signer::shared("RS256"), &Signer::shared("ES256")]);
    let mut weak = Signer::shared("PS256").jwk();
    weak["e"] = "AQ".into();
    let strangers = [
        weak,
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "tomorrow" }),
        json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "shared" }),
        json!(7),
    ];
    set["keys"].as_array_mut().unwrap().extend(strangers);
    stand.issuer.publish_jwks(&set);
    let known = async || {
        (stand.gatepost.status().await["issuers"][0]["key_ids"] == json!(["RS256", "ES256"])).then_some(())
    };
    wait::until("the new set", known).await.unwrap();
    for (name, expected) in [("RS256", 200), ("ES256", 200), ("PS256", 401)] {
        let token = stand.issuer.token().signed_by(&Signer::shared(name));
        assert_eq!(stand.token(&token.mint()).await.status, expected, "{name}");
    }
    let secret = stand.issuer.token().hs256("secret").header("kid", "shared");
    assert_eq!(stand.token(&secret.mint()).await.status, 401);
    let skipped = stand.gatepost.status().await["issuers"][0]["skipped_keys"].clone();
    assert_eq!(skipped.as_array().map(Vec::len), Some(4), "{skipped}");
}

#[tokio::test]
async fn keys_that_did_not_change_are_not_sent_again() {
    let issuer = TestIssuer::start().await.unwrap();
    issuer.etag(true);
    let lines = "keys: { refresh: 1s, cooldown: 1s }";
    let config = Config::of(&format!("issuers:\n{}", crate::stand::issuer("test", issuer.issuer(), lines)));
    let stand = Stand::ready(issuer, config).await;
    let spared = async || (stand.issuer.not_modified() >= 2).then_some(());
    wait::until("two answers of 304", spared).await.unwrap();
    assert_eq!(stand.token(&stand.issuer.token().mint()).await.status, 200);
    let status = stand.gatepost.status().await;
    assert_eq!(status["issuers"][0]["last_error"], Value::Null);
    assert!(status["issuers"][0]["keys_age_seconds"].as_u64().unwrap() <= 2, "confirmed is as good as read");
    let new = Signer::generate("ES256").kid("new");
    stand.issuer.publish(&[&new]);
    let followed = async || {
        (stand.token(&stand.issuer.token().signed_by(&new).mint()).await.status == 200).then_some(())
    };
    wait::until("the new key in spite of the ETag", followed).await.unwrap();
}

#[tokio::test]
async fn keys_from_a_configured_place_need_no_metadata() {
    let test = TestIssuer::start().await.unwrap();
    test.reply(Endpoint::Metadata, Reply::Status(404));
    let lines = format!("jwks_uri: {}", test.jwks_uri());
    let config = Config::of(&format!("issuers:\n{}", issuer("test", test.issuer(), &lines)));
    let stand = Stand::ready(test, config).await;
    assert_eq!(stand.token(&stand.issuer.token().mint()).await.status, 200);
    assert_eq!(stand.issuer.metadata_requests(), 0);
}
