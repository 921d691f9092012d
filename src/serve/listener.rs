//! Opens the ext_authz listener: a socket file, an abstract socket or TCP.

use std::fs;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener as StdUnixListener, UnixStream};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::server::TcpIncoming;

use crate::config::AuthzAddress;

/// A listener for Envoy.
#[derive(Debug)]
pub(super) enum AuthzListener {
    Unix(UnixListenerStream, Option<SocketFile>),
    Tcp(TcpIncoming, std::net::SocketAddr),
}

/// Removes the socket file at the end, unless a successor has put its own in its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    inode: Option<u64>,
}

impl SocketFile {
    fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), inode: inode(path) }
    }
}

fn inode(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|metadata| metadata.ino())
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.inode.is_some() && inode(&self.path) == self.inode {
            // Gone already is as good.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl AuthzListener {
    pub(super) async fn open(address: &AuthzAddress) -> io::Result<Self> {
        match address {
            AuthzAddress::Unix { path, mode } => {
                remove_stale(path)?;
                let listener = StdUnixListener::bind(path)?;
                fs::set_permissions(path, fs::Permissions::from_mode(*mode))?;
                Ok(Self::Unix(stream(listener)?, Some(SocketFile::of(path))))
            }
            AuthzAddress::Abstract(name) => {
                let address = UnixAddress::from_abstract_name(name)?;
                Ok(Self::Unix(stream(StdUnixListener::bind_addr(&address)?)?, None))
            }
            AuthzAddress::Tcp(address) => {
                let listener = TcpListener::bind(address).await?;
                let local = listener.local_addr()?;
                Ok(Self::Tcp(TcpIncoming::from(listener).with_nodelay(Some(true)), local))
            }
        }
    }
}

fn stream(listener: StdUnixListener) -> io::Result<UnixListenerStream> {
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener).map(UnixListenerStream::new)
}

/// A container that was killed leaves its socket file behind; one that somebody answers on is not ours to
/// take, and a file that is no socket is not ours to delete.
fn remove_stale(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?.file_type(),
    };
    if !kind.is_socket() {
        return Err(io::Error::other("something that is not a socket is in its place"));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::Error::other("another process already listens on it")),
        Err(_) => fs::remove_file(path),
    }
}
