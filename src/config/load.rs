//! Compiles the files of a configuration directory together.

use std::ffi::OsStr;
use std::path::Path as FilePath;

use super::compile::{Candidate, Context, Policies, PolicyFile, compile as compile_gatepost, compile_policy};
use super::document::{GatepostDocument, PolicyDocument};
use super::files::{ConfigFile, Files, GATEPOST_FILE, POLICY_FILE};
use super::problem::{Problem, Severity};
use super::read::{Read, Source, read};
use super::{Config, Path};

/// What a directory came to.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration; none when there is an error among the problems, but for those of the candidate.
    pub config: Option<Config>,
    /// All problems of all files, in reading order.
    pub problems: Vec<Problem>,
    /// The first file as read, for finding places in it.
    pub source: Option<Source>,
    /// The second one.
    pub policy_source: Option<Source>,
}

/// Loads a directory.
#[must_use]
pub fn load(directory: &FilePath) -> Loaded {
    compile(&Files::read(directory))
}

/// Compiles what was read. The same files always come to the same.
#[must_use]
pub fn compile(files: &Files) -> Loaded {
    let mut problems = Vec::new();
    let (gatepost, source) = take(read_file::<GatepostDocument>(&files.gatepost), &mut problems);
    let main = Written::read(&files.policy, None, &mut problems);
    let teams: Vec<_> = files
        .more_policies
        .iter()
        .map(|file| Written::read(file, FilePath::new(&file.name).file_name(), &mut problems))
        .collect();

    let settings = gatepost.as_ref().zip(source.as_ref());
    let settings = settings
        .map(|(document, source)| compile_gatepost(document, source, &files.directory, &mut problems));
    let context = Context::of(settings.as_ref());
    let policies = compile_together(&main, &teams, &context, &mut problems);
    let fits = !problems.iter().any(|problem| problem.severity == Severity::Error);
    let candidate = match &files.next_policy {
        Some(file) => candidate(file, &teams, &context, &mut problems),
        None => Candidate::None,
    };

    super::problem::sort(&mut problems);
    let config = settings.zip(policies).filter(|_| fits);
    let config = config
        .and_then(|(settings, policies)| settings.into_config(policies, candidate, files.fingerprint()));
    Loaded { config, problems, source, policy_source: main.source }
}

/// A policy file as it was typed.
struct Written {
    document: Option<PolicyDocument>,
    source: Option<Source>,
    team: Option<String>,
}

impl Written {
    fn read(file: &ConfigFile, team: Option<&OsStr>, problems: &mut Vec<Problem>) -> Self {
        let (document, source) = take(read_file(file), problems);
        Self { document, source, team: team.map(|name| name.to_string_lossy().into_owned()) }
    }

    fn file(&self) -> Option<PolicyFile<'_>> {
        let (document, source) = (self.document.as_ref()?, self.source.as_ref()?);
        Some(PolicyFile { document, source, team: self.team.as_deref() })
    }
}

fn compile_together(
    main: &Written,
    teams: &[Written],
    context: &Context<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Policies> {
    let files: Vec<_> = main.file().into_iter().chain(teams.iter().filter_map(Written::file)).collect();
    let present: Vec<_> = teams.iter().filter_map(|team| team.team.as_deref()).collect();
    main.file().map(|_| compile_policy(&files, &present, context, problems))
}

/// The policy that is tried out. Its own problems keep only itself from being used: they must not keep a sidecar
/// from starting. Those of the teams' files are known already.
fn candidate(
    file: &ConfigFile,
    teams: &[Written],
    context: &Context<'_>,
    problems: &mut Vec<Problem>,
) -> Candidate {
    let mut own = Vec::new();
    let main = Written::read(file, None, &mut own);
    let policies = compile_together(&main, teams, context, &mut own);
    own.retain(|problem| !problems.contains(problem));
    let fits = !own.iter().any(|problem| problem.severity == Severity::Error);
    problems.extend(own);
    match policies.filter(|_| fits) {
        Some(policies) => Candidate::Policy(Box::new(policies.enforced)),
        None => Candidate::Rejected,
    }
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
