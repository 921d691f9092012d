//! The one HTTP client for talking to issuers: bounded in time and size, no redirects, no strange addresses.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, RETRY_AFTER,
};
use reqwest::{Certificate, Client, Identity, Method, RequestBuilder, Response, StatusCode, redirect};
use serde_json::Value;
use url::{Host, Url};

use crate::secret::Secret;

/// No metadata document or key set is larger.
pub(super) const MAX_BODY_BYTES: usize = 1 << 20;

/// A client for one issuer.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client,
    guard: AddressGuard,
}

/// What an issuer answered.
#[derive(Debug)]
pub(super) enum Fetched {
    /// Nothing changed since the entity tag that was sent.
    NotModified,
    /// The body, with its entity tag where there is one.
    Body { bytes: Vec<u8>, etag: Option<HeaderValue> },
}

/// A form to post.
pub(super) struct Form<'a> {
    pub(super) accept: &'static str,
    pub(super) authorization: Option<&'a Secret>,
    pub(super) fields: &'a [(&'static str, &'a str)],
}

/// A request that carries JSON, or nothing, and wants JSON.
pub(super) struct Exchange<'a> {
    pub(super) method: Method,
    pub(super) authorization: &'a Secret,
    pub(super) json: Option<&'a Value>,
}

/// What came back from posting a form, whatever its status.
pub(super) struct Posted {
    pub(super) status: u16,
    pub(super) content_type: String,
    /// In seconds (RFC 9110 §10.2.3); a date is not read.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer to use.
#[derive(Debug, thiserror::Error)]
pub enum HttpFault {
    /// The client could not be made.
    #[error("the HTTP client can't be set up: {0}")]
    Setup(String),
    /// The address is one that no issuer has.
    #[error("{0} is a link-local, loopback or otherwise special address, which no issuer has")]
    ForbiddenAddress(IpAddr),
    /// The exchange failed.
    #[error("{url} did not answer: {cause}")]
    Exchange {
        /// What was asked.
        url: Url,
        /// The innermost cause, in words.
        cause: String,
    },
    /// The status is not 200.
    #[error("{url} answered {status}{}", redirect_hint(*status))]
    Status {
        /// What was asked.
        url: Url,
        /// What it answered.
        status: StatusCode,
    },
    /// The body is too large.
    #[error("{0} answered with more than 1 MiB")]
    TooLarge(Url),
}

fn redirect_hint(status: StatusCode) -> &'static str {
    if status.is_redirection() { ": redirects are not followed, configure the final URL" } else { "" }
}

impl HttpClient {
    /// A client whose requests take at most `timeout`. `loopback` says whether this machine is an address
    /// that the issuer may have; then http is taken too. `identity` is a client certificate with its key, PEM.
    ///
    /// # Errors
    /// When the certificates can't be read.
    #[expect(clippy::disallowed_methods, reason = "this is its one home")]
    pub fn new(
        timeout: Duration,
        ca_file: Option<&Path>,
        loopback: bool,
        identity: Option<&Secret>,
    ) -> Result<Self, HttpFault> {
        let guard = AddressGuard { loopback };
        let mut builder = Client::builder()
            .user_agent(concat!("gatepost/", env!("CARGO_PKG_VERSION")))
            .https_only(!loopback)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(timeout)
            .timeout(timeout)
            .pool_idle_timeout(Duration::from_secs(20))
            .dns_resolver(Arc::new(guard));
        if let Some(path) = ca_file {
            builder = builder.tls_certs_merge(certificates(path)?);
        }
        if let Some(pem) = identity {
            let identity = Identity::from_pem(pem.expose().as_bytes())
                .map_err(|_| HttpFault::Setup("the client certificate or its key is no PEM".to_owned()))?;
            builder = builder.identity(identity);
        }
        let client = builder.build().map_err(|error| HttpFault::Setup(innermost(&error)))?;
        Ok(Self { client, guard })
    }

    /// Gets a JSON document, if it changed since `etag`.
    ///
    /// # Errors
    /// When there is no complete answer of at most 1 MiB with status 200 or 304.
    pub(super) async fn get(&self, url: &Url, etag: Option<&HeaderValue>) -> Result<Fetched, HttpFault> {
        self.guard.check_literal(url)?;
        let mut request = self.client.get(url.clone()).header(ACCEPT, "application/json");
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = request.send().await.map_err(|error| exchange(url, &error))?;
        match response.status() {
            StatusCode::NOT_MODIFIED if etag.is_some() => Ok(Fetched::NotModified),
            StatusCode::OK => {
                let etag = response.headers().get(ETAG).cloned();
                Ok(Fetched::Body { bytes: body(url, response).await?, etag })
            }
            status => Err(HttpFault::Status { url: url.clone(), status }),
        }
    }

