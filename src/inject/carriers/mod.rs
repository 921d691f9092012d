//! The files that carry the sidecar into pods by other hands than ours, written from its one description.

mod helm;
mod istio;
mod kustomize;
mod policy;

use super::sidecar::{NAME, Sidecar, Socket, annotations, labels};
use super::value::{Style, Value};

/// A file that is written from the description.
#[derive(Debug)]
pub struct File {
    /// Where it is in the repository.
    pub path: &'static str,
    /// What is in it.
    pub text: String,
}

/// All of them.
#[must_use]
pub fn files() -> Vec<File> {
    let mut files = helm::files();
    files.extend(kustomize::files());
    files.extend([policy::file(), istio::file()]);
    files
}

/// The layout of what is written.
fn style(indent: usize) -> Style {
    Style { indent, list: 0 }
}

/// The sidecar of a carrier that others complete.
fn sidecar(image: &str, config_map: &str) -> Sidecar {
    Sidecar {
        image: image.to_owned(),
        config_map: config_map.to_owned(),
        secret: None,
        socket: Socket::Abstract,
    }
}

/// What a pod gets, as a pod that has nothing else.
fn pod(sidecar: &Sidecar, name: Option<&str>) -> Vec<(String, Value)> {
    let mut metadata: Vec<_> = name.map(|name| ("name".to_owned(), name.into())).into_iter().collect();
    metadata.push(("labels".to_owned(), Value::Map(labels())));
    metadata.push(("annotations".to_owned(), Value::Map(annotations())));
    let spec = Value::map([
        ("initContainers", Value::List(vec![sidecar.container()])),
        ("volumes", Value::List(sidecar.volumes())),
    ]);
    vec![("metadata".to_owned(), Value::Map(metadata)), ("spec".to_owned(), spec)]
}

/// What each written file begins with.
fn header(about: &str) -> String {
    let about =
        about.lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect::<String>();
    format!("{about}#\n# Written from src/inject/sidecar.rs: UPDATE=1 cargo test --test delivery carriers\n")
}

/// The name where a carrier's user has to put the image.
const IMAGE: &str = NAME;
