//! Promise: a signature is verified once, and nothing that can change since is taken from then: the rule, the issuer's
//! configuration, its keys, revocations and the clock are looked at on every request.

use std::fs;
use std::time::Duration;

use gatepost_test_support::{Signer, TestIssuer, token, wait};
use serde_json::json;

use crate::revocation::message;
use crate::stand::{Config, POLICY, Stand, issuer};

/// How often a token was found among those that verified before, and how often not.
async fn lookups(stand: &Stand) -> (u64, u64) {
    let count = async |result| {
        stand.gatepost.metric(&format!("gatepost_known_token_lookups_total{{result=\"{result}\"}}")).await
    };
    (count("found").await, count("missed").await)
}

async fn becomes(stand: &Stand, token: &str, status: u16) {
    let answered = async || (stand.token(token).await.status == status).then_some(());
    let what = format!("the known token to be answered {status}");
    wait::within(Duration::from_secs(10), &what, answered).await.unwrap();
}

#[tokio::test]
async fn a_token_is_verified_once() {
    let stand = Stand::start().await;
    let [one, other] = ["1", "2"].map(|jti| stand.issuer.token().claim("jti", jti).mint());
    for (token, expected) in [(&one, (0, 1)), (&one, (1, 1)), (&other, (1, 2)), (&one, (2, 2))] {
        assert_eq!(stand.token(token).await.status, 200);
        assert_eq!(lookups(&stand).await, expected);
    }
    assert_eq!(stand.gatepost.metric("gatepost_known_tokens").await, 2);
}

#[tokio::test]
async fn refused_tokens_are_not_kept() {
    let stand = Stand::start().await;
    let good = || stand.issuer.token();
    for token in
        [good().forged_by(&Signer::generate("RS256")), good().claim("aud", "https://elsewhere.example")]
    {
        let token = token.mint();
        for _ in 0..2 {
            assert_eq!(stand.token(&token).await.status, 401);
        }
    }
    assert_eq!((lookups(&stand).await, stand.gatepost.metric("gatepost_known_tokens").await), ((0, 4), 0));
}

#[tokio::test]
async fn a_known_token_is_judged_by_the_policy_of_now() {
    let mut stand = Stand::start().await;
    let token = stand.issuer.token().mint();
    assert_eq!(stand.token(&token).await.status, 200);
    let tightened = POLICY.replace("scopes: [orders:read]", "scopes: [orders:audit]");
    stand.gatepost.edit(Config::trusting(stand.issuer.issuer()).policy(&tightened));
    becomes(&stand, &token, 403).await;
    assert_eq!(lookups(&stand).await.1, 1, "its signature is not verified again for that");
}

#[tokio::test]
async fn a_known_token_is_read_again_when_its_issuer_is_configured_otherwise() {
    let mut stand = Stand::start().await;
    let token = stand.issuer.token().mint();
    assert_eq!(stand.token(&token).await.status, 200);
    let identifier = stand.issuer.issuer();
    let changed =
        format!("issuers:\n  - {{ name: test, issuer: '{identifier}', audiences: [https://other.example] }}");
    stand.gatepost.edit(Config::of(&changed));
    becomes(&stand, &token, 401).await;
    assert!(stand.gatepost.checks("audience_mismatch").await > 0);
}

#[tokio::test]
async fn a_known_token_falls_with_its_key_and_survives_a_refresh_that_changes_nothing() {
    let test_issuer = TestIssuer::start().await.unwrap();
    let lines = issuer("test", test_issuer.issuer(), "keys: { refresh: 1s, cooldown: 1s }");
    let stand = Stand::ready(test_issuer, Config::of(&format!("issuers:\n{lines}"))).await;
    let token = stand.issuer.token().mint();
    assert_eq!(stand.token(&token).await.status, 200);
    let before = stand.issuer.jwks_requests();
    let refreshed = async || (stand.issuer.jwks_requests() >= before + 2).then_some(());
    wait::until("the keys to be read again", refreshed).await.unwrap();
    assert_eq!(stand.token(&token).await.status, 200);
    assert_eq!(lookups(&stand).await, (1, 1));
    stand.issuer.publish(&[&Signer::generate("ES256").kid("new")]);
    becomes(&stand, &token, 401).await;
}

#[tokio::test]
async fn a_known_token_expires() {
    let test_issuer = TestIssuer::start().await.unwrap();
    let entry = issuer("test", test_issuer.issuer(), "");
    let stand = Stand::ready(test_issuer, Config::of(&format!("issuers:\n{entry}"))).await;
    let token = stand.issuer.token().claim("exp", token::now() + 3).mint();
    assert_eq!(stand.token(&token).await.status, 200);
    becomes(&stand, &token, 401).await;
    assert_eq!(lookups(&stand).await.1, 1);
    assert!(stand.gatepost.checks("token_expired").await > 0);
}

#[tokio::test]
async fn a_known_token_that_is_revoked_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let feed = directory.path().join("revocations.jsonl");
    fs::write(&feed, "").unwrap();
    let test_issuer = TestIssuer::start().await.unwrap();
    let entry = issuer("test", test_issuer.issuer(), "");
    let revocation = format!("revocation:\n  feeds: [{{ name: file, file: '{}' }}]", feed.display());
    let config = Config::of(&format!("issuers:\n{entry}")).and(&revocation);
    let stand = Stand::ready(test_issuer, config).await;
    let token = stand.issuer.token().claim("jti", "j-1").mint();
    for _ in 0..2 {
        assert_eq!(stand.token(&token).await.status, 200);
    }
    let mark = message(stand.issuer.issuer(), "token", json!({ "jti": "j-1", "exp": token::now() + 3600 }));
    fs::write(&feed, format!("{mark}\n")).unwrap();
    becomes(&stand, &token, 401).await;
    assert_eq!(lookups(&stand).await.1, 1);
    assert!(stand.gatepost.checks("token_revoked").await > 0);
}

#[tokio::test]
async fn with_no_memory_for_them_every_token_is_verified() {
    let test_issuer = TestIssuer::start().await.unwrap();
    let config = Config::trusting(test_issuer.issuer()).and("check: { max_known_mib: 0 }");
    let stand = Stand::ready(test_issuer, config).await;
    let token = stand.issuer.token().mint();
    for _ in 0..2 {
        assert_eq!(stand.token(&token).await.status, 200);
    }
    assert_eq!(lookups(&stand).await, (0, 2));
}
