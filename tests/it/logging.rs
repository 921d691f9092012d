//! The log of `gatepost serve`: text where standard error is a terminal, JSON where it is not, or what was asked for.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::sidecar::configuration;

/// Serves in a terminal of its own, or with its standard error in a pipe, until it has said the first line; prints
/// what it said.
const SERVE: &str = "
import os, pty, signal, subprocess, sys
where, *command = sys.argv[1:]
near, far = pty.openpty() if where == 'terminal' else os.pipe()
# Nobody writes the log into the near end.
process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=far)
os.close(far)
said = b''
while b'\\n' not in said:
    part = os.read(near, 65536)
    if not part:
        break
    said += part
process.send_signal(signal.SIGTERM)
process.wait()
sys.stdout.buffer.write(said.replace(b'\\r\\n', b'\\n'))
";

/// The first line.
fn said(place: &str, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let directory = configuration("127.0.0.1:0", "127.0.0.1:0");
    let file = directory.path().join("gatepost.yaml");
    let feed = directory.path().join("revocations.jsonl");
    fs::write(&feed, "").unwrap();
    let feeds = format!("revocation: {{ feeds: [{{ name: break-glass, file: {} }}] }}\n", feed.display());
    fs::write(&file, fs::read_to_string(&file).unwrap() + &feeds).unwrap();
    let mut command = Command::new("python3");
    command.args(["-c", SERVE, place, env!("CARGO_BIN_EXE_gatepost"), "serve", "--config"]);
    command.arg(directory.path()).args(arguments).env_remove("NO_COLOR").env_remove("GATEPOST_LOG_FORMAT");
    let output = command.envs(environment.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().next().unwrap().to_owned()
}

fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
}

#[track_caller]
fn assert_is_text(line: &str) {
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(time.len() == 9 && time.ends_with('Z'), "{line}");
    let beginning = "INFO  gatepost serves version=0.1.0 authz=127.0.0.1:";
    assert!(rest.starts_with(beginning), "{line}");
    for part in
        [" admin=127.0.0.1:", " issuers=https://idp.example.com ", " rules=3 ", " feeds=\"break-glass (file "]
    {
        assert!(rest.contains(part), "{part}: {line}");
    }
}

#[track_caller]
fn assert_is_json(line: &str) {
    let object: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&object["message"], &object["rules"]), (&"gatepost serves".into(), &3.into()));
    assert!(object["feeds"].as_str().unwrap().starts_with("break-glass (file "), "{line}");
}

#[test]
fn a_terminal_gets_text_in_colours_and_the_first_line_says_it_all() {
    let line = said("terminal", &[], &[]);
    assert!(line.contains("\u{1b}[32mINFO"), "{line:?}");
    assert_is_text(&without_colours(&line));
}

#[test]
fn a_terminal_gets_no_colours_where_they_are_not_wanted() {
    assert_is_text(&said("terminal", &[], &[("NO_COLOR", "1")]));
}

#[test]
fn whatever_is_no_terminal_gets_json() {
    assert_is_json(&said("pipe", &[], &[]));
}

#[test]
fn either_gets_what_was_asked_for() {
    assert_is_json(&said("terminal", &["--log-format", "json"], &[]));
    assert_is_text(&said("pipe", &["--log-format", "text"], &[]));
    assert_is_text(&said("pipe", &[], &[("GATEPOST_LOG_FORMAT", "text")]));
}
