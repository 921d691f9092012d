//! `gatepost revoke`: what it says a revocation will hit, what it refuses, what it appends, and what it never shows.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use gatepost_test_support::{Signer, Token, token};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::sidecar::configuration;
use crate::snapshot::assert_shows;

const BEFORE: [&str; 2] = ["--before", "2023-11-14T22:13:20.9Z"];

const REVOCATION: &str = "
  - name: partner
    issuer: https://partner.example.com
    audiences: [orders]
    jwks_file: jwks.json
revocation:
  issuers:
    test: { max_token_lifetime: 36h, session_claim: session, grant_claim: grant_id }
  feeds:
    - { name: break-glass, file: revocations.jsonl }
";

const SIGNED: &str = "
    - name: hub
      redis: { url: 'rediss://redis.example.com:6379/0' }
      signed: { issuer: 'https://hub.example.com', jwks_file: jwks.json }
    - name: signals
      ssf_poll:
        transmitter: https://partner.example.com
        client: { id: gatepost, auth: client_secret_post, secret_file: secret }
    - { name: of partner, nats: { urls: ['tls://a.example.com', 'tls://b.example.com'] }, issuers: [partner] }
";

struct Desk(TempDir);

impl Desk {
    /// One with two issuers and a feed in a file, which is empty.
    fn new() -> Self {
        Self::with(REVOCATION)
    }

