//! Asking the admin listener of a running sidecar, for the commands that show what it says.

use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::terminal::block_on;
use crate::config::{self, load};

/// Which sidecar is asked.
#[derive(clap::Args, Debug)]
pub(super) struct AdminArguments {
    /// The directory with gatepost.yaml: its `listen.admin` is asked, also while the files are refused.
    #[arg(long = "config", value_name = "DIR", env = "GATEPOST_CONFIG", required_unless_present = "admin")]
    directory: Option<PathBuf>,
    /// Where the sidecar's admin listener is, `address:port`; this goes before --config.
    #[arg(long, value_name = "ADDRESS", env = "GATEPOST_ADMIN")]
    admin: Option<String>,
}

/// A page that was got.
pub(super) struct Page {
    /// Where from.
    pub(super) address: String,
    pub(super) status: StatusCode,
    pub(super) text: String,
}

/// A probe gives up sooner; a person need not wait longer.
const DEADLINE: Duration = Duration::from_secs(5);

/// No page is larger.
const MAX_PAGE_BYTES: usize = 64 << 20;

impl AdminArguments {
    /// Gets a page.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(super) fn page(&self, target: &str) -> Result<Page, String> {
        let address = self.address()?;
        let got = block_on(async { tokio::time::timeout(DEADLINE, get(&address, target)).await });
        let got = got.map_err(|error| error.to_string())?;
        let got = got.unwrap_or_else(|_| Err(format!("no answer within {DEADLINE:?}")));
        let (status, text) = got.map_err(|why| format!("gatepost at {address} can't be asked: {why}"))?;
        Ok(Page { address, status, text })
    }

    fn address(&self) -> Result<String, String> {
        match (&self.admin, &self.directory) {
            (Some(address), _) => Ok(address.clone()),
            (None, Some(directory)) => configured(directory).map(|address| address.to_string()),
            (None, None) => Err("say --config or --admin".to_owned()),
        }
    }
}

/// What the files say, whatever else may be wrong with them: then above all one wants to know.
fn configured(directory: &Path) -> Result<SocketAddr, String> {
    let source = load(directory).source;
    let path = config::Path::root().key("listen").key("admin");
    let text = source.as_ref().and_then(|source| source.text(&path));
    let address = text.and_then(|text| text.parse().ok());
    let address: SocketAddr = address.ok_or_else(|| {
        format!("gatepost.yaml in {} has no readable `listen.admin`: say --admin", directory.display())
    })?;
    Ok(SocketAddr::new(reachable(address.ip()), address.port()))
}

/// A listener on every address is reached on loopback.
fn reachable(listened_on: IpAddr) -> IpAddr {
    match listened_on {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

async fn get(address: &str, target: &str) -> Result<(StatusCode, String), String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    let request = Request::get(target).header(HOST, address).body(String::new());
    let request = request.map_err(|error| error.to_string())?;
    let exchange = async move {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        Ok((status, read(response.into_body()).await?))
    };
    // The connection ends when the exchange has dropped its sender.
    tokio::join!(exchange, connection).0
}

async fn read(mut body: Incoming) -> Result<String, String> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| error.to_string())?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        if bytes.len() > MAX_PAGE_BYTES {
            return Err("it answers with more than 64 MiB".to_owned());
        }
    }
    String::from_utf8(bytes).map_err(|_| "it answers with something that is no text".to_owned())
}
