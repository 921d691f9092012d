//! A client that sends the bytes it is told to, well-formed or not, over a connection of its own.

mod answer;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

pub use self::answer::Answer;
use crate::error::Doing as _;
use crate::{Error, Result};

const DEADLINE: Duration = Duration::from_secs(20);

/// An HTTP/1.1 request as it goes over the wire. Nothing is normalised, checked or added, but for a `Host`
/// (the address) when none is given and a `Content-Length` when there is a body.
#[derive(Clone)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
    raw: Option<Vec<u8>>,
    from: Option<IpAddr>,
}

impl Request {
    /// `target` is what stands between the method and the version: usually a path with its query.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
            raw: None,
            from: None,
        }
    }

    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// These bytes and nothing else: the whole request.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { raw: Some(bytes.into()), ..Self::new("", "") }
    }

    /// Adds a header; one that is there already stays. Names and values may be any bytes.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    /// Sends it from this address of this machine.
    pub fn from(mut self, address: impl Into<IpAddr>) -> Self {
        self.from = Some(address.into());
        self
    }

    pub fn host(self, host: &str) -> Self {
        self.header("Host", host)
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let pairs =
            fields.iter().map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)));
        self.header("Content-Type", "application/x-www-form-urlencoded")
            .body(pairs.collect::<Vec<_>>().join("&"))
    }

    /// Sends it over a new connection and reads one whole answer.
    ///
    /// # Errors
    /// When no connection is made, no whole answer comes within 20 s, or what comes is not HTTP/1.1.
    pub async fn send(&self, to: SocketAddr) -> Result<Answer> {
        timeout(DEADLINE, self.exchange(to))
            .await
            .map_err(|_| Error::new(format!("no whole answer came within {DEADLINE:?}")))
            .flatten()
            .doing(|| format!("{} {} to {to}", self.method, self.target))
    }

    /// Sends it over this connection to `to`, and reads one whole answer.
    pub(crate) async fn send_over(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        to: SocketAddr,
    ) -> Result<Answer> {
        timeout(DEADLINE, self.converse(stream, to))
            .await
            .map_err(|_| Error::new(format!("no whole answer came within {DEADLINE:?}")))
            .flatten()
            .doing(|| format!("{} {} to {to}", self.method, self.target))
    }

    async fn exchange(&self, to: SocketAddr) -> Result<Answer> {
        let stream = self.connect(to).await.doing(|| "cannot connect".into())?;
        self.converse(stream, to).await
    }

    async fn connect(&self, to: SocketAddr) -> std::io::Result<TcpStream> {
        let Some(from) = self.from else { return TcpStream::connect(to).await };
        let socket = if from.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind(SocketAddr::new(from, 0))?;
        socket.connect(to).await
    }

    async fn converse(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin,
        to: SocketAddr,
    ) -> Result<Answer> {
        // A server may answer and hang up before it has read all: then its answer counts, not the broken
        // pipe.
        let bytes = self.bytes(to);
        let _ = stream.write_all(&bytes).await;
        Answer::read(&mut stream, bytes.starts_with(b"HEAD ")).await
    }

    fn bytes(&self, to: SocketAddr) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let length = self.body.len().to_string();
        let to = to.to_string();
        let host = (!self.has("host")).then_some((&b"Host"[..], to.as_bytes()));
        let length = self.framed_by_us().then_some((&b"Content-Length"[..], length.as_bytes()));
        let given = self.headers.iter().map(|(name, value)| (&name[..], &value[..]));
        for (name, value) in host.into_iter().chain(given).chain(length) {
            bytes.extend([name, b": ", value, b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        bytes
    }

    fn framed_by_us(&self) -> bool {
        !self.body.is_empty() && !self.has("content-length") && !self.has("transfer-encoding")
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name.as_bytes()))
    }
}

/// A connection that is kept, for requests one after another.
pub struct Connection {
    to: SocketAddr,
    stream: TcpStream,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn open(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).await.doing(|| format!("cannot connect to {to}"))?;
        stream.set_nodelay(true).doing(|| "cannot send at once".into())?;
        Ok(Self { to, stream })
    }

    /// Sends a request and reads its whole answer.
    ///
    /// # Errors
    /// As [`Request::send`].
    pub async fn send(&mut self, request: &Request) -> Result<Answer> {
        let bytes = request.bytes(self.to);
        let exchange = async {
            self.stream.write_all(&bytes).await.doing(|| "the connection is closed".into())?;
            Answer::read(&mut self.stream, bytes.starts_with(b"HEAD ")).await
        };
        let answered = timeout(DEADLINE, exchange).await;
        answered.map_err(|_| Error::new(format!("no whole answer came within {DEADLINE:?}"))).flatten()
    }
}

/// Escapes all but the unreserved characters of RFC 3986 §2.3.
pub(crate) fn percent_encode(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// Undoes [`percent_encode`], and reads `+` as a blank, as forms mean it.
pub(crate) fn percent_decode(text: &str) -> String {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let hex = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
                (hex(*high) * 16 + hex(*low), tail)
            }
            (b'+', tail) => (b' ', tail),
            (other, tail) => (*other, tail),
        };
        decoded.push(byte);
        rest = tail;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 80))
    }

    #[test]
    fn sends_the_target_and_the_headers_as_they_are() {
        let request = Request::get("//x/%2e%2e/y")
            .host("orders.example.com")
            .header("X_Subject", "a")
            .header("x-subject", b"\xff\x80")
            .header("x-subject", "");
        let wire: &[u8] = b"GET //x/%2e%2e/y HTTP/1.1\r\nHost: orders.example.com\r\nX_Subject: a\r\n\
            x-subject: \xff\x80\r\nx-subject: \r\n\r\n";
        assert_eq!(request.bytes(to()), wire);
    }

    #[test]
    fn adds_a_host_and_a_length_only_where_they_are_missing() {
        let request = Request::post("/").body("abc");
        assert_eq!(
            request.bytes(to()),
            b"POST / HTTP/1.1\r\nHost: 127.0.0.1:80\r\nContent-Length: 3\r\n\r\nabc"
        );
        let request = Request::post("/").header("HOST", "a").header("content-length", "9").body("abc");
        assert_eq!(request.bytes(to()), b"POST / HTTP/1.1\r\nHOST: a\r\ncontent-length: 9\r\n\r\nabc");
    }

    #[test]
    fn encodes_a_form() {
        let request = Request::post("/").form(&[("a b", "c+%:"), ("d", "é")]);
        assert_eq!(request.body, b"a%20b=c%2B%25%3A&d=%C3%A9");
    }
}
