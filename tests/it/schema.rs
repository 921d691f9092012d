//! `gatepost schema`: one JSON document for each file, and nothing else.

use std::process::{Command, Output};

use gatepost::config::{Document, schema};
use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gatepost")).arg("schema").args(arguments).output().unwrap()
}

#[test]
fn prints_the_schema_of_the_file_that_is_named() {
    let cases = [
        (&[][..], Document::Gatepost, "gatepost.yaml"),
        (&["gatepost"][..], Document::Gatepost, "gatepost.yaml"),
        (&["policy"][..], Document::Policy, "policy.yaml"),
    ];
    for (arguments, file, title) in cases {
        let output = run(arguments);
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()), "{arguments:?}");
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(printed, schema(file));
        assert_eq!(printed["title"], title);
    }
}

#[test]
fn knows_no_other_file() {
    assert_eq!(run(&["secrets"]).status.code(), Some(2));
}
