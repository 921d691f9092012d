//! Reads the two files of a configuration directory and compiles them together.

use std::fs::File;
use std::io::Read as _;
use std::path::Path as FilePath;

use super::compile::{Context, PolicyFile, compile, compile_policy};
use super::document::{GatepostDocument, PolicyDocument};
use super::problem::{Problem, Severity};
use super::read::{Read, Source, read};
use super::{Config, Path};

/// Whom we trust and where we listen.
pub const GATEPOST_FILE: &str = "gatepost.yaml";
/// What each route needs.
pub const POLICY_FILE: &str = "policy.yaml";

/// A larger file is a mistake, and is not read into memory.
const MAX_FILE_BYTES: u64 = 1 << 20;

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
    let gatepost = read_file::<GatepostDocument>(directory, GATEPOST_FILE);
    let policy = read_file::<PolicyDocument>(directory, POLICY_FILE);
    let mut problems = Vec::new();
    let (gatepost, source) = take(gatepost, &mut problems);
    let (policy, policy_source) = take(policy, &mut problems);

    let settings = gatepost.as_ref().zip(source.as_ref());
    let settings = settings.map(|(document, source)| compile(document, source, directory, &mut problems));
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

fn read_file<T: serde::de::DeserializeOwned>(
    directory: &FilePath,
    name: &str,
) -> Result<Read<T>, Box<Problem>> {
    let path = directory.join(name);
    let cannot = |why: String| -> Box<Problem> {
        let hint = format!("the directory given with --config must hold {GATEPOST_FILE} and {POLICY_FILE}");
        let what = format!("cannot be read: {why}");
        Box::new(Problem::error(&path.display().to_string(), &Path::root(), what).hint(hint))
    };
    let file = File::open(&path).map_err(|error| cannot(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| cannot(error.to_string()))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(cannot("it is larger than 1 MiB".to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|_| cannot("it is not UTF-8 text".to_owned()))?;
    Ok(read(&path.display().to_string(), &text))
}
