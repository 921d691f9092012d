//! A file of one message a line, which others append to, rotate or truncate. Publishing appends one.

use std::io::{self, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _, BufReader};

use super::fault::FeedFault;
use super::intake::Intake;
use super::publish::{Position, Receipt};
use super::source::Followed;
use super::watch::Watch;
use crate::check::revocation::MAX_MESSAGE_BYTES;

/// Appends a line, has it written to the disk, and finds it again where the path leads. A file that is not there is not
/// made: nobody might follow it.
pub(super) async fn publish(path: &Path, text: &str) -> Result<Receipt, FeedFault> {
    let fault = |error| FeedFault::File { path: path.to_owned(), error };
    append(path, text).await.map_err(fault)?;
    let number = line_number(path, text).await.map_err(fault)?;
    let number =
        number.ok_or_else(|| fault(io::Error::other("it was replaced while a line was appended")))?;
    Ok(Receipt { place: Position::Line(number), server_time: None })
}

/// In one write, so that lines of several writers don't mix.
async fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).open(path).await?;
    let begun = if ends_within_a_line(&mut file).await? { "\n" } else { "" };
    file.write_all(format!("{begun}{text}\n").as_bytes()).await?;
    file.flush().await?;
    file.sync_all().await
}

/// Whether a line was begun that its writer did not end.
async fn ends_within_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata().await?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1)).await?;
    Ok(file.read_u8().await? != b'\n')
}

/// The number of the last line that is this one.
async fn line_number(path: &Path, text: &str) -> io::Result<Option<u64>> {
    let mut lines = BufReader::new(File::open(path).await?).split(b'\n');
    let (mut number, mut found) = (0, None);
    while let Some(line) = lines.next_segment().await? {
        number += 1;
        if line == text.as_bytes() {
            found = Some(number);
        }
    }
    Ok(found)
}

/// Follows a file. A file that is not there is a lost feed, not an empty one: a path may be mistyped.
#[derive(Debug)]
pub(super) struct FileFeed {
    path: PathBuf,
}

/// How much is read before others get a turn.
const CHUNK_BYTES: usize = 64 * 1024;

impl FileFeed {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) async fn follow(&mut self, intake: &Intake) -> Followed {
        let fault = |error| FeedFault::File { path: self.path.clone(), error };
        // Before the first reading, so that no change falls between the two.
        let mut watch = Watch::new(self.path.parent().unwrap_or(Path::new("/")));
        let mut tail = Tail::open(&self.path).await.map_err(fault)?;
        intake.connected();
        loop {
            tail.rewind_if_rewritten().await.map_err(fault)?;
            tail.read(intake).await?.map_err(fault)?;
            let replaced = tail.was_replaced(&self.path).await;
            if !matches!(replaced, Ok(false)) {
                // What was appended to the old one until it was replaced, or removed.
                tail.read(intake).await?.map_err(fault)?;
                replaced.map_err(fault)?;
                tail = Tail::open(&self.path).await.map_err(fault)?;
                continue;
            }
            intake.caught_up();
            intake.idle();
            watch.changed().await;
        }
    }
}

/// An open file, read up to a place.
#[derive(Debug)]
struct Tail {
    file: File,
    identity: (u64, u64),
    read: u64,
    /// The last bytes before that place, by which it is known again.
    last: Vec<u8>,
    line: Line,
}

/// How many of them.
const LAST_BYTES: usize = 256;

/// The beginning of a line whose end is yet to be written.
#[derive(Debug, Default)]
struct Line {
    begun: Vec<u8>,
    too_long: bool,
}

impl Tail {
    async fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path).await?;
        let identity = identity(&file.metadata().await?);
        Ok(Self { file, identity, read: 0, last: Vec::new(), line: Line::default() })
    }

    /// Takes all whole lines that are there and not yet taken.
    async fn read(&mut self, intake: &Intake) -> Result<io::Result<()>, FeedFault> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = match self.file.read(&mut chunk).await {
                Ok(0) => return Ok(Ok(())),
                Ok(count) => count,
                Err(error) => return Ok(Err(error)),
            };
            let came = chunk.get(..count).unwrap_or_default();
            self.read += count as u64;
            self.remember(came);
            for part in came.split_inclusive(|byte| *byte == b'\n') {
                self.line.take(part, intake).await?;
            }
        }
    }

    fn remember(&mut self, came: &[u8]) {
        self.last.extend_from_slice(came.get(came.len().saturating_sub(LAST_BYTES)..).unwrap_or_default());
        self.last.drain(..self.last.len().saturating_sub(LAST_BYTES));
    }

    /// A file that is shorter than what was read, or other than it, was written anew and is read again.
    async fn rewind_if_rewritten(&mut self) -> io::Result<()> {
        let mut last = vec![0; self.last.len()];
        self.file.seek(SeekFrom::Start(self.read - last.len() as u64)).await?;
        let same = match self.file.read_exact(&mut last).await {
            Ok(_) => last == self.last,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(error),
        };
        if !same {
            self.file.seek(SeekFrom::Start(0)).await?;
            (self.read, self.last, self.line) = (0, Vec::new(), Line::default());
        }
        Ok(())
    }

    /// Whether the path leads to another file now.
    async fn was_replaced(&self, path: &Path) -> io::Result<bool> {
        Ok(identity(&tokio::fs::metadata(path).await?) != self.identity)
    }
}

impl Line {
    async fn take(&mut self, part: &[u8], intake: &Intake) -> Result<(), FeedFault> {
        let (part, ended) = part.strip_suffix(b"\n").map_or((part, false), |part| (part, true));
        if self.begun.len() + part.len() > MAX_MESSAGE_BYTES {
            self.too_long = true;
            self.begun.clear();
        } else if !self.too_long {
            self.begun.extend_from_slice(part);
        }
        if !ended {
            return Ok(());
        }
        let Self { begun, too_long } = std::mem::take(self);
        match (too_long, begun.trim_ascii().is_empty()) {
            (true, _) => intake.malformed(),
            (false, true) => {}
            (false, false) => intake.take(&begun).await?,
        }
        Ok(())
    }
}

fn identity(metadata: &std::fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
