//! Reads small files without blocking the checks.

use std::io;
use std::path::Path;

use tokio::io::AsyncReadExt as _;

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// When it can't be read or is larger.
pub(super) async fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = tokio::fs::File::open(path).await?;
    file.take(limit + 1).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("it is larger than {limit} bytes")));
    }
    Ok(bytes)
}
