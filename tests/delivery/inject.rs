//! `gatepost inject` on a corpus of manifests, and what it refuses.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use gatepost_test_support::Manifests;

use crate::carriers::here;
use crate::tools::VERSIONS;

const IMAGE: &str =
    "registry.example/gatepost@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: { name: a }
spec:
  containers: [{ name: app, image: app }]
";

fn gatepost(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gatepost"))
        .arg("inject")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    output
}

fn edited(arguments: &[&str], input: &str) -> String {
    let output = gatepost(arguments, input.as_bytes());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(input: &[u8]) -> String {
    let output = gatepost(&["--image", IMAGE], input);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    String::from_utf8(output.stderr).unwrap()
}

fn corpus() -> Vec<(String, String)> {
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.display().to_string(), fs::read_to_string(&path).unwrap())
    };
    let files: Vec<_> = fs::read_dir(here("tests/delivery/manifests")).unwrap().map(read).collect();
    assert!(files.len() > 6);
    files
}

#[test]
fn twice_is_as_once_and_taking_out_gives_back_each_byte() {
    for (file, manifests) in corpus() {
        for before in [manifests.replace('\n', "\r\n"), manifests.trim_end().to_owned(), manifests] {
            for secret in [&[][..], &["--secret", "keys"][..]] {
                let arguments = [&["--image", IMAGE], secret].concat();
                let once = edited(&arguments, &before);
                assert!(once.contains(IMAGE), "{file}");
                assert_eq!(edited(&arguments, &once), once, "{file}");
                assert_eq!(edited(&["--uninject"], &once), before, "{file}");
            }
        }
    }
}

#[test]
fn what_is_written_is_what_kubernetes_would_take() {
    for (file, manifests) in corpus() {
        let once = edited(&["--image", IMAGE, "--secret", "keys"], &manifests);
        Manifests::read(&once, &VERSIONS).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
}

#[test]
fn a_file_is_named_as_an_argument() {
    let path = here("tests/delivery/manifests/deployment.yaml");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(
        edited(&["--image", IMAGE, path.to_str().unwrap()], ""),
        edited(&["--image", IMAGE, "-"], &text)
    );
}

#[test]
fn what_cannot_be_edited_with_certainty_is_refused_with_its_place_and_nothing_is_written() {
    for (input, place, what) in [
        (POD.replace("{ name: a }", "&m { name: a }"), "3:11", "anchors, aliases and tags"),
        (POD.replace("{ name: a }", "{ name: a, <<: { labels: { a: b } } }"), "3:22", "merge keys"),
        (format!("{POD}kind: Pod\n"), "6:1", "`kind` is given twice"),
        (POD.replace("image: app", "image: app, image: b"), "5:41", "`image` is given twice"),
        (POD.replace("  containers", "\tcontainers"), "5:2", "is not YAML"),
        (POD.replace("name: app,", "name: gatepost,"), "5:16", "named `gatepost` already"),
        (format!("\u{feff}{POD}"), "1:1", "U+FEFF"),
        (format!("a: {}", "[".repeat(200_000)), "1:", "recursion limit"),
        ((0..100).map(|n| "  ".repeat(n) + "a:\n").collect(), "64:", "nested too deeply"),
    ] {
        let said = refused(input.as_bytes());
        assert!(said.starts_with(&format!("standard input:{place}")) && said.contains(what), "{said}");
        assert!(said.contains("hint: "), "{said}");
    }
    assert!(refused(&[POD.as_bytes(), b"# \xff\n"].concat()).contains("is not UTF-8 from byte"));
    assert!(refused(&[b'#'; (16 << 20) + 1]).contains("larger than 16 MiB"));
}

#[test]
fn a_long_line_of_any_letters_is_edited_and_given_back() {
    let item = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"é","image":"日"}]}}"#;
    let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{}]}}"#, [item; 300].join(","));
    let once = edited(&["--image", IMAGE], &list);
    assert_eq!(once.matches(IMAGE).count(), 300);
    assert_eq!(edited(&["--uninject"], &once), list);
}
