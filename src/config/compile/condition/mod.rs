//! `condition`: an expression that can do no harm, or what is wrong with it.
//!
//! `names` sees what it reads and how much work it can make; `kinds` finds operators on values that they are not
//! for; `truth` finds conditions that decide nothing.

mod kinds;
mod names;
mod truth;

use std::sync::Arc;
use std::thread;

use cel::Program;

use super::super::Path;
use super::findings::{Findings, quoted};
use crate::check::policy::{Condition, SyntaxFault};

/// A longer condition is a program, and belongs into a service.
const MAX_BYTES: usize = 2_000;

/// The parser descends recursively, through many frames for each level.
const STACK_BYTES: usize = 16 << 20;

pub(super) fn compile(text: &str, at: &Path, findings: &mut Findings<'_>) -> Option<Arc<Condition>> {
    if text.len() > MAX_BYTES {
        findings.error(at, "is longer than 2000 bytes", "split it into `claims` and a shorter condition");
        return None;
    }
    let program = match parse(text) {
        Ok(program) => program,
        Err(fault) => {
            let hint =
                "write an expression of the Common Expression Language, such as `token.tenant == \"a\"`";
            findings.error(at, format!("is no condition: {}", syntax(text, &fault)), hint);
            return None;
        }
    };
    let names = names::read(program.expression());
    let faults = names.faults.iter().cloned().chain(kinds::faults(program.expression()));
    let faults: Vec<_> = faults.collect();
    for (what, hint) in &faults {
        findings.error(at, what, *hint);
    }
    if !faults.is_empty() {
        return None;
    }
    let constant = if names.reads_anything { None } else { Condition::constant(&program) };
    if let Some(always) = constant.or_else(|| truth::of(program.expression())) {
        let hint = "delete it, or compare something of the token or the request";
        findings.warning(at, format!("is always {always}"), hint);
    }
    let headers = names.headers.into_iter().collect();
    let claims = (!names.reads_all_claims).then(|| names.claims.into_iter().collect());
    Some(Arc::new(Condition::new(text.to_owned(), program, headers, claims)))
}

/// On a thread of its own, with a stack that is large enough; a parser that panics there refuses the text.
fn parse(text: &str) -> Result<Program, SyntaxFault> {
    let owned = text.to_owned();
    let parser = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || Condition::parse(&owned));
    parser.map_err(|_| SyntaxFault::default())?.join().unwrap_or_else(|_| Err(SyntaxFault::default()))
}

/// What is wrong, in words. The parser's own list all that could stand there.
fn syntax(text: &str, fault: &SyntaxFault) -> String {
    let SyntaxFault { line, column, message } = fault;
    if text.trim().is_empty() {
        return "it is empty".to_owned();
    }
    if message.contains("input '<EOF>'") {
        return "it ends too early".to_owned();
    }
    let line = line.checked_sub(1).and_then(|line| text.lines().nth(line)).unwrap_or_default();
    let rest: String = line.chars().skip(column.saturating_sub(1)).collect();
    match message.strip_prefix("Syntax error: ") {
        None if !message.is_empty() => message.clone(),
        Some(_) if !rest.is_empty() => format!("it can't be read from {} on", quoted(&rest)),
        Some(_) | None => "it can't be read".to_owned(),
    }
}

/// What is wrong, and what to write instead.
type Fault = (String, &'static str);

#[cfg(test)]
mod tests;
