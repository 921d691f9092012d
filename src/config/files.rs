//! All files of a configuration directory as they were at one moment, read but not yet understood.
//!
//! In a mounted ConfigMap `..data` links to a directory that the kubelet never changes again: an edit is a new
//! directory and a rename of that link. Reading resolves the link once, and begins again when it has moved by
//! the end. In any other directory a file may be half-written, and nothing tells.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path as FilePath, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

/// Whom we trust and where we listen.
pub const GATEPOST_FILE: &str = "gatepost.yaml";
/// What each route needs.
pub const POLICY_FILE: &str = "policy.yaml";
/// What each route will need, to be compared with what it needs now.
pub const NEXT_POLICY_FILE: &str = "policy.next.yaml";
/// More rules, in files of their own: `*.yaml`.
pub const POLICY_DIRECTORY: &str = "policy.d";

/// A larger file is a mistake, and is not read into memory.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// All files together; a ConfigMap holds an eighth of it.
const MAX_BYTES: u64 = 8 << 20;

/// More are a mistake in a directory of policies.
const MAX_POLICIES: usize = 100;

/// A directory that moves on this often while it is read is none that a kubelet writes.
const TRIES: u32 = 100;

/// Tells one content of a directory from any other.
pub type Fingerprint = [u8; 32];

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// Its path, as people know it.
    pub name: String,
    /// What is in it, or why it can't be read.
    pub content: Result<Vec<u8>, String>,
}

/// The files of a configuration directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Where they are; what they name is relative to it.
    pub directory: PathBuf,
    /// [`GATEPOST_FILE`].
    pub gatepost: ConfigFile,
    /// [`POLICY_FILE`].
    pub policy: ConfigFile,
    /// [`NEXT_POLICY_FILE`], if there is one.
    pub next_policy: Option<ConfigFile>,
    /// Those in [`POLICY_DIRECTORY`], by name. A fault of the directory stands for all of them.
    pub more_policies: Vec<ConfigFile>,
    /// Whether all of them came from where nothing is half-written.
    pub is_settled: bool,
}

impl Files {
    /// Reads a directory. Faults are part of what is found.
    #[must_use]
    pub fn read(directory: &FilePath) -> Self {
        Self::read_with(directory, || ())
    }

    /// As [`Files::read`]; `then` runs each time that all files were read, before it is seen whether they still
    /// belong together.
    fn read_with(directory: &FilePath, mut then: impl FnMut()) -> Self {
        for _ in 0..TRIES {
            let mount = Mount::of(directory);
            let files = mount.read(directory);
            then();
            if Mount::of(directory) == mount {
                return files;
            }
        }
        let restless = |name| ConfigFile {
            name: shown(directory, name),
            content: Err("the directory was replaced again and again while it was read".to_owned()),
        };
        Self {
            directory: directory.to_owned(),
            gatepost: restless(GATEPOST_FILE),
            policy: restless(POLICY_FILE),
            next_policy: None,
            more_policies: Vec::new(),
            is_settled: false,
        }
    }

    /// Equal for the same files with the same content (or the same faults), and for nothing else. Where the directory
    /// is does not matter.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut digest = Context::new(&SHA256);
        let mut part = |bytes: &[u8]| {
            digest.update(&(bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        let all =
            [&self.gatepost, &self.policy].into_iter().chain(&self.next_policy).chain(&self.more_policies);
        for ConfigFile { name, content } in all {
            let name = FilePath::new(name);
            part(name.strip_prefix(&self.directory).unwrap_or(name).as_os_str().as_encoded_bytes());
            let (kind, bytes): (&[u8], &[u8]) = match content {
                Ok(bytes) => (b"content", bytes),
                Err(fault) => (b"fault", fault.as_bytes()),
            };
            part(kind);
            part(bytes);
        }
        let mut fingerprint = Fingerprint::default();
        fingerprint.copy_from_slice(digest.finish().as_ref());
        fingerprint
    }
}

/// Where the files of a directory are just now.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    top: Place,
    /// [`POLICY_DIRECTORY`] may be a mount of its own, or a directory within this one.
    policies: Place,
}

/// A directory, behind its `..data` link where it has one.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    path: PathBuf,
    is_linked: bool,
}

impl Place {
    fn of(directory: &FilePath) -> Self {
        match fs::read_link(directory.join("..data")) {
            Ok(target) => Self { path: directory.join(target), is_linked: true },
            Err(_) => Self { path: directory.to_owned(), is_linked: false },
        }
    }
}

