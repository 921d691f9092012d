//! The audit log against its promises: whole lines, bounds, hostile bytes, and a disk that fails.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::check::Decided;
use crate::check::decision::{Decision, Denial, DenyReason};
use crate::check::input::{CheckInput, Headers};
use crate::check::issuer::Issuers;
use crate::check::policy::Reads;
use crate::check::record::{Recorder, token_digest};
use crate::check::trail::Stages;
use crate::config::AuditFile;
use crate::suspicion::{Held, Kind};
use crate::telemetry::metrics::Metrics;

fn record_of(input: &CheckInput) -> Record {
    let denial = Denial { reason: DenyReason::NoRule, rule: None, hints: None };
    let recorder = Recorder {
        input,
        decided: &Decided::from(Decision::Deny(denial)),
        stages: Stages::default(),
        tried: &[],
        issuers: &Issuers::default(),
        reads: &Reads::default(),
        identities: &Identities::Plain,
        now: UnixTime::from_millis(0),
        generation: 7,
        called: None,
    };
    recorder.record()
}

fn record(path: &str) -> Record {
    record_of(&CheckInput { method: "GET".into(), target: path.into(), ..CheckInput::default() })
}

fn take(audit: &Audit, path: &str) {
    audit.take(UnixTime::from_millis(0), u32::MAX, || record(path));
}

/// Runs the writer until `state` holds.
async fn until(writer: &mut std::pin::Pin<Box<impl Future<Output = ()>>>, state: impl Fn() -> bool) {
    let reached = async {
        while !state() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = writer => unreachable!("it runs for ever"),
        () = reached => {}
        () = tokio::time::sleep(Duration::from_secs(30)) => panic!("not within half a minute"),
    }
}

fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("log/audit.jsonl")
}

fn to(path: &Path, max_bytes: u64, keep: u32) -> AuditDestination {
    AuditDestination::File(AuditFile { path: path.to_owned(), max_bytes, keep })
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is whole");
    let paths = text.lines().map(|line| serde_json::from_str::<Record>(line).unwrap().request.path);
    paths.collect()
}

#[tokio::test]
async fn a_file_has_every_line_and_only_its_owner_may_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory);
    let (audit, writer) = audit(&Metrics::new(), to(&path, 1 << 20, 1));
    take(&audit, "/a?access_token=secret");
    take(&audit, "/b\nforged\u{2028}");
    let mut writer = Box::pin(writer.run());
    until(&mut writer, || audit.is_written()).await;
    assert_eq!(lines(&path), ["/a", "/b\nforged\u{2028}"]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(audit.status().lines[0], ("written", 2));

    // A file that was there, and that others could read.
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::rename(&path, directory.path().join("moved")).unwrap();
    std::fs::rename(directory.path().join("moved"), &path).unwrap();
    std::fs::copy(&path, directory.path().join("other")).unwrap();
    std::fs::rename(directory.path().join("other"), &path).unwrap();
    take(&audit, "/c");
    until(&mut writer, || audit.is_written()).await;
    assert_eq!((lines(&path), mode(&path)), (vec!["/c".to_owned()], 0o600));
}

#[tokio::test]
async fn a_file_that_is_long_enough_is_continued_by_another_and_so_many_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory);
    let length = serde_json::to_string(&record("/00")).unwrap().len() as u64 + 1;
    let (audit, writer) = audit(&Metrics::new(), to(&path, 10 * length, 2));
    let mut writer = Box::pin(writer.run());
    for number in 0..45 {
        take(&audit, &format!("/{number:02}"));
    }
    until(&mut writer, || audit.is_written()).await;
    let numbered = |number: u32| PathBuf::from(format!("{}.{number}", path.display()));
    let all: Vec<_> = [numbered(2), numbered(1), path.clone()].iter().flat_map(|path| lines(path)).collect();
    let expected: Vec<_> = (20..45).map(|number| format!("/{number:02}")).collect();
    assert_eq!(all, expected);
    assert_eq!([lines(&numbered(1)).len(), lines(&path).len()], [10, 5]);
    assert!(!numbered(3).exists());

    audit.send_to(&to(&path, length, 0));
    (0..3).for_each(|_| take(&audit, "/xx"));
    until(&mut writer, || audit.is_written()).await;
    assert_eq!(lines(&path), ["/xx"], "none are kept");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_counted_and_no_line_that_was_taken_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let metrics = Metrics::new();
    let (audit, writer) = audit(&metrics, to(&path, 1 << 20, 1));
    let mut writer = Box::pin(writer.run());
    take(&audit, "/while it is full");
    let count = |result| metrics.audit().count(result);
    until(&mut writer, || count(AuditResult::Retried) >= 2).await;
    assert!(!audit.is_written() && count(AuditResult::Written) == 0);
    assert!(audit.status().last_error.unwrap().contains("audit.jsonl: No space left on device"));
    for _ in 0..=QUEUE {
        take(&audit, "/many");
    }
    assert_eq!(count(AuditResult::Dropped), 1, "the queue is full, and nobody waits");

    std::fs::remove_file(&path).unwrap();
    until(&mut writer, || audit.is_written()).await;
    let written = lines(&path);
    assert_eq!((written[0].as_str(), written.len()), ("/while it is full", 1 + QUEUE));
    assert_eq!(audit.status().last_error, None);
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_was_removed_is_made_again_as_soon_as_it_can_be() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory);
    let parent = path.parent().unwrap();
    let (audit, writer) = audit(&Metrics::new(), to(&path, 1 << 20, 1));
    let mut writer = Box::pin(writer.run());
    take(&audit, "/before");
    until(&mut writer, || audit.is_written()).await;
    std::fs::remove_dir_all(parent).unwrap();
    take(&audit, "/after");
    until(&mut writer, || audit.is_written()).await;
    assert_eq!(lines(&path), ["/after"]);

    std::fs::remove_dir_all(parent).unwrap();
    std::fs::write(parent, "in the way").unwrap();
    take(&audit, "/later");
    until(&mut writer, || audit.status().last_error.is_some()).await;
    std::fs::remove_file(parent).unwrap();
    until(&mut writer, || audit.is_written()).await;
    assert_eq!(lines(&path), ["/later"]);
}

