//! What can be relied on, and for how long: heartbeats, several feeds, issuers that a feed has no say over.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gatepost::check::revocation::Target;
use gatepost::clock::Clock;
use gatepost::config::{FeedOrigin, RevocationSettings, WhenLate};
use gatepost::sources::{Refusal, RevocationSources};
use gatepost::telemetry::metrics::RevocationMetrics;
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

fn heartbeat(published: i64) -> String {
    json!({ "v": 1, "kind": "heartbeat", "published": published }).to_string()
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
    // One that was kept on the way or is sent again, one from a clock that is far ahead, and one that says nothing.
    append(&path, r#"{"v":1,"kind":"heartbeat","published":1700000000}"#);
    append(&path, &heartbeat(token::now() + 3600));
    append(&path, r#"{"v":1,"kind":"heartbeat"}"#);
    stand.until("three heartbeats", |stand| stand.status().heartbeats == 3).await;
    assert!(stand.status().silent_for.unwrap() > Duration::from_secs(1), "none of them is a sign of life");
    append(&path, &heartbeat(token::now()));
    stand.until("freshness", |stand| !stand.revocations.are_stale()).await;
    assert_eq!(stand.status().heartbeats, 4);
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
async fn a_time_far_ahead_revokes_what_is_there_and_tells_that_a_clock_is_wrong() {
    let directory = TempDir::new().unwrap();
    let ahead = |kind: &str, name: &str, value: &str| {
        revoking(json!({ "kind": kind, name: value, "at": token::now() + 7200 })).to_string()
    };
    // Of a session no time matters.
    let path = file(directory.path(), "feed", &[ahead("session", "sid", "s1")]);
    let stand = Stand::follow(settings(vec![feed("ahead", FeedOrigin::File(path.clone()))]));
    stand.until("freshness", |stand| !stand.revocations.are_stale()).await;
    append(&path, &ahead("subject", "sub", "alice"));
    stand.until("staleness", |stand| stand.revocations.are_stale()).await;
    assert_eq!(stand.status().refused.get(&Refusal::Ahead), Some(&1));
    let alice = Target::Subject { issuer: ISSUER, subject: "alice" }.fingerprint();
    let issued = |later: i64| Some(gatepost::jose::UnixTime::from_seconds(token::now() + later));
    let index = stand.revocations.index();
    assert!(index.revokes(alice, issued(0)) && !index.revokes(alice, issued(3600)));
    let session = Target::Session { issuer: ISSUER, sid: "s1" }.fingerprint();
    assert!(index.revokes(session, issued(3600)));
}

#[tokio::test]
async fn what_a_feed_missed_is_still_missed_when_the_configuration_is_edited() {
    let directory = TempDir::new().unwrap();
    let path = file(directory.path(), "feed", &[message("a"), message("b")]);
    let small =
        RevocationSettings { max_marks: 1, ..settings(vec![feed("small", FeedOrigin::File(path.clone()))]) };
    let large = RevocationSettings { max_marks: 10, ..small.clone() };
    let metrics = RevocationMetrics::default();
    let sources = |former, settings| {
        RevocationSources::succeed(former, Some(settings), Clock::System, &metrics).unwrap()
    };
    let before = sources(None, small);
    let stand = Stand::of(Arc::clone(before.revocations()));
    stand.until("the loss", |stand| stand.status().refused.contains_key(&Refusal::Full)).await;
    let after = sources(Some(&before), large);
    let stand = Stand::of(Arc::clone(after.revocations()));
    stand.until_revoked("a").await;
    stand.until_revoked("b").await;
    stand.until_caught_up().await;
    stand.until("staleness", |stand| stand.revocations.are_stale()).await;
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
