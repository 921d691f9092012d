//! All runbooks have one shape, and each can be found.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::book::{Runbook, directory};

const SHAPE: [&str; 5] = ["What you see", "Check", "Do", "Over when", "Afterwards"];

fn names() -> BTreeSet<String> {
    let entries = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.into_string().unwrap()).filter(|name| name != "README.md").collect()
}

#[test]
fn each_runbook_has_the_same_shape_and_something_to_type() {
    for name in names() {
        let text = fs::read_to_string(directory().join(&name)).unwrap();
        let titles: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(titles, SHAPE, "{name}");
        let book = Runbook::open(&name);
        let place = |title| book.sections.iter().position(|its| its.title == title).unwrap();
        let typed = |from, to| book.sections[place(from)..place(to)].iter().any(|its| !its.steps.is_empty());
        assert!(typed("Check", "Do"), "{name} says nothing to check");
        assert!(typed("Over when", "Afterwards"), "{name} does not tell how one knows that it is over");
    }
}

#[test]
fn the_index_names_each_runbook_and_every_link_leads_somewhere() {
    let index = fs::read_to_string(directory().join("README.md")).unwrap();
    for name in names() {
        assert!(index.contains(&format!("]({name})")), "{name} is not in the index");
    }
    for name in names().iter().map(String::as_str).chain(["README.md"]) {
        let text = fs::read_to_string(directory().join(name)).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links {
            assert!(directory().join(link).exists(), "{name}: {link}");
        }
    }
}

#[test]
fn each_runbook_is_followed_by_a_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/runbooks");
    let entries =
        fs::read_dir(tests).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let tests: String = entries.collect();
    for name in names() {
        assert!(tests.contains(&format!("\"{name}\"")), "nobody follows {name}");
    }
}

#[test]
fn every_variable_is_explained() {
    let index = fs::read_to_string(directory().join("README.md")).unwrap();
    for name in names() {
        for step in Runbook::open(&name).sections.iter().flat_map(|section| &section.steps) {
            let variables = step.command.split("\"$").skip(1).filter_map(|rest| rest.split('"').next());
            for variable in variables {
                assert!(index.contains(&format!("`{variable}`")), "{name}: {variable}");
            }
        }
    }
}

/// They need a cluster, which is not here.
#[test]
fn what_is_for_a_cluster_is_well_formed_shell() {
    let mut blocks = 0;
    for name in names().iter().map(String::as_str).chain(["README.md"]) {
        let text = fs::read_to_string(directory().join(name)).unwrap();
        let scripts = text.split("```sh cluster\n").skip(1).filter_map(|rest| rest.split("```").next());
        for script in scripts {
            let output = Command::new("sh").args(["-n", "-c", script]).output().unwrap();
            assert!(output.status.success(), "{name}: {output:?}\n{script}");
            blocks += 1;
        }
    }
    assert!(blocks > 0);
}
