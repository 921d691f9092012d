//! Whether the files that the configuration names can be used, found out by what uses them later.

use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;
use std::{fs, io};

use super::http::HttpClient;
use super::introspection::{CredentialFault, prove, read_secret};
use crate::clock::Clock;
use crate::config::{Client, ClientAuth, CollectorSettings, Path, TrustedIssuer};
use crate::secret::Secret;

/// Why a file can't be used. It never tells what is in it.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// It is not there, is no file, or can't be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is empty, or holds something else than it should.
    #[error("{}: it does not hold {wanted}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
}

const SECRET: &str = "a secret";
const AUTHORITIES: &str = "PEM certificates";
const CERTIFICATE: &str = "a PEM certificate";
const PRIVATE_KEY: &str = "a PEM private key";
const SIGNING_KEY: &str = "a PEM key for `algorithm`";
const KEY_OF_CERTIFICATE: &str = "the private key of the certificate in `certificate_file`";

/// The keys of an issuer, which is at `at`, whose files can't be used. Key sets are not among them.
pub async fn unusable_files(trusted: &TrustedIssuer, at: &Path) -> Vec<(Path, FileFault)> {
    let mut found = Vec::new();
    if let Some(path) = &trusted.ca_file {
        let fault = certificates(path, AUTHORITIES).await.err();
        found.extend(fault.map(|fault| (at.key("ca_file"), fault)));
    }
    if let Some(settings) = &trusted.introspection {
        let at = at.key("introspection").key("client");
        let faults = credentials(&settings.client, &trusted.issuer.identifier).await;
        found.extend(faults.into_iter().map(|(key, fault)| (at.key(key), fault)));
    }
    found
}

/// As [`unusable_files`], of a collector, which is at `at`.
pub async fn unusable_collector_files(settings: &CollectorSettings, at: &Path) -> Vec<(Path, FileFault)> {
    let mut found = Vec::new();
    if let Some(path) = &settings.ca_file {
        let fault = certificates(path, AUTHORITIES).await.err();
        found.extend(fault.map(|fault| (at.key("ca_file"), fault)));
    }
    for (name, path) in &settings.header_files {
        let fault = text(path, SECRET).await.err();
        found.extend(fault.map(|fault| (at.key("header_files").key(name), fault)));
    }
    found
}

async fn credentials(client: &Client, issuer: &str) -> Vec<(&'static str, FileFault)> {
    let (key, path, wanted) = match &client.auth {
        ClientAuth::SecretBasic { secret_file } | ClientAuth::SecretPost { secret_file } => {
            ("secret_file", secret_file, SECRET)
        }
        ClientAuth::PrivateKeyJwt { key_file, .. } => ("key_file", key_file, SIGNING_KEY),
        ClientAuth::Tls { certificate_file, key_file } => return pair(certificate_file, key_file).await,
    };
    let proved = match is_file(path) {
        Ok(()) => prove(client, issuer, Clock::System.now()).await.map(drop),
        Err(fault) => return vec![(key, fault)],
    };
    proved.err().map(|fault| (key, FileFault::of(fault, path, wanted))).into_iter().collect()
}

/// A client certificate and its key: each by itself, and then whether they belong together.
async fn pair(certificate_file: &FilePath, key_file: &FilePath) -> Vec<(&'static str, FileFault)> {
    let (chain, key) = (certificates(certificate_file, CERTIFICATE).await, private_key(key_file).await);
    match (chain, key) {
        (Ok(chain), Ok(key)) => {
            let identity = Secret::new(format!("{}\n{}\n", chain.expose(), key.expose()));
            let together = HttpClient::new(UNUSED, None, false, Some(&identity));
            let fault = together.err().map(|_| FileFault::content(key_file, KEY_OF_CERTIFICATE));
            fault.map(|fault| ("key_file", fault)).into_iter().collect()
        }
        (chain, key) => {
            let chain = chain.err().map(|fault| ("certificate_file", fault));
            chain.into_iter().chain(key.err().map(|fault| ("key_file", fault))).collect()
        }
    }
}

/// Clients made here ask nobody.
const UNUSED: Duration = Duration::from_secs(1);

async fn certificates(path: &FilePath, wanted: &'static str) -> Result<Secret, FileFault> {
    let pem = text(path, wanted).await?;
    match HttpClient::new(UNUSED, Some(path), false, None) {
        Ok(_) => Ok(pem),
        Err(_) => Err(FileFault::content(path, wanted)),
    }
}

/// Any of the three PEM forms that TLS takes.
async fn private_key(path: &FilePath) -> Result<Secret, FileFault> {
    let pem = text(path, PRIVATE_KEY).await?;
    let is_key = pem.expose().contains("PRIVATE KEY-----");
    if is_key { Ok(pem) } else { Err(FileFault::content(path, PRIVATE_KEY)) }
}

async fn text(path: &FilePath, wanted: &'static str) -> Result<Secret, FileFault> {
    is_file(path)?;
    read_secret(path).await.map_err(|fault| FileFault::of(fault, path, wanted))
}

/// Opening a pipe would wait for who writes into it.
fn is_file(path: &FilePath) -> Result<(), FileFault> {
    let unreadable = |error| FileFault::Unreadable { path: path.to_owned(), error };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.is_file() { Ok(()) } else { Err(unreadable(io::Error::other("it is not a file"))) }
}

impl FileFault {
    fn content(path: &FilePath, wanted: &'static str) -> Self {
        Self::Content { path: path.to_owned(), wanted }
    }

    fn of(fault: CredentialFault, path: &FilePath, wanted: &'static str) -> Self {
        match fault {
            CredentialFault::File { path, error } => Self::Unreadable { path, error },
            CredentialFault::Content { .. } | CredentialFault::Signing => Self::content(path, wanted),
        }
    }
}
