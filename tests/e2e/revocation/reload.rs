//! Promise: an edit of the configuration forgets no revocation and takes no feed for stale that is not.

use std::sync::atomic::{AtomicBool, Ordering};

use gatepost_test_support::{IntrospectionServer, wait};
use serde_json::json;

use super::{Feed, Revoking, assert_revoked, config, of_token, one};
use crate::introspection::{SECRET, Secrets, stand};

async fn edit(stand: &mut Revoking, secrets: &Secrets, lines: &str) {
    let before = stand.gatepost.status().await["config"]["generation"].as_u64().unwrap();
    let config = config(&stand.issuer, secrets, lines);
    stand.gatepost.edit(config);
    let applied = async || {
        let status = stand.gatepost.status().await;
        (status["config"]["generation"] == json!(before + 1)).then_some(())
    };
    wait::until("the next generation", applied).await.unwrap();
}

#[tokio::test]
async fn feeds_that_are_replaced_are_not_forgotten_before_the_new_ones_were_read() {
    let (old, mut new) = (Feed::file(), Feed::redis().await);
    let issuer = IntrospectionServer::start().await.unwrap();
    let secrets = Secrets::with(SECRET);
    let lines = one(&old);
    let first = config(&issuer, &secrets, &lines);
    let mut stand = stand(issuer, first).await;
    let (revoked, good) = (stand.with_jti("revoked").mint(), stand.with_jti("good").mint());
    assert_eq!(stand.token(&revoked).await.status, 200);
    old.publish(&of_token(stand.issuer.issuer(), "revoked")).await;
    stand.until_refused(&revoked).await;

    new.publish(&of_token(stand.issuer.issuer(), "revoked")).await;
    new.kill();
    // Twice: the feeds of the first edit were never read when the second comes.
    for stale_after in ["5s", "6s"] {
        edit(&mut stand, &secrets, &format!("{}stale_after: {stale_after}", one(&new))).await;
        assert_revoked(&stand.token(&revoked).await, "while the new feed is away");
        assert_eq!(stand.token(&good).await.status, 200);
    }
    assert_eq!(stand.gatepost.page("/readyz").await.status, 200);
    new.restart().await;
    stand.until_applied(0, 1).await;
    assert_revoked(&stand.token(&revoked).await, "by the new feed");
    assert_eq!(stand.token(&good).await.status, 200);
}

#[tokio::test]
async fn an_edit_makes_no_fresh_feed_stale() {
    let feed = Feed::redis().await;
    let issuer = IntrospectionServer::start().await.unwrap();
    let secrets = Secrets::with(SECRET);
    let lines = |stale_after: u32| format!("{}when_stale: deny\nstale_after: {stale_after}s", one(&feed));
    let first = config(&issuer, &secrets, &lines(10));
    let mut stand = stand(issuer, first).await;
    stand.until_stale(false).await;
    let token = stand.with_jti("good").mint();
    let envoy = stand.envoy.address();
    let done = AtomicBool::new(false);
    let asking = async {
        let mut statuses = Vec::new();
        while !done.load(Ordering::Relaxed) {
            let answer = crate::stand::orders().bearer(&token).send(envoy).await.unwrap();
            statuses.push(answer.status);
        }
        statuses
    };
    let editing = async {
        for seconds in 11..14 {
            edit(&mut stand, &secrets, &lines(seconds)).await;
            stand.until_stale(false).await;
        }
        done.store(true, Ordering::Relaxed);
    };
    let (statuses, ()) = tokio::join!(asking, editing);
    assert!(!statuses.is_empty() && statuses.iter().all(|status| *status == 200), "{statuses:?}");
}

#[tokio::test]
async fn new_feeds_that_stay_away_become_stale() {
    let (old, mut new) = (Feed::file(), Feed::redis().await);
    new.kill();
    let issuer = IntrospectionServer::start().await.unwrap();
    let secrets = Secrets::with(SECRET);
    let first = config(&issuer, &secrets, &one(&old));
    let mut stand = stand(issuer, first).await;
    stand.until_stale(false).await;
    edit(&mut stand, &secrets, &format!("{}stale_after: 1s", one(&new))).await;
    stand.until_stale(true).await;
    new.restart().await;
    stand.until_stale(false).await;
}

#[tokio::test]
async fn a_section_that_is_taken_out_and_put_back_takes_hold_each_time() {
    let feed = Feed::file();
    let issuer = IntrospectionServer::start().await.unwrap();
    let secrets = Secrets::with(SECRET);
    let first = config(&issuer, &secrets, &one(&feed));
    let mut stand = stand(issuer, first).await;
    feed.publish(&of_token(stand.issuer.issuer(), "one")).await;
    let token = stand.with_jti("one").mint();
    stand.until_refused(&token).await;
    let introspection = format!("{}\ncache: {{ active: 5m }}", secrets.basic());
    stand.gatepost.edit(crate::introspection::config(stand.issuer.issuer(), &introspection));
    crate::introspection::until_token(&stand, &token, 200).await;
    assert_eq!(stand.revocations().await, json!(null));
    assert_eq!(stand.gatepost.metric("gatepost_revocation_stale").await, 0);
    edit(&mut stand, &secrets, &one(&feed)).await;
    stand.until_refused(&token).await;
}
