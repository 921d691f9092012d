//! The connection to a collector, for all that is sent to one: made when it is first needed, with headers read
//! from their files each time.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::io::AsyncReadExt as _;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

use crate::config::CollectorSettings;
use crate::secret::Secret;

/// How long one export may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// No header and no bundle of certificates is larger.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Where telemetry goes.
#[derive(Debug)]
pub(in crate::telemetry) struct Collector {
    settings: CollectorSettings,
    channel: Option<Channel>,
    failing: bool,
}

/// Why the collector did not take an export. Never what was sent, nor a message of the collector, which may
/// repeat a header.
#[derive(Debug, thiserror::Error)]
pub(in crate::telemetry) enum ExportFault {
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{}: it does not hold the value of a header", .0.display())]
    Header(PathBuf),
    #[error("TLS can't be set up: `ca_file` does not hold PEM certificates, or the system has none")]
    Tls,
    #[error("the collector answered, or failed to, with gRPC status {0:?}")]
    Status(Code),
    #[error("the collector refused {0} of what was sent")]
    Partly(i64),
}

impl From<Status> for ExportFault {
    fn from(status: Status) -> Self {
        Self::Status(status.code())
    }
}

impl Collector {
    pub(in crate::telemetry) fn new(settings: CollectorSettings) -> Self {
        Self { settings, channel: None, failing: false }
    }

    /// Who sends.
    pub(in crate::telemetry) fn resource(&self) -> Resource {
        let attributes = self.settings.attributes.iter();
        Resource {
            attributes: attributes.map(|(key, value)| attribute(key, value)).collect(),
            ..Resource::default()
        }
    }

    /// The connection, and a message with its headers.
    ///
    /// # Errors
    /// When a file can't be used.
    pub(in crate::telemetry) async fn address<T>(
        &mut self,
        message: T,
    ) -> Result<(Channel, Request<T>), ExportFault> {
        let channel = match &self.channel {
            Some(channel) => channel.clone(),
            None => self.channel.insert(connect(&self.settings).await?).clone(),
        };
        let mut request = Request::new(message);
        request.set_timeout(TIMEOUT);
        for (name, path) in &self.settings.header_files {
            let value = header(path).await?;
            let name = AsciiMetadataKey::from_bytes(name.as_bytes());
            request.metadata_mut().insert(name.map_err(|_| ExportFault::Header(path.clone()))?, value);
        }
        Ok((channel, request))
    }

    /// Tells the operator when exports begin to fail and when they succeed again. After a failure the connection is
    /// made anew, with the certificate authorities as they are then.
    pub(in crate::telemetry) fn ended(&mut self, what: &'static str, ended: &Result<(), ExportFault>) {
        match ended {
            Ok(()) if self.failing => tracing::info!(what, "the collector takes telemetry again"),
            Err(error) if !self.failing => {
                tracing::warn!(what, %error, "the collector does not take telemetry; checks go on");
            }
            _ => {}
        }
        self.failing = ended.is_err();
        if self.failing {
            self.disconnect();
        }
    }

    /// Has the next export make a connection, with the certificate authorities as they are then.
    pub(in crate::telemetry) fn disconnect(&mut self) {
        self.channel = None;
    }
}

/// What the parts of an export are said to come from.
pub(in crate::telemetry) fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

pub(in crate::telemetry) fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

async fn connect(settings: &CollectorSettings) -> Result<Channel, ExportFault> {
    let endpoint = Endpoint::from_shared(settings.endpoint.to_string()).map_err(|_| ExportFault::Tls)?;
    let endpoint = endpoint.user_agent(concat!("gatepost/", env!("CARGO_PKG_VERSION")));
    let endpoint = endpoint.map_err(|_| ExportFault::Tls)?;
    let mut endpoint = endpoint.connect_timeout(TIMEOUT).timeout(TIMEOUT);
    if settings.endpoint.scheme() == "https" {
        let tls = match &settings.ca_file {
            Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(path).await?)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        endpoint = endpoint.tls_config(tls).map_err(|_| ExportFault::Tls)?;
    }
    Ok(endpoint.connect_lazy())
}

async fn header(path: &Path) -> Result<AsciiMetadataValue, ExportFault> {
    let wrong = || ExportFault::Header(path.to_owned());
    let text = Secret::new(String::from_utf8(read(path).await?).map_err(|_| wrong())?);
    // Editors and `kubectl create secret` disagree about the last line's end.
    let text = text.expose().trim_end_matches(['\r', '\n']);
    let mut value = AsciiMetadataValue::try_from(text).map_err(|_| wrong())?;
    value.set_sensitive(true);
    if text.is_empty() { Err(wrong()) } else { Ok(value) }
}

async fn read(path: &Path) -> Result<Vec<u8>, ExportFault> {
    let fault = |error| ExportFault::File { path: path.to_owned(), error };
    let mut bytes = Vec::new();
    let file = tokio::fs::File::open(path).await.map_err(fault)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).await.map_err(fault)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(fault(io::Error::other("it is larger than 1 MiB")));
    }
    Ok(bytes)
}
