//! The directory of one run: gatepost's configuration, tokens to try, links to the logs and to gatepost.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Fault;

const GATEPOST: &str = include_str!("gatepost.yaml");
/// What has been revoked.
pub(crate) const REVOCATIONS: &str = "revocations.jsonl";

const POLICY: &str = include_str!("policy.yaml");

/// Gone when it is dropped.
pub(crate) struct Files {
    directory: TempDir,
}

impl Files {
    /// A directory with links to gatepost: this binary, which is both.
    pub(crate) fn new() -> Result<Self, Fault> {
        let directory = tempfile::Builder::new().prefix("gatepost-").tempdir()?;
        let files = Self { directory };
        files.link("gatepost", &std::env::current_exe()?)?;
        Ok(files)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where gatepost listens for Envoy.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path().join("authz.sock")
    }

    pub(crate) fn gatepost(&self) -> PathBuf {
        self.path().join("gatepost")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("config")
    }

    /// Writes the configuration as shipped, with the addresses of this run, and gatepost's secret.
    pub(crate) fn configure(&self, issuer: &str, secret: &str, admin: &str) -> Result<(), Fault> {
        let socket = self.socket().display().to_string();
        let gatepost = replace_once(GATEPOST, "/run/gatepost/authz.sock", &socket)?;
        let gatepost = replace_once(&gatepost, "127.0.0.1:9192", admin)?;
        let gatepost = replace_once(&gatepost, "http://127.0.0.1:9000", issuer)?;
        let secret_file = self.path().join("secret").display().to_string();
        let gatepost = replace_once(&gatepost, "/run/secrets/gatepost", &secret_file)?;
        let revocations = self.path().join(REVOCATIONS).display().to_string();
        let gatepost = replace_once(&gatepost, "/var/lib/gatepost/revocations.jsonl", &revocations)?;
        self.write("secret", secret)?;
        self.write(REVOCATIONS, "")?;
        fs::create_dir(self.config()).map_err(|error| cannot("make", &self.config(), &error))?;
        self.write("config/gatepost.yaml", &gatepost)?;
        self.write("config/policy.yaml", POLICY)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), Fault> {
        let path = self.path().join(name);
        fs::write(&path, text).map_err(|error| cannot("write", &path, &error))
    }

    /// Adds a line to a file.
    pub(crate) fn append(&self, name: &str, line: &str) -> Result<(), Fault> {
        let path = self.path().join(name);
        let file = OpenOptions::new().append(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        written.map_err(|error| cannot("write", &path, &error))
    }

    pub(crate) fn link(&self, name: &str, to: &Path) -> Result<(), Fault> {
        let path = self.path().join(name);
        symlink(to, &path).map_err(|error| cannot("link", &path, &error))
    }
}

fn replace_once(text: &str, old: &str, new: &str) -> Result<String, Fault> {
    match text.matches(old).count() {
        1 => Ok(text.replace(old, new)),
        count => Err(format!("deploy/quickstart/gatepost.yaml has {count} times {old:?}, not once").into()),
    }
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Fault {
    format!("cannot {what} {}: {error}", path.display()).into()
}
