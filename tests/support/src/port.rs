//! A loopback port that is known before the process that will listen on it starts.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

use crate::Result;
use crate::error::Doing as _;

/// A port of 127.0.0.1 kept for a process of ours, also while that process is down or restarting.
///
/// Held by a socket that is bound and never listens: connections are refused, the system gives the port to no
/// one who asks for any port, and a process that binds it with `SO_REUSEADDR` (Tokio, Node and Envoy do) may
/// listen on it.
pub struct ReservedPort {
    address: SocketAddr,
    // Only Linux lets another socket listen beside this one.
    _socket: Option<TcpSocket>,
}

impl ReservedPort {
    pub fn choose() -> Result<Self> {
        let (address, socket) = bind().doing(|| "cannot bind a port of 127.0.0.1".into())?;
        Ok(Self { address, _socket: cfg!(target_os = "linux").then_some(socket) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn bind() -> std::io::Result<(SocketAddr, TcpSocket)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    Ok((socket.local_addr()?, socket))
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn refuses_connections_until_someone_listens_and_again_afterwards() {
        let port = ReservedPort::choose().unwrap();
        for _ in 0..2 {
            assert!(TcpStream::connect(port.address()).await.is_err());
            let listener = TcpListener::bind(port.address()).await.unwrap();
            assert!(TcpStream::connect(port.address()).await.is_ok());
            drop(listener);
        }
    }
}
