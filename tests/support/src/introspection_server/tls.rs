//! The certificates of mutual TLS (RFC 8705 §2): an authority, a server's and a client's from it.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::Result;
use crate::error::Doing as _;

/// All in PEM.
pub(super) struct Certificates {
    pub(super) authority: String,
    pub(super) client: String,
    pub(super) client_key: String,
    server: String,
    server_key: String,
}

impl Certificates {
    pub(super) fn new() -> Result<Self> {
        Self::try_new().doing(|| "cannot make certificates".into())
    }

    fn try_new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(vec![])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let issue = |name: &str| -> Result<(String, String), rcgen::Error> {
            let key = KeyPair::generate()?;
            let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &authority)?;
            Ok((certificate.pem(), key.serialize_pem()))
        };
        let (server, server_key) = issue("localhost")?;
        let (client, client_key) = issue("gatepost.example.com")?;
        Ok(Self { authority: authority.pem(), client, client_key, server, server_key })
    }

    /// Takes connections only from the client.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor> {
        self.try_acceptor().doing(|| "cannot set up mutual TLS".into())
    }

    fn try_acceptor(&self) -> Result<TlsAcceptor, Box<dyn std::error::Error + Send + Sync>> {
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes());
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&self.authority)?)?;
        let provider = Arc::new(default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![certificate(&self.server)?],
                PrivateKeyDer::from_pem_slice(self.server_key.as_bytes())?,
            )?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
