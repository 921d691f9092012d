//! What a person reads, kept in a file, so that a change of it is seen.

use std::fs;
use std::path::Path;

/// Compares text with a file of `tests/it`; `UPDATE=1` writes it.
#[track_caller]
pub fn assert_shows(found: &str, file: &str) {
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(file);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&expected, found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(expected).unwrap(), "UPDATE=1 writes what is shown now");
}
