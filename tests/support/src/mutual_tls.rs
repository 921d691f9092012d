//! Clients with certificates of their own, and what an Envoy needs to ask for them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::error::Doing as _;
use crate::{Answer, Request, Result};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// An authority, and the files with which Envoy ends TLS and asks for certificates of this authority.
pub struct MutualTls {
    authority: CertifiedIssuer<'static, KeyPair>,
    files: TempDir,
}

/// A client that shows its certificate.
pub struct CertifiedClient(TlsConnector);

impl MutualTls {
    pub fn new() -> Result<Self> {
        Self::try_new().doing(|| "cannot make certificates".into())
    }

    fn try_new() -> Result<Self, AnyError> {
        let mut params = CertificateParams::new(vec![])?;
        // By default everybody has one name, and then Envoy takes each certificate for one that signed itself.
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let files = tempfile::tempdir()?;
        let key = KeyPair::generate()?;
        let server = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &authority)?;
        for (name, text) in
            [("ca.pem", authority.pem()), ("server.pem", server.pem()), ("key.pem", key.serialize_pem())]
        {
            std::fs::write(files.path().join(name), text)?;
        }
        Ok(Self { authority, files })
    }

    /// The `transport_socket` of a filter chain, in JSON, which is YAML too.
    pub fn transport_socket(&self) -> String {
        let file = |name: &str| serde_json::json!({ "filename": Path::join(self.files.path(), name) });
        let certificates =
            [serde_json::json!({ "certificate_chain": file("server.pem"), "private_key": file("key.pem") })];
        let config = serde_json::json!({
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": true,
            "common_tls_context": {
                "tls_certificates": certificates,
                "validation_context": { "trusted_ca": file("ca.pem") },
            },
        });
        serde_json::json!({ "name": "envoy.transport_sockets.tls", "typed_config": config }).to_string()
    }

    /// A client with a new key and certificate for this name.
    pub fn client(&self, name: &str) -> Result<CertifiedClient> {
        self.try_client(name).doing(|| format!("cannot make a certificate for {name}"))
    }

    fn try_client(&self, name: &str) -> Result<CertifiedClient, AnyError> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &self.authority)?;
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone())?;
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der())?;
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        Ok(CertifiedClient(TlsConnector::from(Arc::new(config))))
    }
}

impl CertifiedClient {
    /// Sends a request over a new connection and reads its whole answer.
    ///
    /// # Errors
    /// As [`Request::send`], and when TLS fails.
    pub async fn send(&self, request: &Request, to: SocketAddr) -> Result<Answer> {
        let stream = TcpStream::connect(to).await.doing(|| format!("cannot connect to {to}"))?;
        let name = ServerName::try_from("localhost").doing(|| "a name".into())?;
        let stream = self.0.connect(name, stream).await.doing(|| "cannot make a TLS connection".into())?;
        request.send_over(stream, to).await
    }
}
