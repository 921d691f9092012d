//! Authorization server metadata (RFC 8414, OpenID Connect Discovery 1.0): where an issuer's keys are.

use url::Url;

use super::http::{Fetched, HttpClient, HttpFault};
use crate::jose::{JsonFault, Limits, object};

/// Why the metadata can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MetadataFault {
    /// The issuer is not a URL that well-known locations can be made from.
    #[error("the issuer {0:?} is no URL with a path")]
    Issuer(String),
    /// It can't be had.
    #[error(transparent)]
    Http(#[from] HttpFault),
    /// It is not a JSON object.
    #[error("{url}: the document {fault}")]
    Json {
        /// Where it is.
        url: Url,
        /// What is wrong.
        fault: JsonFault,
    },
    /// It speaks of another issuer (RFC 8414 §3.3).
    #[error("{url}: its issuer is {found:?}, which is not exactly the configured one")]
    OtherIssuer {
        /// Where it is.
        url: Url,
        /// What it says.
        found: String,
    },
    /// `jwks_uri` is missing, or is not a URL that keys may come from.
    #[error("{0}: its jwks_uri is missing or is not an https URL")]
    JwksUri(Url),
    /// Neither well-known location has it.
    #[error("{0}; and {1}")]
    Neither(Box<MetadataFault>, Box<MetadataFault>),
}

/// The endpoints that we use.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    /// Where the document is.
    pub(super) location: Url,
    /// `jwks_uri`.
    pub(super) jwks_uri: Option<Url>,
    /// `introspection_endpoint` (RFC 8414 §2).
    pub(super) introspection_endpoint: Option<Url>,
    /// `scopes_supported` (RFC 8414 §2), which need not name every scope.
    pub(super) scopes: Option<Vec<String>>,
    /// `token_endpoint` (RFC 8414 §2).
    pub(super) token_endpoint: Option<Url>,
}

/// Reads an issuer's OpenID configuration, or else its RFC 8414 metadata.
pub(super) async fn read(http: &HttpClient, issuer: &str, loopback: bool) -> Result<Metadata, MetadataFault> {
    let [openid, oauth] = locations(issuer).ok_or_else(|| MetadataFault::Issuer(issuer.to_owned()))?;
    match read_at(http, openid, issuer, loopback).await {
        Ok(metadata) => Ok(metadata),
        Err(first) => read_at(http, oauth, issuer, loopback)
            .await
            .map_err(|second| MetadataFault::Neither(Box::new(first), Box::new(second))),
    }
}

/// Finds an issuer's introspection endpoint. It is a member of RFC 8414's document, and many servers put it
/// into their OpenID configuration too.
pub(super) async fn introspection_endpoint(
    http: &HttpClient,
    issuer: &str,
    loopback: bool,
) -> Result<Option<Url>, MetadataFault> {
    let metadata = read(http, issuer, loopback).await?;
    if metadata.introspection_endpoint.is_some() {
        return Ok(metadata.introspection_endpoint);
    }
    let [_, oauth] = locations(issuer).ok_or_else(|| MetadataFault::Issuer(issuer.to_owned()))?;
    let second = read_at(http, oauth, issuer, loopback).await.ok();
    Ok(second.and_then(|metadata| metadata.introspection_endpoint))
}

/// OpenID Connect Discovery §4 appends to the path; RFC 8414 §3.1 inserts before it.
fn locations(issuer: &str) -> Option<[Url; 2]> {
    let base = Url::parse(issuer).ok()?;
    let path = base.path().trim_end_matches('/').to_owned();
    let at = |path: String| {
        let mut url = base.clone();
        url.set_path(&path);
        url
    };
    Some([
        at(format!("{path}/.well-known/openid-configuration")),
        at(format!("/.well-known/oauth-authorization-server{path}")),
    ])
}

async fn read_at(
    http: &HttpClient,
    url: Url,
    issuer: &str,
    loopback: bool,
) -> Result<Metadata, MetadataFault> {
    let bytes = match http.get(&url, None).await? {
        Fetched::Body { bytes, .. } => bytes,
        Fetched::NotModified => Vec::new(),
    };
    let document = match object(&bytes, Limits::DOCUMENT) {
        Ok(document) => document,
        Err(fault) => return Err(MetadataFault::Json { url, fault }),
    };
    let text = |name: &str| document.get(name).and_then(|value| value.as_str());
    let found = text("issuer").unwrap_or_default();
    if found != issuer {
        let found = found.chars().take(200).collect();
        return Err(MetadataFault::OtherIssuer { url, found });
    }
    let here = |url: &Url| loopback && crate::config::is_loopback(url);
    let secure = |url: &Url| url.scheme() == "https" || (url.scheme() == "http" && here(url));
    let endpoint = |name| text(name).and_then(|uri| Url::parse(uri).ok()).filter(secure);
    let (jwks_uri, introspection_endpoint) = (endpoint("jwks_uri"), endpoint("introspection_endpoint"));
    let scopes = document.get("scopes_supported").and_then(|list| list.as_array());
    let scopes =
        scopes.map(|list| list.iter().filter_map(|scope| scope.as_str()).map(str::to_owned).collect());
    let token_endpoint = endpoint("token_endpoint");
    Ok(Metadata { location: url, jwks_uri, introspection_endpoint, scopes, token_endpoint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_rules_for_the_well_known_location() {
        for (issuer, openid, oauth) in [
            (
                "https://idp.example.com",
                "https://idp.example.com/.well-known/openid-configuration",
                "https://idp.example.com/.well-known/oauth-authorization-server",
            ),
            (
                "https://idp.example.com/",
                "https://idp.example.com/.well-known/openid-configuration",
                "https://idp.example.com/.well-known/oauth-authorization-server",
            ),
            (
                "https://idp.example.com/realms/corp",
                "https://idp.example.com/realms/corp/.well-known/openid-configuration",
                "https://idp.example.com/.well-known/oauth-authorization-server/realms/corp",
            ),
        ] {
            assert_eq!(locations(issuer).unwrap().map(|url| url.to_string()), [openid, oauth]);
        }
    }
}
