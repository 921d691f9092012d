//! The carriers as they are kept in the repository.

use std::fs;
use std::path::{Path, PathBuf};

use gatepost::inject::carriers::files;

/// A path in this repository.
pub fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn every_carrier_is_what_the_description_says() {
    for file in files() {
        let path = here(file.path);
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &file.text).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(kept, file.text, "{}: UPDATE=1 writes it", file.path);
    }
}
