//! Compiles the files of a configuration directory together.

use std::path::Path as FilePath;

use super::compile::{Context, PolicyFile, compile as compile_gatepost, compile_policy};
use super::document::{GatepostDocument, PolicyDocument};
use super::files::{ConfigFile, Files, GATEPOST_FILE, POLICY_FILE};
use super::problem::{Problem, Severity};
use super::read::{Read, Source, read};
use super::{Config, Path};

/// What a directory came to.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration; none when there is an error among the problems.
    pub config: Option<Config>,
    /// All problems of both files, in reading order.
    pub problems: Vec<Problem>,
    /// The first file as read, for finding places in it.
    pub source: Option<Source>,
}

impl Loaded {
    /// Whether something keeps the configuration from being applied.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }
}

/// Loads a directory.
#[must_use]
pub fn load(directory: &FilePath) -> Loaded {
    compile(&Files::read(directory))
}

/// Compiles what was read. The same files always come to the same.
#[must_use]
pub fn compile(files: &Files) -> Loaded {
    let gatepost = read_file::<GatepostDocument>(&files.gatepost);
    let policy = read_file::<PolicyDocument>(&files.policy);
    let mut problems = Vec::new();
    let (gatepost, source) = take(gatepost, &mut problems);
    let (policy, policy_source) = take(policy, &mut problems);

    let settings = gatepost.as_ref().zip(source.as_ref());
    let settings = settings
        .map(|(document, source)| compile_gatepost(document, source, &files.directory, &mut problems));
    let target_rules = settings.as_ref().map(|settings| settings.target_rules).unwrap_or_default();
    let issuers = settings.as_ref().map(|settings| settings.issuers.as_slice());
    let context = Context { target_rules, issuers, resource_metadata: None };
    let policy = policy.as_ref().zip(policy_source.as_ref());
    let policy = policy.map(|(document, source)| {
        let file = PolicyFile { document, source, team: None };
        compile_policy(&[file], &context, &mut problems)
    });

    super::problem::sort(&mut problems);
    let config = settings.zip(policy).and_then(|(settings, policy)| settings.into_config(policy));
    let mut loaded = Loaded { config, problems, source };
    if loaded.has_errors() {
        loaded.config = None;
    }
    loaded
}

fn take<T>(read: Result<Read<T>, Box<Problem>>, problems: &mut Vec<Problem>) -> (Option<T>, Option<Source>) {
    match read {
        Ok(read) => {
            problems.extend(read.problems);
            (read.draft, Some(read.source))
        }
        Err(problem) => {
            problems.push(*problem);
            (None, None)
        }
    }
}

fn read_file<T: serde::de::DeserializeOwned>(file: &ConfigFile) -> Result<Read<T>, Box<Problem>> {
    let cannot = |why: &str| -> Box<Problem> {
        let hint = format!("the directory given with --config must hold {GATEPOST_FILE} and {POLICY_FILE}");
        let what = format!("cannot be read: {why}");
        Box::new(Problem::error(&file.name, &Path::root(), what).hint(hint))
    };
    let bytes = file.content.as_ref().map_err(|why| cannot(why))?;
    let text = str::from_utf8(bytes).map_err(|_| cannot("it is not UTF-8 text"))?;
    Ok(read(&file.name, text))
}
