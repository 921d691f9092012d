//! Promise: an edit costs nothing that it is not about. Issuers that stay keep their keys and answers; one that
//! goes is refused at the next check, one that comes is trusted at its first token.

use gatepost_test_support::{Endpoint, IntrospectionServer, Reply, Signer, TestIssuer, Token, wait};
use serde_json::json;
use tokio::task::JoinSet;

use super::{APPLIED, config_status, logged, policy_with_scope, stand, until_generation};
use crate::introspection::{SECRET, Secrets, config_with};
use crate::stand::{Config, POLICY, Stand, issuer};

/// Its keys are read at the start, and then only when somebody asks.
const RARELY: &str = "keys: { refresh: 12h }";

fn trusting(issuers: &[(&str, &TestIssuer, &str)]) -> Config {
    let entries: String =
        issuers.iter().map(|(name, its, lines)| issuer(name, its.issuer(), lines)).collect();
    Config::of(&format!("issuers:\n{entries}"))
}

/// A stand with one issuer, `first`.
async fn with_first() -> Stand {
    let first = TestIssuer::start().await.unwrap();
    let config = trusting(&[("first", &first, RARELY)]);
    stand(first, config).await
}

fn for_audience(entry: &str, audience: &str) -> String {
    let edited = entry.replace(Token::AUDIENCE, audience);
    assert_ne!(edited, entry);
    edited
}

#[tokio::test]
async fn keys_survive_edits_that_are_not_about_them() {
    let mut stand = with_first().await;
    let token = stand.issuer.token().mint();
    assert_eq!(stand.token(&token).await.status, 200);
    let more = [
        "",
        "\nleeway: 9s",
        "\noptional: true",
        "\nkeys: { refresh: 11h }",
        "\nmandatory_claims: [exp, sub]",
    ];
    for (index, line) in more.into_iter().enumerate() {
        let lines = if line.contains("keys:") { line.to_owned() } else { format!("{RARELY}{line}") };
        let policy = format!("{POLICY}# {index}\n");
        stand.gatepost.edit(trusting(&[("first", &stand.issuer, &lines)]).policy(&policy));
        until_generation(&stand, index as u64 + 2).await;
        assert_eq!(stand.token(&token).await.status, 200, "{line}");
    }
    assert_eq!((stand.issuer.jwks_requests(), stand.issuer.metadata_requests()), (1, 1));
    let new = Signer::generate("ES256").kid("new");
    stand.issuer.publish(&[&new]);
    let rotated = stand.issuer.token().signed_by(&new).mint();
    assert_eq!(stand.token(&rotated).await.status, 200, "a source that inherited its keys reads new ones");
    assert_eq!(stand.issuer.jwks_requests(), 2);
}

#[tokio::test]
async fn answers_survive_edits_that_are_not_about_them_and_only_those() {
    let server = IntrospectionServer::start().await.unwrap();
    let secrets = Secrets::with(SECRET);
    let config = |its: &IntrospectionServer, lines: &str| {
        config_with(its.issuer(), RARELY, &format!("{}\n{lines}", secrets.basic()))
    };
    let first = config(&server, "cache: { active: 5m }");
    let mut stand = crate::introspection::stand(server, first).await;
    stand.issuer.calls_good("token");
    assert_eq!(stand.token("token").await.status, 200);
    let edited = config(&stand.issuer, "cache: { active: 5m }").policy(&policy_with_scope("orders:audit"));
    stand.gatepost.edit(edited);
    until_generation(&stand, 2).await;
    assert_eq!(stand.token("token").await.status, 403, "the kept answer, and the new policy");
    assert_eq!(stand.issuer.calls(), 1);
    let edited = config(&stand.issuer, "cache: { active: 4m }");
    stand.gatepost.edit(edited);
    until_generation(&stand, 3).await;
    assert_eq!(stand.token("token").await.status, 200);
    assert_eq!(stand.issuer.calls(), 2, "an answer to the old configuration does not serve the new one");
}

