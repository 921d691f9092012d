//! Just enough of an HTTP/1.1 server: one request a connection, whose end the server decides, so that an
//! issuer can hang, hang up and go away at once, which a well-behaved server does not.

use std::future::pending;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What was asked.
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) if_none_match: Option<String>,
}

/// What is answered.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// Answers every request that comes. When its future is dropped, so are all its connections.
pub(super) async fn serve<H, F>(listener: TcpListener, handler: H)
where
    H: Fn(Asked) -> F + Send + Sync + 'static,
    F: Future<Output = Answered> + Send,
{
    let handler = Arc::new(handler);
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let handler = Arc::clone(&handler);
        connections.spawn(async move {
            // A client that hangs up has made its point.
            let _ = exchange(stream, &*handler).await;
        });
    }
    // A listener that fails does so in a test that is about to say why.
    pending().await
}

async fn exchange<F: Future<Output = Answered>>(
    mut stream: TcpStream,
    handler: &impl Fn(Asked) -> F,
) -> io::Result<()> {
    let asked = read(&mut stream).await?;
    let answered = handler(asked).await;
    let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", answered.status);
    for (name, value) in answered.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", answered.body.len()));
    stream.write_all(&[head.as_bytes(), &answered.body].concat()).await?;
    stream.shutdown().await
}

/// The request's head; no request to an issuer's documents has a body.
async fn read(stream: &mut TcpStream) -> io::Result<Asked> {
    let mut lines = BufReader::new(stream).lines();
    let mut next = async || lines.next_line().await?.ok_or(io::Error::from(io::ErrorKind::UnexpectedEof));
    let start = next().await?;
    let path = start.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut if_none_match = None;
    loop {
        let line = next().await?;
        match line.split_once(": ") {
            _ if line.is_empty() => return Ok(Asked { path, if_none_match }),
            Some((name, value)) if name.eq_ignore_ascii_case("if-none-match") => {
                if_none_match = Some(value.to_owned());
            }
            _ => {}
        }
    }
}
