//! A file that others append to, rotate and truncate.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use gatepost::config::FeedOrigin;
use tempfile::TempDir;

use crate::stand::{Stand, feed, malformed, message, settings};

struct Feed(TempDir);

impl Feed {
    fn new() -> Self {
        let feed = Self(TempDir::new().unwrap());
        File::create(feed.path()).unwrap();
        feed
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("revocations.jsonl")
    }

    fn origin(&self) -> FeedOrigin {
        FeedOrigin::File(self.path())
    }

    fn append(&self, text: impl AsRef<[u8]>) {
        let mut file = OpenOptions::new().append(true).open(self.path()).unwrap();
        file.write_all(text.as_ref()).unwrap();
    }

    fn revoke(&self, jti: &str) {
        self.append(format!("{}\n", message(jti)));
    }
}

#[tokio::test]
async fn reads_what_is_there_and_then_what_is_appended() {
    let feed = Feed::new();
    feed.revoke("before");
    let stand = Stand::caught_up_with(feed.origin()).await;
    assert!(stand.revokes("before"));
    assert!(!stand.revokes("after"));
    feed.revoke("after");
    stand.until_revoked("after").await;
    assert!(!stand.revokes("other"));
}

#[tokio::test]
async fn a_line_counts_when_it_is_whole() {
    let feed = Feed::new();
    let stand = Stand::caught_up_with(feed.origin()).await;
    let text = message("slow");
    let (one, other) = text.split_at(20);
    feed.append(one);
    feed.append(other);
    assert!(!stand.revokes("slow"));
    feed.append("\n");
    stand.until_revoked("slow").await;
    assert!(stand.status().refused.is_empty());
}

#[tokio::test]
async fn follows_through_rotation_and_loses_no_last_line_of_the_old_file() {
    let feed = Feed::new();
    let stand = Stand::caught_up_with(feed.origin()).await;
    for round in 0..20 {
        feed.revoke(&format!("last {round}"));
        fs::rename(feed.path(), feed.0.path().join(format!("old.{round}"))).unwrap();
        fs::write(feed.path(), format!("{}\n", message(&format!("first {round}")))).unwrap();
        stand.until_revoked(&format!("first {round}")).await;
        stand.until_revoked(&format!("last {round}")).await;
    }
}

#[tokio::test]
async fn reads_a_file_again_that_was_written_anew_whatever_its_length() {
    let feed = Feed::new();
    feed.revoke("one");
    feed.revoke("two");
    let stand = Stand::caught_up_with(feed.origin()).await;
    // Shorter, longer, and as long as what was read.
    for names in [&["three"][..], &["four", "five", "six", "seven"], &["also", "nine", "more", "eight"]] {
        let text: String = names.iter().map(|jti| format!("{}\n", message(jti))).collect();
        fs::write(feed.path(), text).unwrap();
        stand.until_all_revoked(names.iter().map(|jti| (*jti).to_owned())).await;
    }
    assert!(stand.revokes("one"), "what was revoked stays so");
}

#[tokio::test]
async fn malformed_lines_are_counted_and_stop_nothing() {
    let feed = Feed::new();
    let stand = Stand::caught_up_with(feed.origin()).await;
    let lines = malformed();
    for line in &lines {
        feed.append(line);
        feed.append("\n");
    }
    feed.append("\n\r\n  \n");
    feed.revoke("good");
    stand.until_revoked("good").await;
    assert_eq!(stand.status().refused.values().sum::<u64>(), lines.len() as u64);
    assert_eq!(stand.revocations.index().len(), 1);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_a_lost_feed_and_comes_back() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("late.jsonl");
    let stand = Stand::follow(settings(vec![feed("late", FeedOrigin::File(path.clone()))]));
    stand.until("a complaint", |stand| stand.status().last_error.is_some()).await;
    assert!(!stand.revocations.are_ready());
    assert!(stand.revocations.are_stale());
    fs::write(&path, format!("{}\n", message("a"))).unwrap();
    stand.until_revoked("a").await;
    stand.until_caught_up().await;
    assert!(stand.revocations.are_ready());
    fs::remove_file(&path).unwrap();
    stand.until("the loss", |stand| stand.status().last_error.is_some()).await;
    fs::write(&path, format!("{}\n", message("b"))).unwrap();
    stand.until_revoked("b").await;
}

#[tokio::test]
async fn reads_a_great_many_lines() {
    let feed = Feed::new();
    let text: String = (0..100_000).map(|number| format!("{}\n", message(&number.to_string()))).collect();
    fs::write(feed.path(), text).unwrap();
    let stand = Stand::caught_up_with(feed.origin()).await;
    assert_eq!(stand.count(), 100_000);
}
