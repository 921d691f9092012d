//! One HTTP/1.1 answer: read off the wire and looked at.

use std::io;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};

use crate::error::Doing as _;
use crate::{Error, Result};

/// What came back: status, headers and body, interim answers left out.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of the first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &value[..])
    }

    /// The values of all headers of this name, in any case and in the order they came.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| &value[..])
    }

    /// The body; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not JSON; with the status and the body.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).doing(|| format!("{} is not JSON: {:?}", self.status, self.text()))
    }

    pub(super) async fn read(stream: impl AsyncRead + Unpin, to_head: bool) -> Result<Self> {
        let mut stream = BufReader::new(stream);
        loop {
            let (status, headers) = read_head(&mut stream).await?;
            let mut answer = Self { status, headers, body: Vec::new() };
            if status >= 200 {
                if !(to_head || status == 204 || status == 304) {
                    answer.body =
                        answer.read_body(&mut stream).await.doing(|| "cannot read the body".into())?;
                }
                return Ok(answer);
            }
        }
    }

    async fn read_body(&self, stream: &mut BufReader<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return read_chunks(stream).await;
        }
        match self.header("content-length") {
            Some(length) => {
                body.resize(length.parse().map_err(io::Error::other)?, 0);
                stream.read_exact(&mut body).await?;
            }
            None => {
                stream.read_to_end(&mut body).await?;
            }
        }
        Ok(body)
    }
}

async fn read_head(stream: &mut BufReader<impl AsyncRead + Unpin>) -> Result<(u16, Vec<(String, String)>)> {
    let start = read_line(stream).await.doing(|| "the connection ended without an answer".into())?;
    let status = start.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or_else(|| Error::new(format!("not an HTTP/1.1 answer: {start:?}")))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream).await.doing(|| "the connection ended within the headers".into())?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) =
            line.split_once(':').ok_or_else(|| Error::new(format!("not a header: {line:?}")))?;
        headers.push((name.into(), value.trim().into()));
    }
}

async fn read_chunks(stream: &mut BufReader<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = read_line(stream).await?;
        let size = size.split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
        if size == 0 {
            // Trailers, which nobody asks for, end with an empty line.
            while !read_line(stream).await?.is_empty() {}
            return Ok(body);
        }
        if stream.take(size).read_to_end(&mut body).await? as u64 != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        read_line(stream).await?;
    }
}

/// A line without its CRLF; a stream that ends first is an error.
async fn read_line(stream: &mut BufReader<impl AsyncRead + Unpin>) -> io::Result<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await?;
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(String::from_utf8_lossy(line).into_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(wire: &str) -> Result<Answer> {
        Answer::read(wire.as_bytes(), false).await
    }

    #[tokio::test]
    async fn reads_a_body_by_its_length_and_no_further() {
        let answer =
            read("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nX-A: 1\r\nx-a:2\r\n\r\nabcHTTP/1.1")
                .await
                .unwrap();
        assert_eq!((answer.status, &answer.body[..]), (403, &b"abc"[..]));
        assert_eq!(answer.headers("X-a").collect::<Vec<_>>(), ["1", "2"]);
    }

    #[tokio::test]
    async fn reads_a_body_in_chunks() {
        let answer = read(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
             3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nt: 1\r\n\r\n",
        );
        assert_eq!(answer.await.unwrap().body, b"abc0123456789");
    }

    #[tokio::test]
    async fn reads_a_body_until_the_connection_ends_when_nothing_frames_it() {
        assert_eq!(read("HTTP/1.0 200 OK\r\n\r\nabc").await.unwrap().body, b"abc");
    }

    #[tokio::test]
    async fn skips_interim_answers() {
        assert_eq!(
            read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n").await.unwrap().status,
            204
        );
    }

    #[tokio::test]
    async fn half_an_answer_is_an_error() {
        for wire in [
            "",
            "HTTP/1.1 200",
            "HTTP/1.1 200 OK\r\nx",
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab",
        ] {
            assert!(read(wire).await.is_err(), "{wire:?}");
        }
    }

    #[tokio::test]
    async fn what_is_not_http_is_an_error_that_shows_it() {
        let error = read("SSH-2.0-OpenSSH\r\n").await.unwrap_err().to_string();
        assert!(error.contains("SSH-2.0"), "{error}");
    }
}
