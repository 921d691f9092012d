//! The audit log in a file: only its owner may read it, it is continued by another when it is long enough, and it is
//! opened anew when somebody has moved or removed it.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

use super::Line;
use super::output::Failed;
use crate::config::AuditFile;

/// Only the owner may read and write: lines tell who did what.
const FILE_MODE: u32 = 0o600;

/// The same for a directory.
const DIRECTORY_MODE: u32 = 0o700;

/// A file, and where it is continued.
pub(super) struct RotatingFile {
    settings: AuditFile,
    open: Option<Open>,
}

struct Open {
    file: File,
    size: u64,
    /// Device and number: tells it from another file of the same name.
    identity: (u64, u64),
}

impl RotatingFile {
    pub(super) fn new(settings: AuditFile) -> Self {
        Self { settings, open: None }
    }

    /// Writes these lines, each whole and once.
    pub(super) async fn write(&mut self, lines: &[Line]) -> Result<(), Failed> {
        let mut written = 0;
        while written < lines.len() {
            let rest = lines.get(written..).unwrap_or_default();
            match self.write_some(rest).await {
                Ok(some) => written += some,
                Err(error) => {
                    self.open = None;
                    let why = format!("{}: {error}", self.settings.path.display());
                    return Err(Failed { written, lost: 0, why });
                }
            }
        }
        Ok(())
    }

    /// As many lines as the file has room for, but one at least.
    async fn write_some(&mut self, lines: &[Line]) -> io::Result<usize> {
        let AuditFile { path, max_bytes, keep } = &self.settings;
        let open = match self.open.take() {
            Some(open) if open.is_at(path).await => open,
            _ => Open::at(path).await?,
        };
        let open = self.open.insert(open);
        let mut text = String::new();
        let mut count = 0;
        for line in lines {
            let size = open.size.saturating_add((text.len() + line.text.len()) as u64);
            if size > *max_bytes && open.size.saturating_add(text.len() as u64) > 0 {
                break;
            }
            text.push_str(&line.text);
            count += 1;
        }
        if count == 0 {
            self.open = None;
            rotate(path, *keep).await?;
            return Ok(0);
        }
        open.append(text.as_bytes()).await?;
        Ok(count)
    }
}

impl Open {
    async fn at(path: &Path) -> io::Result<Self> {
        let file = match open(path).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_parent(path)?;
                open(path).await?
            }
            other => other?,
        };
        let metadata = file.metadata().await?;
        if metadata.is_file() && metadata.permissions().mode() & 0o777 != FILE_MODE {
            file.set_permissions(std::fs::Permissions::from_mode(FILE_MODE)).await?;
        }
        let size = if metadata.is_file() { metadata.len() } else { 0 };
        Ok(Self { file, size, identity: (metadata.dev(), metadata.ino()) })
    }

    /// Whether this is still the file of this name.
    async fn is_at(&self, path: &Path) -> bool {
        fs::metadata(path).await.is_ok_and(|its| (its.dev(), its.ino()) == self.identity)
    }

    /// Appends all of it. Of what could be written only in part, as on a full disk, nothing stays, so that every line
    /// is whole.
    async fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let appended = match self.file.write_all(bytes).await {
            Ok(()) => self.file.flush().await,
            failed => failed,
        };
        if appended.is_err() {
            // What can't be cut off is, at the next try, continued by whole lines.
            let _ = self.file.set_len(self.size).await;
        }
        self.size += bytes.len() as u64;
        appended
    }
}

async fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path).await
}

/// The directory may have been removed with the file in it.
fn make_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.exists() => std::fs::DirBuilder::new().mode(DIRECTORY_MODE).create(parent),
        _ => Ok(()),
    }
}

/// Renames the file to `.1`, that one to `.2`, and so on; the last one goes.
async fn rotate(path: &Path, keep: u32) -> io::Result<()> {
    for number in (1..keep).rev() {
        renamed(&numbered(path, number), &numbered(path, number + 1)).await?;
    }
    match keep {
        0 => fs::remove_file(path).await,
        _ => renamed(path, &numbered(path, 1)).await,
    }
}

async fn renamed(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}
