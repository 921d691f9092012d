//! A runbook as its reader follows it: section by section, each command typed as it is written.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatepost_test_support::wait;
use tempfile::TempDir;

/// Where they are.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/runbooks")
}

/// A command, and what is written below it.
#[derive(Clone, Debug, Default)]
pub struct Step {
    pub command: String,
    expected: Vec<String>,
    code: i32,
}

/// What stands below one heading.
#[derive(Debug, Default)]
pub struct Section {
    pub title: String,
    pub steps: Vec<Step>,
    followed: Cell<bool>,
}

/// A runbook, and the words that its commands take from the environment.
pub struct Runbook {
    name: String,
    pub sections: Vec<Section>,
    environment: BTreeMap<&'static str, String>,
    desk: TempDir,
}

impl Runbook {
    /// Reads one of `deploy/runbooks`.
    pub fn open(name: &str) -> Self {
        let text = fs::read_to_string(directory().join(name)).unwrap();
        Self {
            name: name.to_owned(),
            sections: sections(&text),
            environment: BTreeMap::new(),
            desk: tempfile::tempdir().unwrap(),
        }
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) -> &mut Self {
        self.environment.insert(name, value.into());
        self
    }

    /// Sets a variable to a file, or to a directory of files, with this in it.
    pub fn set_file(&mut self, name: &'static str, content: &str) -> &mut Self {
        let path = self.desk.path().join(name);
        fs::write(&path, content).unwrap();
        self.set(name, path.display().to_string())
    }

    /// As [`Runbook::set_file`].
    pub fn set_directory(&mut self, name: &'static str, files: &[(&str, String)]) -> &mut Self {
        let path = self.desk.path().join(name);
        fs::create_dir_all(&path).unwrap();
        files.iter().for_each(|(file, content)| fs::write(path.join(file), content).unwrap());
        self.set(name, path.display().to_string())
    }

    /// Types every command of a section, once.
    pub async fn follow(&self, title: &str) {
        for step in &self.section(title).steps {
            let outcome = self.attempt(step).await;
            assert!(outcome.is_ok(), "{}, {title}:\n{}", self.name, outcome.unwrap_err());
        }
    }

    /// Types each command of a section until it prints what is shown.
    pub async fn follow_until_shown(&self, title: &str) {
        for step in &self.section(title).steps {
            let mut last = String::new();
            let shown = async || match self.attempt(step).await {
                Ok(()) => Some(()),
                Err(why) => {
                    last = why;
                    None
                }
            };
            let waited = wait::until(&step.command, shown).await;
            assert!(waited.is_ok(), "{}, {title}:\n{last}", self.name);
        }
    }

    fn section(&self, title: &str) -> &Section {
        let section = self.sections.iter().find(|section| section.title == title);
        assert!(section.is_some(), "{} has no section {title:?}", self.name);
        let section = section.unwrap();
        section.followed.set(true);
        section
    }

    /// Runs a command and says how it differs from what is written.
    async fn attempt(&self, step: &Step) -> Result<(), String> {
        let binary = Path::new(env!("CARGO_BIN_EXE_gatepost")).parent().unwrap().to_owned();
        let found = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([binary].into_iter().chain(std::env::split_paths(&found))).unwrap();
        let mut command = Command::new("sh");
        // As if its reader had typed `2>&1`: a terminal shows both.
        command.arg("-c").arg(format!("exec 2>&1; {}", step.command)).env("PATH", path);
        command.envs(&self.environment).current_dir(self.desk.path());
        // Off the thread that the issuers answer on.
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let told = |why: String| format!("$ {}\n{text}\n{why}", step.command);
        if output.status.code() != Some(step.code) {
            return Err(told(format!("it ended with {}, and should with {}", output.status, step.code)));
        }
        let mut lines = text.lines().map(words);
        for expected in &step.expected {
            if !lines.any(|line| fits(&line, &words(expected))) {
                return Err(told(format!("it should print, in this order: {:#?}", step.expected)));
            }
        }
        Ok(())
    }
}

impl Drop for Runbook {
    /// What nobody followed may be wrong.
    fn drop(&mut self) {
        if std::thread::panicking() || self.environment.is_empty() {
            return;
        }
        let with_steps = self.sections.iter().filter(|section| !section.steps.is_empty());
        let left: Vec<_> =
            with_steps.filter(|section| !section.followed.get()).map(|section| &section.title).collect();
        assert!(left.is_empty(), "{}: nobody followed {left:?}", self.name);
    }
}

/// Every heading with the commands below it.
fn sections(text: &str) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        match (fence, line.trim_start().strip_prefix("```")) {
            (None, Some(tag)) => fence = Some(tag),
            (Some(_), Some(_)) => fence = None,
            (Some("console"), None) => add(&mut sections.last_mut().unwrap().steps, line),
            (None, None) if line.starts_with("##") => {
                let title = line.trim_start_matches('#').trim().to_owned();
                sections.push(Section { title, ..Section::default() });
            }
            _ => {}
        }
    }
    sections
}

fn add(steps: &mut Vec<Step>, line: &str) {
    match (line.strip_prefix("$ "), steps.last_mut()) {
        // The next line is the status.
        (Some("echo $?"), Some(last)) => last.code = -1,
        (Some(command), _) => steps.push(Step { command: command.to_owned(), ..Step::default() }),
        (None, Some(last)) if last.code == -1 => last.code = line.parse().unwrap(),
        (None, Some(last)) => last.expected.push(line.to_owned()),
        (None, None) => unreachable!("output before any command: {line}"),
    }
}

/// Columns are for the eye.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a line is as it is written, where `…` is any text.
fn fits(line: &str, expected: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(place) = rest.find(part) else { return false };
        rest = &rest[place + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn an_ellipsis_is_any_text() {
    for (line, expected, fit) in [
        ("one two", "one two", true),
        ("one two three", "one … three", true),
        ("one two", "…two", true),
        ("one two", "one", false),
        ("one two", "one …x", false),
        ("a1b2c", "a…b…c", true),
        ("a1b2c", "a…d…c", false),
        ("anything", "…", true),
    ] {
        assert_eq!(fits(line, expected), fit, "{line} {expected}");
    }
}
