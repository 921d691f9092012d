//! Writing for people: the only place that prints.

use std::fmt::Display;
use std::future::Future;
use std::io::{self, Write as _};

use crate::config::{Config, Loaded, Problem, Severity, load};

/// Prints a line to standard output.
pub(super) fn line(text: impl Display) {
    // A closed pipe (`| head`) is the reader's choice.
    let _ = writeln!(io::stdout(), "{text}");
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
pub(super) fn load_or_complain(directory: &std::path::Path) -> Option<Config> {
    let Loaded { config, problems: found, .. } = load(directory);
    problems(&found);
    config
}

/// Runs on the one thread that a sidecar needs.
///
/// # Errors
/// When the runtime can't be made.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> io::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future))
}
