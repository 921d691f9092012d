//! The house stays as drawn: imports go one way, the pure rooms stay pure, each file says what belongs in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Room by room, what it may import. `cli` and `main` may import everything.
const MAY_IMPORT: [(&str, &[&str]); 13] = [
    ("secret", &[]),
    ("jose", &[]),
    ("clock", &["jose"]),
    ("check", &["jose"]),
    ("config", &["check", "jose"]),
    ("inject", &["config"]),
    ("suspicion", &["config", "check", "jose"]),
    ("telemetry", &["suspicion", "config", "secret", "clock", "check", "jose"]),
    ("sources", &["config", "telemetry", "clock", "secret", "check", "jose"]),
    ("snapshot", &["sources", "config", "check", "jose"]),
    ("authorizer", &["sources", "snapshot", "telemetry", "suspicion", "clock", "config", "check", "jose"]),
    ("envoy", &["authorizer", "check"]),
    (
        "serve",
        &["envoy", "authorizer", "sources", "snapshot", "telemetry", "clock", "config", "check", "jose"],
    ),
];

/// What would make a pure room wait, read a clock, or talk to the world.
const IMPURE: [&str; 12] = [
    "tokio",
    "tonic",
    "reqwest",
    "axum",
    "tracing",
    "std::fs",
    "std::net",
    "std::io",
    "std::env",
    "std::thread",
    "SystemTime",
    "Instant",
];

struct SourceFile {
    path: PathBuf,
    room: String,
    text: String,
}

impl SourceFile {
    /// The code without comments and without its tests, which stand at the end.
    fn code(&self) -> String {
        let code = self.text.split("#[cfg(test)]").next().unwrap_or_default();
        code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    }
}

fn sources() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 40, "found only {} files", found.len());
    found
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let first = path.strip_prefix(root).unwrap().components().next().unwrap();
            let room = first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).unwrap();
            found.push(SourceFile { path, room, text });
        }
    }
}

/// The rooms named after `crate::`, in braces or not.
fn imported(code: &str) -> Vec<String> {
    let rooms = code.split("crate::").skip(1).flat_map(|rest| {
        let names = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![rest],
        };
        names.into_iter().map(|name| {
            name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
        })
    });
    rooms.collect()
}

#[test]
fn imports_go_one_way() {
    let may_import: BTreeMap<_, _> = MAY_IMPORT.into_iter().collect();
    let mut wrong = Vec::new();
    for file in sources() {
        let Some(allowed) = may_import.get(file.room.as_str()) else {
            assert!(
                ["cli", "main", "lib"].contains(&file.room.as_str()),
                "{} is in no room",
                file.path.display()
            );
            continue;
        };
        for room in imported(&file.code()) {
            if room != file.room && !allowed.contains(&room.as_str()) {
                wrong.push(format!("{} imports {room}", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn check_jose_and_suspicion_are_pure() {
    let mut wrong = Vec::new();
    for file in sources().iter().filter(|file| ["check", "jose", "suspicion"].contains(&file.room.as_str())) {
        let code = file.code();
        let words = IMPURE
            .iter()
            .filter(|word| code.contains(&format!("{word}::")) || code.contains(&format!("{word};")));
        wrong.extend(words.map(|word| format!("{} uses {word}", file.path.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_file_says_what_belongs_in_it_and_is_one_room() {
    let mut wrong = Vec::new();
    for file in sources() {
        if !file.text.starts_with("//! ") {
            wrong.push(format!("{} does not begin with what belongs in it", file.path.display()));
        }
        let lines = file.text.split("#[cfg(test)]").next().unwrap_or_default().lines().count();
        if lines > 300 && !file.path.ends_with("tests.rs") {
            wrong.push(format!("{} has {lines} lines before its tests", file.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_configuration_struct_refuses_unknown_keys() {
    for file in sources().iter().filter(|file| file.path.to_string_lossy().contains("config/document")) {
        let mut lines = file.text.lines();
        while let Some(line) = lines.next() {
            if line.contains("derive") && line.contains("Deserialize") {
                let next = lines.next().unwrap_or_default();
                assert!(next.contains("deny_unknown_fields"), "{}: {line}", file.path.display());
            }
        }
    }
}

#[test]
fn the_top_level_shows_only_what_a_visitor_needs() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "proto",
        "src",
        "deploy",
        "helm",
        "tests",
        "benches",
        "README.md",
        "LICENSE",
        // Not in git.
        "target",
    ];
    for entry in fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name.starts_with('.') || allowed.contains(&name.as_str()),
            "{name} does not belong at the top level"
        );
    }
}