impl Mount {
    fn of(directory: &FilePath) -> Self {
        let top = Place::of(directory);
        let (within, is_within) = top.find(directory, POLICY_DIRECTORY);
        let policies = Place::of(&within);
        let is_linked = policies.is_linked || is_within;
        Self { top, policies: Place { is_linked, ..policies } }
    }

    fn read(&self, directory: &FilePath) -> Files {
        let mut reader = Reader { left: MAX_BYTES, is_settled: true };
        let mut top = |name| {
            let (path, is_linked) = self.top.find(directory, name);
            reader.read(&path, is_linked).map(|content| ConfigFile { name: shown(directory, name), content })
        };
        let gatepost = top(GATEPOST_FILE);
        let policy = top(POLICY_FILE);
        let next_policy = top(NEXT_POLICY_FILE);
        let more_policies = self.read_policies(directory, &mut reader);
        let needed = |file: Option<ConfigFile>, name| {
            file.unwrap_or_else(|| ConfigFile {
                name: shown(directory, name),
                content: Err(ABSENT.to_owned()),
            })
        };
        // A file that is not there, in a directory without a link, may be on its way.
        let is_settled = reader.is_settled && self.top.is_linked;
        Files {
            directory: directory.to_owned(),
            gatepost: needed(gatepost, GATEPOST_FILE),
            policy: needed(policy, POLICY_FILE),
            next_policy,
            more_policies,
            is_settled,
        }
    }

    fn read_policies(&self, directory: &FilePath, reader: &mut Reader) -> Vec<ConfigFile> {
        let shown = |name: &FilePath| shown(&directory.join(POLICY_DIRECTORY), name);
        let fault = |why: String| vec![ConfigFile { name: shown("".as_ref()), content: Err(why) }];
        let names = match policy_names(&self.policies.path) {
            Ok(names) => names,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => return fault(error.to_string()),
        };
        if names.len() > MAX_POLICIES {
            return fault(format!("it holds more than {MAX_POLICIES} files"));
        }
        let files = names.into_iter().filter_map(|name| {
            let content = reader.read(&self.policies.path.join(&name), self.policies.is_linked)?;
            Some(ConfigFile { name: shown(name.as_ref()), content })
        });
        files.collect()
    }
}

/// As the system says it.
const ABSENT: &str = "No such file or directory (os error 2)";

impl Place {
    /// Where an entry of this place is, and whether that is behind the link: not so for a directory that is
    /// mounted beside it.
    fn find(&self, directory: &FilePath, name: &str) -> (PathBuf, bool) {
        let behind = self.path.join(name);
        if self.is_linked && behind.symlink_metadata().is_ok() {
            (behind, true)
        } else {
            (directory.join(name), false)
        }
    }
}

/// The names of policies in their order, at most one more than may be.
fn policy_names(directory: &FilePath) -> std::io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.ends_with(b".yaml") && !bytes.starts_with(b".") {
            names.push(name);
        }
        if names.len() > MAX_POLICIES {
            break;
        }
    }
    names.sort();
    Ok(names)
}

fn shown(directory: &FilePath, name: impl AsRef<FilePath>) -> String {
    directory.join(name).display().to_string()
}

struct Reader {
    /// How many bytes may still be read.
    left: u64,
    is_settled: bool,
}

impl Reader {
    /// None when there is no such file.
    fn read(&mut self, path: &FilePath, is_linked: bool) -> Option<Result<Vec<u8>, String>> {
        // Opening what is no file, such as a pipe, could wait for ever.
        match fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => return Some(Err(error.to_string())),
            Ok(metadata) if !metadata.is_file() => return Some(Err("it is not a file".to_owned())),
            Ok(_) => self.is_settled &= is_linked,
        }
        let mut bytes = Vec::new();
        let most = self.left.min(MAX_FILE_BYTES);
        let read = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
        let length = bytes.len() as u64;
        self.left = self.left.saturating_sub(length);
        Some(match read {
            Err(error) => Err(error.to_string()),
            Ok(_) if length > MAX_FILE_BYTES => Err("it is larger than 1 MiB".to_owned()),
            Ok(_) if length > most => Err("all files together are larger than 8 MiB".to_owned()),
            Ok(_) => Ok(bytes),
        })
    }
}

#[cfg(test)]
mod tests;