#[test]
fn a_full_queue_drops_and_counts() {
    let metrics = Metrics::new();
    let (audit, writer) = audit(&metrics, AuditDestination::Stdout);
    for _ in 0..=QUEUE {
        take(&audit, "/");
    }
    assert!(metrics.render().contains("gatepost_audit_lines_total{result=\"dropped\"} 1\n"));
    assert_eq!(audit.status().waiting, QUEUE);
    drop(writer);
}

#[tokio::test]
async fn events_have_room_of_their_own_and_name_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory);
    let (audit, writer) = audit(&Metrics::new(), to(&path, 1 << 20, 1));
    let now = UnixTime::from_seconds(1_795_435_260);
    audit.take(now, 1, || record("/"));
    let digest = token_digest("token");
    let held = Held { issuer: "corp".into(), client: Some("web".into()), subject: Some("alice".into()) };
    let event = Suspicion {
        kind: Kind::SharedToken,
        token: Some(digest.clone()),
        holder: Some(held),
        rule: Some("read".into()),
        source: Some([192, 0, 2, 7].into()),
        count: 12,
        window: Duration::from_secs(60),
    };
    let hashed = Identities::hashed(&[1; 32]);
    audit.event(now, 1, &event, &hashed);
    audit.event(now, 1, &event, &hashed);
    let mut writer = Box::pin(writer.run());
    until(&mut writer, || audit.is_written()).await;
    let text = std::fs::read_to_string(&path).unwrap();
    let line: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(line["type_uid"], 200_401);
    assert_eq!(line["finding_info"]["types"][0], "shared_token");
    assert_eq!(line["evidences"][0]["actor"]["session"]["credential_uid"], digest.as_str());
    assert_eq!(line["evidences"][0]["actor"]["user"]["uid"], hashed.shown("alice").as_str());
    assert!(!text.contains("alice") && !text.contains("web"), "{text}");
    assert_eq!((text.lines().count(), audit.status().lines[1]), (2, ("left_out", 1)));
}

#[test]
fn whatever_bytes_a_request_has_its_line_is_one_object_on_one_line() {
    use proptest::prelude::*;
    let text = || {
        let odd = prop::sample::select(vec![
            "\n",
            "\r",
            "\u{0}",
            "\u{1b}[2J",
            "\u{7f}",
            "\u{85}",
            "\u{9b}",
            "\u{2028}",
            "\u{2029}",
            "\u{202e}",
            "\"",
            "\\",
            "{",
            "}",
            "é",
            "\u{fffd}",
            "/",
            "a",
            "%0a",
        ]);
        prop::collection::vec(odd, 0..12).prop_map(|parts| parts.concat())
    };
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    let values = (text(), text(), text(), bytes(), bytes(), bytes());
    let mut runner = proptest::test_runner::TestRunner::default();
    let tried = runner.run(&values, |(method, host, target, credential, id, trace)| {
        let headers: Headers = [("authorization", credential), ("x-request-id", id), ("traceparent", trace)]
            .into_iter()
            .collect();
        let input = CheckInput { method, host, target, headers, source: None, certificate: None };
        let record = record_of(&input);
        let line = on_one_line(serde_json::to_string(&record).unwrap());
        let text = line.strip_suffix('\n').unwrap();
        let is_raw =
            |its: char| its.is_control() || matches!(its, '\u{2028}' | '\u{2029}') || is_directional(its);
        prop_assert!(!text.contains(is_raw), "{text:?}");
        prop_assert_eq!(serde_json::from_str::<Record>(text).unwrap(), record);
        prop_assert!(serde_json::from_str::<Value>(text).unwrap().is_object());
        Ok(())
    });
    tried.unwrap();
}