#[tokio::test]
async fn an_issuer_that_is_removed_is_refused_and_one_that_is_added_works_at_its_first_token() {
    let mut stand = with_first().await;
    let second = TestIssuer::start().await.unwrap();
    second.publish(&[&Signer::shared("ES256")]);
    let old = stand.issuer.token().mint();
    let new = second.token().signed_by(&Signer::shared("ES256")).mint();
    assert_eq!((stand.token(&old).await.status, stand.token(&new).await.status), (200, 401));
    stand.gatepost.edit(trusting(&[("second", &second, "")]));
    until_generation(&stand, 2).await;
    assert_eq!((stand.token(&new).await.status, stand.token(&old).await.status), (200, 401));
    let line = &logged(&stand, APPLIED)[0];
    assert_eq!((&line["issuers_added"], &line["issuers_removed"]), (&json!("second"), &json!("first")));
    let shown = stand.gatepost.status().await["issuers"].clone();
    assert_eq!((shown.as_array().unwrap().len(), &shown[0]["name"]), (1, &json!("second")));
    let metrics = stand.gatepost.page("/metrics").await.text();
    assert!(metrics.contains("gatepost_jwks_keys{issuer=\"second\"}"));
    assert!(!metrics.contains("gatepost_jwks_keys{issuer=\"first\"}"), "nobody is to be alarmed about it");
    let asked = stand.issuer.jwks_requests();
    stand.gatepost.edit(trusting(&[("first", &stand.issuer, ""), ("second", &second, "")]));
    until_generation(&stand, 3).await;
    assert_eq!((stand.token(&old).await.status, stand.token(&new).await.status), (200, 200));
    assert_eq!((stand.issuer.jwks_requests(), second.jwks_requests()), (asked + 1, 1));
}

#[tokio::test]
async fn the_first_tokens_of_an_added_issuer_wait_for_its_keys() {
    let mut stand = with_first().await;
    let slow = TestIssuer::start().await.unwrap();
    slow.reply(Endpoint::Jwks, Reply::Hang);
    stand.gatepost.edit(
        trusting(&[("first", &stand.issuer, RARELY), ("slow", &slow, "keys: { timeout: 30s }")])
            .and("check: { deadline: 15s }"),
    );
    until_generation(&stand, 2).await;
    let token = slow.token().mint();
    let (answer, ()) = tokio::join!(stand.token(&token), async {
        let asked = async || (slow.jwks_requests() == 1).then_some(());
        wait::until("the first reading", asked).await.unwrap();
        assert_eq!(stand.token(&stand.issuer.token().mint()).await.status, 200, "others do not wait");
        slow.reply(Endpoint::Jwks, Reply::Truth);
    });
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn other_audiences_take_hold_at_the_next_check() {
    let mut stand = with_first().await;
    let (old, new) = (stand.issuer.token(), stand.issuer.token().claim("aud", "https://elsewhere.example"));
    let (old, new) = (old.mint(), new.mint());
    assert_eq!((stand.token(&old).await.status, stand.token(&new).await.status), (200, 401));
    let entry = for_audience(&issuer("first", stand.issuer.issuer(), RARELY), "https://elsewhere.example");
    stand.gatepost.edit(Config::of(&format!("issuers:\n{entry}")));
    until_generation(&stand, 2).await;
    assert_eq!((stand.token(&old).await.status, stand.token(&new).await.status), (401, 200));
    assert_eq!(logged(&stand, APPLIED)[0]["issuers_changed"], json!("first"));
    assert_eq!(stand.issuer.jwks_requests(), 1);
}

#[tokio::test]
async fn a_check_that_waits_for_an_issuer_ends_with_the_generation_it_began_with() {
    let mut stand = with_first().await;
    let other = TestIssuer::start().await.unwrap();
    let new = Signer::generate("ES256").kid("new");
    stand.issuer.publish(&[&new]);
    stand.issuer.reply(Endpoint::Jwks, Reply::Hang);
    let token = stand.issuer.token().signed_by(&new).mint();
    let request = crate::stand::orders().bearer(&token);
    let address = stand.envoy.address();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move { request.send(address).await.unwrap().status });
    let asked = async || (stand.issuer.jwks_requests() == 2).then_some(());
    wait::until("the check to wait", asked).await.unwrap();
    stand.gatepost.edit(trusting(&[("other", &other, "")]));
    until_generation(&stand, 2).await;
    assert_eq!(stand.token(&token).await.status, 401, "a new check knows the issuer no more");
    stand.issuer.reply(Endpoint::Jwks, Reply::Truth);
    assert_eq!(waiting.join_all().await, [200], "the old one is neither dropped nor refused");
    assert_eq!(stand.token(&token).await.status, 401);
}

#[tokio::test]
async fn an_added_issuer_that_is_down_takes_nobody_out_of_service() {
    let mut stand = with_first().await;
    let down = TestIssuer::down().unwrap();
    stand.gatepost.edit(trusting(&[("first", &stand.issuer, RARELY), ("down", &down, "")]));
    until_generation(&stand, 2).await;
    assert_eq!(stand.token(&down.token().mint()).await.status, 503);
    assert_eq!(stand.gatepost.page("/readyz").await.status, 200);
    assert_eq!(stand.token(&stand.issuer.token().mint()).await.status, 200);
    assert_eq!(config_status(&stand).await["problems"], json!([]));
}
