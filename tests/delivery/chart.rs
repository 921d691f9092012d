//! The application chart, `helm/gatepost`: what is generated in it, what it renders and what it refuses.

pub(crate) mod files;
mod golden;
mod monitoring;
mod pods;
mod readme;
mod refusals;
pub(crate) mod render;
mod schema;
mod values;

use std::path::{Path, PathBuf};

/// A path in this repository.
pub(crate) fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares text with a file of the repository; `UPDATE=1` writes it.
#[track_caller]
pub(crate) fn assert_is(found: &str, file: &str) {
    let path = here(file);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == written, "{file} is not what it would be generated as: UPDATE=1 writes it");
}

/// With `UPDATE=1`, writes what Helm reads, before it reads it.
pub(crate) fn generated() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(here("helm/gatepost/values.schema.json"), schema::text()).unwrap();
            monitoring::copy();
        }
    });
}
