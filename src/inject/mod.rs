//! The sidecar in a pod: one description of it, the ways to carry it there, and the edit of manifests.
//!
//! [`sidecar`] says what it is. [`carriers`] writes that as a Helm library, a Kustomize component, an admission policy
//! and a template for Istio. [`inject`] puts it into manifests and [`uninject`] takes it out, by editing their text where
//! it has to change and nowhere else; what cannot be edited with certainty is refused.

pub mod carriers;
mod insert;
mod refusal;
pub mod sidecar;
mod strip;
mod text;
mod tree;
pub mod value;
mod workload;

pub use insert::Injection;

use crate::config::Problem;
use insert::insert;
use refusal::{Refusal, refuse};
use strip::strip;
use text::{Edits, Text};
use workload::{Object, objects};

/// Manifests after an edit.
#[derive(Debug)]
pub struct Edited {
    /// Their text.
    pub text: String,
    /// What became of each object, in their order.
    pub objects: Vec<Outcome>,
}

/// What became of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether its pod was edited, or would have been if it were not so already.
    pub edited: bool,
}

/// Puts the sidecar into every pod, in place of one that is there already. `file` is what problems call the text.
///
/// # Errors
/// Why the first object that cannot be edited is not.
pub fn inject(file: &str, manifests: &str, injection: &Injection) -> Result<Edited, Box<Problem>> {
    let socket = injection.sidecar.socket;
    edit(file, manifests, |object, _, _| {
        object.pod.as_ref().map_or(Ok(false), |pod| pod.check(socket).map(|()| true))
    })?;
    let bare = uninject(file, manifests)?.text;
    let edited = edit(file, &bare, |object, text, edits| match &object.pod {
        Some(pod) if !pod.is_disabled()? => insert(pod, injection, text, edits).map(|()| true),
        _ => Ok(false),
    })?;
    match uninject(file, &edited.text) {
        Ok(again) if again.text == bare => Ok(edited),
        _ => Err(Box::new(undecided(file))),
    }
}

/// Takes the sidecar out of every pod that has it.
///
/// # Errors
/// As [`inject`].
pub fn uninject(file: &str, manifests: &str) -> Result<Edited, Box<Problem>> {
    edit(file, manifests, |object, text, edits| match &object.pod {
        Some(pod) if pod.is_injected()? => strip(pod, text, edits).map(|()| true),
        _ => Ok(false),
    })
}

fn edit(
    file: &str,
    manifests: &str,
    each: impl Fn(&Object<'_>, &Text<'_>, &mut Edits) -> Result<bool, Refusal>,
) -> Result<Edited, Box<Problem>> {
    let text = Text::new(manifests);
    let edited = readable(&text).and_then(|()| {
        let documents = tree::parse(&text)?;
        let (mut edits, mut outcomes) = (Edits::default(), Vec::new());
        for document in &documents {
            for object in objects(document)? {
                let edited = each(&object, &text, &mut edits)?;
                outcomes.push(Outcome { kind: object.kind.into(), name: object.name.into(), edited });
            }
        }
        Ok(Edited { text: edits.apply(&text), objects: outcomes })
    });
    edited.map_err(|refusal| Box::new(refusal.problem(file, &text)))
}

/// Refuses what the parser may take for the end of the text or of a line, and others not.
fn readable(text: &Text<'_>) -> Result<(), Refusal> {
    let hint = "save the file as UTF-8 text without a byte order mark, with the usual line ends";
    let mut characters = text.as_str().char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let ends_line = c == '\r' && characters.peek().is_some_and(|(_, next)| *next == '\n');
        if c == '\u{feff}' || (c.is_control() && !ends_line && !['\n', '\t'].contains(&c)) {
            return refuse(at, format!("the character U+{:04X} is not edited around", u32::from(c)), hint);
        }
    }
    Ok(())
}

/// The edit could not be taken back to the text that it was made in: it was not what it was meant to be.
fn undecided(file: &str) -> Problem {
    Problem::error(
        file,
        &crate::config::Path::root(),
        "is laid out in a way that cannot be edited with certainty",
    )
    .hint("write the pod's part of it in the usual block style")
}
