//! What can be relied on, and for how long: heartbeats, several feeds, issuers that a feed has no say over.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatepost::check::revocation::Target;
use gatepost::config::{FeedOrigin, RevocationSettings, WhenLate};
use gatepost::sources::Refusal;
use gatepost_test_support::token;
use serde_json::json;
use tempfile::TempDir;

use crate::stand::{ISSUER, Stand, feed, message, revoking, settings};

fn file(directory: &Path, name: &str, lines: &[String]) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    path
}

fn append(path: &Path, line: &str) {
    writeln!(OpenOptions::new().append(true).open(path).unwrap(), "{line}").unwrap();
}

#[tokio::test]
async fn a_writer_that_should_send_heartbeats_and_does_not_is_dead() {
    let directory = TempDir::new().unwrap();
    let path = file(directory.path(), "feed", &[]);
    let mut feed = feed("beating", FeedOrigin::File(path.clone()));
    feed.heartbeats = true;
    let stand =
        Stand::follow(RevocationSettings { stale_after: Duration::from_secs(1), ..settings(vec![feed]) });
    stand.until_caught_up().await;
    // The file is there and can be read all the while.
    stand.until("staleness", |stand| stand.revocations.are_stale()).await;
    append(&path, r#"{"v":1,"kind":"heartbeat","published":1700000000}"#);
    stand.until("freshness", |stand| !stand.revocations.are_stale()).await;
    assert_eq!(stand.status().heartbeats, 1);
    stand.until("staleness again", |stand| stand.revocations.are_stale()).await;
}

#[tokio::test]
async fn two_feeds_that_disagree_in_order_come_to_the_same() {
    let directory = TempDir::new().unwrap();
    let at = |seconds: i64| {
        revoking(json!({ "kind": "subject", "sub": "alice", "at": token::now() - seconds })).to_string()
    };
    let (early, late) = (at(600), at(60));
    let one = file(directory.path(), "one", &[early.clone(), late.clone(), message("a"), message("b")]);
    let other = file(directory.path(), "other", &[message("b"), late, message("a"), early]);
    let stand = Stand::follow(settings(vec![
        feed("one", FeedOrigin::File(one)),
        feed("other", FeedOrigin::File(other)),
    ]));
    stand.until_caught_up().await;
    let alice = Target::Subject { issuer: ISSUER, subject: "alice" }.fingerprint();
    let issued = |ago: i64| Some(gatepost::jose::UnixTime::from_seconds(token::now() - ago));
    let index = stand.revocations.index();
    assert!(index.revokes(alice, issued(300)), "the later mark holds whichever came last");
    assert!(!index.revokes(alice, issued(10)));
    assert_eq!((index.len(), stand.count()), (3, 2));
}

#[tokio::test]
async fn one_dead_feed_among_two_makes_them_stale() {
    let directory = TempDir::new().unwrap();
    let one = file(directory.path(), "one", &[message("a")]);
    let missing = directory.path().join("missing");
    let stand = Stand::follow(settings(vec![
        feed("one", FeedOrigin::File(one)),
        feed("missing", FeedOrigin::File(missing.clone())),
    ]));
    stand.until_revoked("a").await;
    assert!(stand.revocations.are_stale());
    assert!(!stand.revocations.have_caught_up());
    fs::write(missing, "").unwrap();
    stand.until("freshness", |stand| !stand.revocations.are_stale()).await;
}

#[tokio::test]
async fn waits_for_the_first_complete_reading_only_as_long_as_it_should() {
    let directory = TempDir::new().unwrap();
    for (when_late, ready) in [(WhenLate::Serve, true), (WhenLate::Wait, false)] {
        let missing = FeedOrigin::File(directory.path().join("missing"));
        let stand = Stand::follow(RevocationSettings {
            catch_up_deadline: Duration::from_millis(200),
            when_late,
            ..settings(vec![feed("missing", missing)])
        });
        assert!(!stand.revocations.are_ready());
        stand.until("several tries", |stand| stand.status().last_error.is_some()).await;
        let waited = gatepost_test_support::wait::within(Duration::from_secs(1), "readiness", async || {
            stand.revocations.are_ready().then_some(())
        });
        assert_eq!(waited.await.is_ok(), ready);
        assert!(stand.revocations.are_stale());
    }
}

#[tokio::test]
async fn a_feed_has_no_say_over_the_tokens_of_other_issuers() {
    let directory = TempDir::new().unwrap();
    let path = file(directory.path(), "feed", &[message("a")]);
    let mut limited = feed("limited", FeedOrigin::File(path.clone()));
    limited.issuers = Some(vec!["https://other.example.com".to_owned()]);
    let stand = Stand::follow(settings(vec![limited]));
    stand.until_caught_up().await;
    assert!(!stand.revokes("a"));
    assert_eq!(stand.status().refused.get(&Refusal::OtherIssuer), Some(&1));
}

#[tokio::test]
async fn marks_without_room_make_everything_stale() {
    let directory = TempDir::new().unwrap();
    let path = file(directory.path(), "feed", &[message("a"), message("b")]);
    let stand = Stand::follow(RevocationSettings {
        max_marks: 2,
        ..settings(vec![feed("small", FeedOrigin::File(path.clone()))])
    });
    stand.until("freshness", |stand| !stand.revocations.are_stale()).await;
    append(&path, &message("c"));
    stand.until("staleness", |stand| stand.revocations.are_stale()).await;
    assert_eq!(stand.status().refused.get(&Refusal::Full), Some(&1));
}
