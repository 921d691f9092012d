//! A network between two parties that a test can cut: a loopback port whose connections lead to another address.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::Result;
use crate::error::Doing as _;
use crate::tls::Certificates;

/// A link; connections end when it is dropped.
pub struct Link {
    address: SocketAddr,
    whole: watch::Sender<bool>,
    _task: JoinSet<()>,
}

impl Link {
    /// A link that is whole.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn to(target: SocketAddr) -> Result<Self> {
        Self::open(target, None).await
    }

    /// A link whose near end speaks TLS as `localhost`, and the certificate of its authority, PEM.
    ///
    /// # Errors
    /// When no certificates can be made or no port can be opened.
    pub async fn over_tls(target: SocketAddr) -> Result<(Self, String)> {
        let certificates = Certificates::new()?;
        let link = Self::open(target, Some(certificates.open_acceptor()?)).await?;
        Ok((link, certificates.authority))
    }

    async fn open(target: SocketAddr, tls: Option<TlsAcceptor>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.doing(|| "cannot open a port".into())?;
        let address = listener.local_addr().doing(|| "cannot tell the port".into())?;
        let (whole, watched) = watch::channel(true);
        let mut task = JoinSet::new();
        task.spawn(accept(listener, target, tls, watched));
        Ok(Self { address, whole, _task: task })
    }

    /// Its near end.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections, and every new one as soon as it is made.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Lets new connections pass.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    tls: Option<TlsAcceptor>,
    whole: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((near, _)) = accepted {
                    connections.spawn(carry(near, target, tls.clone(), whole.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(
    near: TcpStream,
    target: SocketAddr,
    tls: Option<TlsAcceptor>,
    mut whole: watch::Receiver<bool>,
) {
    // Latency is what some tests measure.
    let _ = near.set_nodelay(true);
    let pass = async {
        match tls {
            None => join(near, target).await,
            Some(tls) => join(tls.accept(near).await?, target).await,
        }
    };
    tokio::select! {
        _ = whole.wait_for(|whole| !whole) => {}
        _ = pass => {}
    }
}

async fn join(mut near: impl AsyncRead + AsyncWrite + Unpin, target: SocketAddr) -> std::io::Result<()> {
    let mut far = TcpStream::connect(target).await?;
    far.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut near, &mut far).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn carries_bytes_until_it_is_cut_and_again_when_it_is_mended() {
        let far = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let link = Link::to(far.local_addr().unwrap()).await.unwrap();
        for _ in 0..2 {
            let mut near = TcpStream::connect(link.address()).await.unwrap();
            let (mut end, _) = far.accept().await.unwrap();
            near.write_all(b"x").await.unwrap();
            assert_eq!(end.read_u8().await.unwrap(), b'x');
            link.cut();
            assert!(end.read_u8().await.is_err());
            link.mend();
        }
    }
}
