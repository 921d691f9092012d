//! Promise: what has been revoked is explained as such, once the feeds have been read; and when they were not, it is
//! said.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use gatepost_test_support::{Token, token};
use serde_json::json;
use tempfile::TempDir;

use super::{ORDERS, explain, request, text};
use crate::sidecar::configuration;

/// A configuration with a feed from the file `revocations.jsonl`, which has these lines, and with these settings.
fn with_feed(lines: Option<&str>, settings: &str) -> TempDir {
    let directory = configuration("unix:@none", "127.0.0.1:0");
    let path = directory.path().join("gatepost.yaml");
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    let section = "revocation:\n  feeds: [{ name: break-glass, file: revocations.jsonl }]\n";
    writeln!(file, "{section}{settings}").unwrap();
    if let Some(lines) = lines {
        fs::write(directory.path().join("revocations.jsonl"), lines).unwrap();
    }
    directory
}

/// The exit status and what is said of this token.
fn explained(directory: &TempDir, token: &Token) -> (Option<i32>, String) {
    let authorization = format!("authorization: Bearer {}", token.mint());
    let output = explain(directory, &request(ORDERS, &authorization));
    (output.status.code(), text(&output))
}

#[test]
fn says_which_kind_of_revocation_fits_a_token_and_that_none_fits_another() {
    let revoked = json!({ "v": 1, "kind": "session", "iss": Token::ISSUER, "sid": "s1", "at": token::now() });
    // Enough that they are not read before anybody asks.
    let others = (0..20_000).map(|number| {
        let exp = token::now() + 300;
        json!({ "v": 1, "kind": "token", "iss": Token::ISSUER, "jti": number.to_string(), "exp": exp })
    });
    let lines: String = others.chain([revoked]).map(|line| format!("{line}\n")).collect();
    let directory = with_feed(Some(&lines), "");
    let (code, text) = explained(&directory, &Token::good().claim("sid", "s1"));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("revocation     DENY  a revocation by session fits it"), "{text}");
    assert!(text.contains("DENY 401 token_revoked"), "{text}");
    let (code, text) = explained(&directory, &Token::good().claim("sid", "s2"));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("revocation     ok    none of 20001 revocations fits it\n"), "{text}");
}

#[test]
fn says_that_a_feed_was_not_read_and_why() {
    for (settings, code, outcome) in [("", 0, "ALLOW"), ("  when_stale: deny\n", 2, "CANNOT TELL")] {
        let directory = with_feed(None, &format!("{settings}  catch_up: {{ deadline: 1s }}"));
        let (exit, text) = explained(&directory, &Token::good());
        assert_eq!(exit, Some(code), "{text}");
        assert!(text.contains(outcome), "{text}");
        let unread = "the revocations of feed \"break-glass\" could not all be read within 1s: ";
        assert!(text.contains(unread) && text.contains("No such file"), "{text}");
    }
}
