//! The certificates of TLS, mutual too (RFC 8705 §2): an authority, a server's and a client's from it.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{WantsServerCert, WebPkiClientVerifier};
use tokio_rustls::rustls::{ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier};

use crate::Result;
use crate::error::Doing as _;

/// All in PEM.
pub(crate) struct Certificates {
    pub(crate) authority: String,
    pub(crate) client: String,
    pub(crate) client_key: String,
    pub(crate) server: String,
    pub(crate) server_key: String,
}

impl Certificates {
    pub(crate) fn new() -> Result<Self> {
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
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor> {
        self.try_acceptor().doing(|| "cannot set up mutual TLS".into())
    }

    /// Takes connections from anybody.
    pub(crate) fn open_acceptor(&self) -> Result<TlsAcceptor> {
        self.acceptor_with(|builder| Ok(builder.with_no_client_auth())).doing(|| "cannot set up TLS".into())
    }

    fn try_acceptor(&self) -> Result<TlsAcceptor, AnyError> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.as_bytes())?)?;
        let provider = Arc::new(default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
        self.acceptor_with(|builder| Ok(builder.with_client_cert_verifier(verifier)))
    }

    fn acceptor_with(
        &self,
        clients: impl FnOnce(ConfigBuilder<ServerConfig, WantsVerifier>) -> Result<Wanting, AnyError>,
    ) -> Result<TlsAcceptor, AnyError> {
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let config = clients(builder.with_safe_default_protocol_versions()?)?.with_single_cert(
            vec![CertificateDer::from_pem_slice(self.server.as_bytes())?],
            PrivateKeyDer::from_pem_slice(self.server_key.as_bytes())?,
        )?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;
type Wanting = ConfigBuilder<ServerConfig, WantsServerCert>;
