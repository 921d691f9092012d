//! Just enough of an HTTP/1.1 server: one request a connection, whose end the server decides, so that an
//! issuer can hang, hang up and go away at once, which a well-behaved server does not.

use std::future::pending;
use std::io;
use std::sync::Arc;

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What was asked.
pub(crate) struct Asked {
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// Whether the connection came with a client certificate that the server trusts.
    pub(crate) certified: bool,
}

impl Asked {
    /// The value of the first header of this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &value[..])
    }
}

/// What is answered.
#[derive(Clone)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answered {
    /// With status 200.
    pub(crate) fn of(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status: 200, headers, body: body.into() }
    }
}

/// Answers every request that comes. When its future is dropped, so are all its connections.
pub(crate) async fn serve<H, F>(listener: TcpListener, tls: Option<TlsAcceptor>, handler: H)
where
    H: Fn(Asked) -> F + Send + Sync + 'static,
    F: Future<Output = Answered> + Send,
{
    let handler = Arc::new(handler);
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (handler, tls) = (Arc::clone(&handler), tls.clone());
        connections.spawn(async move {
            // A client that hangs up, or that we do not let in, has made its point.
            let _ = connection(stream, tls, &*handler).await;
        });
        while connections.try_join_next().is_some() {}
    }
    // A listener that fails does so in a test that is about to say why.
    pending().await
}

async fn connection<F: Future<Output = Answered>>(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    handler: &impl Fn(Asked) -> F,
) -> io::Result<()> {
    match tls {
        None => exchange(stream, false, handler).await,
        Some(tls) => {
            let stream = tls.accept(stream).await?;
            let certified = stream.get_ref().1.peer_certificates().is_some();
            exchange(stream, certified, handler).await
        }
    }
}

async fn exchange<F: Future<Output = Answered>>(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    certified: bool,
    handler: &impl Fn(Asked) -> F,
) -> io::Result<()> {
    let asked = read(&mut stream, certified).await?;
    let answered = handler(asked).await;
    let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", answered.status);
    for (name, value) in answered.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", answered.body.len()));
    stream.write_all(&[head.as_bytes(), &answered.body].concat()).await?;
    stream.shutdown().await
}

async fn read(stream: &mut (impl AsyncRead + Unpin), certified: bool) -> io::Result<Asked> {
    let mut stream = BufReader::new(stream);
    let start = line(&mut stream).await?;
    let path = start.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let line = line(&mut stream).await?;
        if line.is_empty() {
            break;
        }
        headers.extend(line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    let mut asked = Asked { path, headers, body: String::new(), certified };
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    asked.body = String::from_utf8_lossy(&body).into_owned();
    Ok(asked)
}

async fn line(stream: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> io::Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}
