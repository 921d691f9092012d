//! The reference of every key, from the doc comments of the structs that the files are read into.

use std::collections::HashMap;

const GATEPOST: &str = concat!(
    include_str!("../../../src/config/document/gatepost.rs"),
    include_str!("../../../src/config/document/introspection.rs")
);
const POLICY: &str = include_str!("../../../src/config/document/policy.rs");

pub(super) fn gatepost_yaml() -> String {
    table(GATEPOST, "GatepostDocument")
}

pub(super) fn policy_yaml() -> String {
    table(POLICY, "PolicyDocument")
}

struct Field {
    key: String,
    kind: String,
    meaning: String,
}

type Structs = HashMap<String, Vec<Field>>;

fn table(source: &str, root: &str) -> String {
    let mut text = String::from("| key | must be there | meaning |\n|---|---|---|\n");
    rows(&structs(source), root, "", &mut text);
    text
}

fn rows(structs: &Structs, name: &str, prefix: &str, text: &mut String) {
    for Field { key, kind, meaning } in &structs[name] {
        let needed = if kind.starts_with("Option<") { "" } else { "yes" };
        text.push_str(&format!("| `{prefix}{key}` | {needed} | {meaning} |\n"));
        let many = if kind.contains("Vec<") { "[]" } else { "" };
        let inner = ["Option<", "Vec<"].iter().fold(kind.as_str(), |kind, outer| {
            kind.strip_prefix(outer).and_then(|kind| kind.strip_suffix('>')).unwrap_or(kind)
        });
        if structs.contains_key(inner) {
            rows(structs, inner, &format!("{prefix}{key}{many}."), text);
        }
    }
}

/// Reads structs as rustfmt writes them.
fn structs(source: &str) -> Structs {
    let mut structs = Structs::new();
    let (mut current, mut doc, mut rename) = (String::new(), Vec::new(), None);
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            doc.push(text);
        } else if let Some(name) = line.strip_prefix("#[serde(rename = \"") {
            rename = name.strip_suffix("\")]");
        } else if let Some(name) = line.strip_prefix("pub struct ") {
            name.trim_end_matches(" {").clone_into(&mut current);
            doc.clear();
        } else if let Some((name, kind)) = line.strip_prefix("pub ").and_then(|line| line.split_once(": ")) {
            let key = rename.take().unwrap_or(name).to_owned();
            let kind = kind.trim_end_matches(',').to_owned();
            let meaning = std::mem::take(&mut doc).join(" ").replace('|', "\\|");
            structs.entry(current.clone()).or_default().push(Field { key, kind, meaning });
        }
    }
    structs
}