    /// Posts a form.
    ///
    /// # Errors
    /// When there is no complete answer of at most 1 MiB. Any status is an answer.
    pub(super) async fn post(&self, url: &Url, form: Form<'_>) -> Result<Posted, HttpFault> {
        self.guard.check_literal(url)?;
        let mut request = self
            .client
            .post(url.clone())
            .header(ACCEPT, form.accept)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(encode(form.fields));
        if let Some(authorization) = form.authorization {
            request = authorize(request, authorization)?;
        }
        posted(url, request).await
    }

    /// Exchanges JSON.
    ///
    /// # Errors
    /// When there is no complete answer of at most 1 MiB. Any status is an answer.
    pub(super) async fn exchange(&self, url: &Url, asked: Exchange<'_>) -> Result<Posted, HttpFault> {
        self.guard.check_literal(url)?;
        let mut request = self.client.request(asked.method, url.clone()).header(ACCEPT, "application/json");
        if let Some(json) = asked.json {
            request = request.header(CONTENT_TYPE, "application/json").body(json.to_string());
        }
        posted(url, authorize(request, asked.authorization)?).await
    }
}

fn authorize(request: RequestBuilder, authorization: &Secret) -> Result<RequestBuilder, HttpFault> {
    let mut value = HeaderValue::from_str(authorization.expose())
        .map_err(|_| HttpFault::Setup("the client id or secret can't be a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(request.header(AUTHORIZATION, value))
}

async fn posted(url: &Url, request: RequestBuilder) -> Result<Posted, HttpFault> {
    let response = request.send().await.map_err(|error| exchange(url, &error))?;
    let seconds = header_text(&response, RETRY_AFTER).and_then(|text| text.trim().parse().ok());
    Ok(Posted {
        status: response.status().as_u16(),
        content_type: header_text(&response, CONTENT_TYPE).unwrap_or_default().to_owned(),
        retry_after: seconds.map(Duration::from_secs),
        body: body(url, response).await?,
    })
}

/// The form of HTML, which OAuth posts (RFC 6749 §4.1.3, RFC 7662 §2.1).
fn encode(fields: &[(&'static str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn header_text(response: &Response, name: HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

async fn body(url: &Url, mut response: Response) -> Result<Vec<u8>, HttpFault> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| exchange(url, &error))? {
        if bytes.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(HttpFault::TooLarge(url.clone()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn exchange(url: &Url, error: &reqwest::Error) -> HttpFault {
    let cause = if error.is_timeout() { "it took too long".to_owned() } else { innermost(error) };
    HttpFault::Exchange { url: url.clone(), cause }
}

/// reqwest wraps the cause that helps ("connection refused", "unknown authority") several times.
fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, HttpFault> {
    let fault = |why: String| HttpFault::Setup(format!("ca_file {}: {why}", path.display()));
    let pem = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| fault(innermost(&error)))?;
    if certificates.is_empty() { Err(fault("it holds no certificate".to_owned())) } else { Ok(certificates) }
}

/// Keeps an issuer's metadata from sending us to addresses that only this machine can reach, such as a
/// cloud's metadata service. Checked after names are resolved, so that a name can't hide one.
#[derive(Clone, Copy, Debug)]
struct AddressGuard {
    loopback: bool,
}

impl AddressGuard {
    fn allows(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let special = match address {
            IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
            IpAddr::V6(v6) => v6.is_unicast_link_local(),
        };
        !special
            && !address.is_unspecified()
            && !address.is_multicast()
            && (self.loopback || !address.is_loopback())
    }

    fn check_literal(self, url: &Url) -> Result<(), HttpFault> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(()),
        };
        if self.allows(address) { Ok(()) } else { Err(HttpFault::ForbiddenAddress(address)) }
    }
}

impl Resolve for AddressGuard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if let Some(refused) = found.iter().find(|address| !guard.allows(address.ip())) {
                return Err(HttpFault::ForbiddenAddress(refused.ip()).into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_no_issuers() {
        let guard = AddressGuard { loopback: false };
        for address in [
            "169.254.169.254",
            "127.0.0.1",
            "0.0.0.0",
            "::1",
            "fe80::1",
            "224.0.0.1",
            "::ffff:169.254.169.254",
        ] {
            assert!(!guard.allows(address.parse().unwrap()), "{address}");
        }
        for address in ["10.0.0.1", "192.168.1.1", "203.0.113.7", "2001:db8::1", "fd00::1"] {
            assert!(guard.allows(address.parse().unwrap()), "{address}");
        }
        assert!(AddressGuard { loopback: true }.allows("127.0.0.1".parse().unwrap()));
    }
}
