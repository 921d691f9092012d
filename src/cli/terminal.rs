//! Writing for people: the only place that prints.

use std::fmt::Display;
use std::fs;
use std::future::Future;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use serde::Serialize;

use crate::config::{Config, Loaded, Problem, Severity, load};

/// Whom the output of a command is for.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(super) enum Output {
    /// People.
    #[default]
    Text,
    /// Machines: one JSON object.
    Json,
}

/// Prints a line to standard output.
pub(super) fn line(text: impl Display) {
    // A closed pipe (`| head`) is the reader's choice.
    let _ = writeln!(io::stdout(), "{text}");
}

/// Writes text to standard output as it is.
pub(super) fn verbatim(text: &str) {
    // As with a line.
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Prints one JSON object to standard output.
pub(super) fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(text),
        Err(error) => complain(error),
    }
}

/// Prints a line to standard error.
pub(super) fn complain(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints problems and how many there are.
pub(super) fn problems(problems: &[Problem]) {
    for problem in problems {
        complain(problem);
    }
    let count = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if errors + warnings > 0 {
        complain(format_args!("{}, {}", plural(errors, "problem"), plural(warnings, "warning")));
    }
}

pub(super) fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// Loads a configuration and prints its problems; none when it can't be applied.
pub(super) fn load_or_complain(directory: &Path) -> Option<Config> {
    let Loaded { config, problems: found, .. } = load(directory);
    problems(&found);
    config
}

/// Reads a token from a file, or from standard input for `-`: an argument would be seen in the process list.
///
/// # Errors
/// Why it can't be read, in words.
pub(super) fn read_token(file: &Path) -> Result<String, String> {
    let fault = |error: std::io::Error| format!("--token-file {}: {error}", file.display());
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(fault)?;
    } else {
        text = fs::read_to_string(file).map_err(fault)?;
    }
    Ok(text.trim().to_owned())
}

/// Runs on the one thread that a sidecar needs.
///
/// # Errors
/// When the runtime can't be made.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let output = runtime.block_on(future);
    // A write to a pipe that nobody reads, or a mount that hangs, must not keep the process.
    runtime.shutdown_background();
    Ok(output)
}

/// Nothing in a request or a token may move the cursor of whoever looks at it.
pub(super) fn visible(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