    fn with(more: &str) -> Self {
        let directory = configuration("unix:@none", "127.0.0.1:0");
        let file = directory.path().join("gatepost.yaml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text + more.trim_start_matches('\n')).unwrap();
        fs::write(directory.path().join("revocations.jsonl"), "").unwrap();
        Self(directory)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command.current_dir(self.0.path()).args(["revoke", "--config", "."]).args(arguments);
        command
    }

    fn revoke(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Standard output of a run that is good.
    fn good(&self, arguments: &[&str]) -> String {
        let output = self.revoke(arguments);
        assert_eq!((output.status.code(), &*text(&output.stderr)), (Some(0), ""), "{arguments:?}");
        text(&output.stdout)
    }

    /// Standard error of a run that is not, and that prints nothing else.
    fn bad(&self, arguments: &[&str]) -> String {
        let output = self.revoke(arguments);
        assert_eq!((output.status.code(), &*text(&output.stdout)), (Some(1), ""), "{arguments:?}");
        text(&output.stderr)
    }

    /// What `--output json` prints.
    fn report(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.good(&[arguments, &["--output", "json"]].concat())).unwrap()
    }

    fn hold(&self, token: &str) {
        fs::write(self.0.path().join("token"), format!("{token}\n")).unwrap();
    }

    fn feed(&self) -> String {
        fs::read_to_string(self.0.path().join("revocations.jsonl")).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const OF_TOKEN: [&str; 2] = ["--token-file", "token"];

/// Times that differ from run to run, in words and in seconds, become `NOW+…`.
fn without_times(text: &str) -> String {
    let now = token::now();
    let is_near = |seconds: i64| (now - 60..now + 400_000).contains(&seconds);
    let word = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let seconds = bare.parse().ok().or_else(|| Some(bare.parse::<jiff::Timestamp>().ok()?.as_second()));
        match seconds.filter(|seconds| is_near(*seconds)) {
            Some(seconds) => word.replace(bare, &format!("NOW+{}h", (seconds - now + 60) / 3600)),
            None => word.to_owned(),
        }
    };
    let is_end = |c: char| " ,}\n".contains(c);
    text.split_inclusive(is_end)
        .map(|part| match part.rsplit_once("\":") {
            Some((name, value)) if !value.is_empty() => format!("{name}\":{}", word(value)),
            _ => word(part),
        })
        .collect()
}

#[test]
fn shows_what_each_kind_will_hit() {
    let desk = Desk::new();
    let mut all = Vec::new();
    let mut show = |arguments: &[&str]| {
        let shown = desk.good(arguments);
        all.push(format!(
            "$ gatepost revoke --config . {}\n{}",
            arguments.join(" ").escape_debug(),
            without_times(&shown)
        ));
    };
    let of_test = ["--issuer", "test"];
    let timed = |target: &[&'static str]| [&of_test[..], target, &BEFORE].concat();
    show(&[&of_test[..], &["--jti", "4711"]].concat());
    show(&[&of_test[..], &["--session", "08a5019c"]].concat());
    show(&[&of_test[..], &["--grant", "g-17"]].concat());
    show(&["--issuer", "partner", "--grant", "g-17"]);
    show(&[&of_test[..], &["--key", "2026-11-a"]].concat());
    show(&timed(&["--subject", "alice\u{1b}[2J"]));
    show(&timed(&["--client", "shop"]));
    show(&timed(&["--all"]));
    show(&["--issuer", "partner", "--all"]);
    desk.hold(&Token::good().claim("jti", "4711").mint());
    show(&OF_TOKEN);
    desk.hold(&Token::good().at(1_700_000_000).claim("jti", "4711").mint());
    show(&OF_TOKEN);
    desk.hold("opaque-token-of-nobody");
    show(&OF_TOKEN);
    show(&["--issuer", "test", "--token-file", "token"]);
    assert_shows(&all.join("\n"), "revoke/shown.txt");
    assert_eq!(desk.feed(), "", "a dry run publishes");
}

#[test]
fn appends_a_message_that_sidecars_read_and_says_where() {
    let desk = Desk::new();
    let session = ["--issuer", "test", "--session", "08a5019c", "--yes"];
    assert!(desk.good(&session).ends_with("PUBLISHED to \"break-glass\" as line 1.\n"));
    let subject = [&["--issuer", "test", "--subject", "alice", "--yes"][..], &BEFORE].concat();
    let report = desk.report(&subject);
    assert_eq!((&report["published"], &report["receipt"]["place"]), (&json!(true), &json!("line 2")));
    let feed = desk.feed();
    let lines: Vec<Value> = feed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines[0]["kind"].as_str(), lines[0]["sid"].as_str()), (Some("session"), Some("08a5019c")));
    assert_eq!(lines[1], report["message"]);
    assert_eq!(lines[1]["at"], 1_700_000_000);
    assert!(lines.iter().all(|line| line["published"].as_f64().unwrap() >= 1_700_000_000.0));
}

#[test]
fn ends_a_line_that_another_writer_left_unfinished() {
    let desk = Desk::new();
    fs::write(desk.0.path().join("revocations.jsonl"), "{\"v\":1,\n{\"v\"").unwrap();
    let shown = desk.good(&["--issuer", "test", "--key", "a", "--yes"]);
    assert!(shown.ends_with("as line 3.\n"), "{shown}");
    assert_eq!(desk.feed().lines().nth(1), Some("{\"v\""));
    assert!(desk.feed().ends_with("}\n"));
}

#[test]
fn tells_machines_the_same() {
    let desk = Desk::new();
    let report = desk.report(&[&["--issuer", "test", "--all"][..], &BEFORE].concat());
    let place = report["feed"]["place"].as_str().unwrap();
    assert_eq!(report["published"], false);
    assert_eq!(report["mark"]["kind"], "issuer");
    assert_eq!(report["mark"]["issuer"], "test");
    assert_eq!(report["mark"]["issued_until"], "2023-11-14T22:13:20Z");
    assert_eq!(report["mark"]["kept_until"], "2023-11-16T10:13:20Z");
    assert!(report["warning"].as_str().unwrap().starts_with("EVERY CALLER"));
    assert!(report["remarks"][0].as_str().unwrap().contains("hits nothing"), "{report:#}");
    assert!(place.ends_with("/revocations.jsonl"), "{place}");
    assert!(report.get("receipt").is_none());
}

#[test]
fn never_shows_the_token() {
    let desk = Desk::new();
    let good = Token::good().claim("jti", "4711");
    let opaque = "an-opaque-token-that-nobody-must-see".to_owned();
    let broken = Token::good().mint().replacen('.', ".*", 1);
    let tokens = [
        good.clone().mint(),
        good.claim("exp", 1).mint(),
        opaque.clone(),
        Token::good().without("jti").mint(),
        Token::good().claim("iss", "https://elsewhere.example.com").mint(),
        broken,
        format!("Bearer {opaque}"),
    ];
    for token in tokens {
        desk.hold(&token);
        let secret = token.rsplit('.').next().unwrap();
        for more in [&[][..], &["--yes"], &["--output", "json"], &["--by-digest"]] {
            let output = desk.revoke(&[&OF_TOKEN[..], more].concat());
            let shown = text(&[output.stdout, output.stderr].concat());
            assert!(!shown.contains(secret) && !shown.contains(&token), "{shown}");
        }
        assert!(!desk.feed().contains(secret));
    }
}

#[test]
fn reads_a_token_from_standard_input() {
    let desk = Desk::new();
    let mut command = desk.command(&["--token-file", "-", "--yes"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let token = Token::good().claim("jti", "from standard input").mint();
    child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(desk.feed().contains("\"jti\":\"from standard input\""), "{}", desk.feed());
}

/// An ECDSA signature can be rewritten without its key, and an RSA one can't.
#[test]
fn takes_the_digest_of_a_jwt_only_where_its_holder_cannot_change_it() {
    let desk = Desk::new();
    let nameless = Token::good().without("jti");
    for (algorithm, code) in [("ES256", 1), ("RS256", 0), ("PS256", 0), ("Ed25519", 0)] {
        desk.hold(&nameless.clone().signed_by(&Signer::shared(algorithm)).mint());
        let output = desk.revoke(&[&OF_TOKEN[..], &["--by-digest"]].concat());
        assert_eq!(output.status.code(), Some(code), "{algorithm}: {output:?}");
    }
}

#[test]
fn says_why_a_token_cannot_be_revoked_by_itself_and_what_to_do() {
    let desk = Desk::new();
    let why = |token: &str, more: &[&str], expected: &str| {
        desk.hold(token);
        let text = desk.bad(&[&OF_TOKEN[..], more].concat());
        assert!(text.contains(expected), "{expected}\n{text}");
    };
    let good = Token::good().claim("jti", "4711");
    let nameless = Token::good().without("jti").claim("session", "08a5").claim("sub", "alice").mint();
    why(&nameless, &[], "--session '08a5', or --subject 'alice', or --by-digest");
    why(&good.clone().claim("jti", 7).mint(), &[], "jti");
    why(&good.clone().claim("exp", "soon").mint(), &[], "exp");
    why(&good.clone().without("iss").mint(), &[], "no `iss`");
    let foreign = good.clone().claim("iss", "https://elsewhere.example.com").mint();
    why(&foreign, &[], "of https://elsewhere.example.com, which is no issuer here (test, partner)");
    why(&good.mint(), &["--issuer", "partner"], "of \"test\", and --issuer says \"partner\"");
    why("", &[], "not one token");
    why("one two", &[], "not one token");
    why("Bearer one", &[], "without `Bearer`");
    let missing = desk.bad(&["--token-file", "nowhere"]);
    assert!(missing.contains("nowhere: No such file"), "{missing}");
}

#[test]
fn says_which_issuers_and_feeds_there_are() {
    let desk = Desk::new();
    for (arguments, expected) in [
        (&["--jti", "a"][..], "--issuer: say whose tokens: test, partner"),
        (&["--jti", "a", "--issuer", "tset"], "--issuer: \"tset\" is none of test, partner"),
        (
            &["--jti", "a", "--issuer", "test", "--feed", "x"],
            "--feed: \"x\" is none of these:\n  \"break-glass\"",
        ),
        (&["--jti", "", "--issuer", "test"], "jti is missing or malformed"),
        (
            &["--all", "--issuer", "test", "--before", "2999-01-01T00:00:00Z"],
            "--before: lies more than five minutes ahead",
        ),
        (&["--jti", "a", "--issuer", "test", "--password-file", "p"], "of kind file, which takes none"),
    ] {
        let text = desk.bad(arguments);
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let without = Desk::with("");
    assert!(without.bad(&["--jti", "a"]).contains("no `revocation`"));
}

#[test]
fn publishes_only_where_it_would_count() {
    let desk = Desk::with(&format!("{REVOCATION}{}", SIGNED.trim_start_matches('\n')));
    fs::write(desk.0.path().join("secret"), "s3cret").unwrap();
    let of_test = ["--issuer", "test", "--jti", "a"];
    assert!(desk.good(&of_test).contains("\"break-glass\": file "), "the only one for this issuer");
    for (feed, expected) in [
        (
            "hub",
            "(Redis stream revocations at rediss://redis.example.com:6379/0): its messages must be signed",
        ),
        ("signals", "only its transmitter can put events into it"),
        (
            "of partner",
            "(NATS stream REVOCATIONS at tls://a.example.com, tls://b.example.com): its `issuers`",
        ),
    ] {
        let text = desk.bad(&[&of_test[..], &["--feed", feed, "--yes"]].concat());
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let text = desk.bad(&["--issuer", "partner", "--jti", "a"]);
    assert!(text.contains("--feed: say which:\n  \"break-glass\""), "{text}");
    assert!(text.contains("-- not this one: its messages must be signed"), "{text}");
    let shown = desk.good(&["--issuer", "partner", "--jti", "a", "--feed", "of partner"]);
    assert!(shown.contains("NOT PUBLISHED"), "{shown}");
}

#[test]
fn says_that_nothing_was_published_where_the_file_is_not_there() {
    let desk = Desk::new();
    fs::remove_file(desk.0.path().join("revocations.jsonl")).unwrap();
    let arguments = ["--issuer", "test", "--jti", "a", "--yes", "--output", "json"];
    let text = desk.bad(&arguments);
    assert!(
        text.contains("NOT KNOWN TO BE PUBLISHED") && text.contains("revocations.jsonl: No such"),
        "{text}"
    );
    assert!(!desk.0.path().join("revocations.jsonl").exists());
}

#[test]
fn takes_exactly_one_target_and_no_token_as_an_argument() {
    let desk = Desk::new();
    for arguments in [
        &[][..],
        &["--jti", "a", "--session", "b"],
        &["--all", "--subject", "a"],
        &["--key", "a", "--before", BEFORE[1]],
        &["--jti", "a", "--by-digest"],
        &["--token", "a"],
        &["a"],
        &["--all", "--before", "yesterday"],
    ] {
        let output = desk.revoke(&[&["--issuer", "test"][..], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
