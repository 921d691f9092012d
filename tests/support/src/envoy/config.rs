//! An Envoy configuration as text: the one we ship, with edits that must each hit exactly one place.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::error::Doing as _;
use crate::{Error, Result};

const LISTENER: &str = "{ address: 0.0.0.0, port_value: 8080 }";
const ADMIN: &str = "{ address: 127.0.0.1, port_value: 9901 }";
const SERVICE: &str = "{ address: 127.0.0.1, port_value: 8081 }";
const AUTHORIZATION_SERVER: &str = "{ address: 127.0.0.1, port_value: 3000 }";
const AUTHZ: &str = "{ path: /run/gatepost/authz.sock }";
const ANY_PORT: &str = "{ address: 127.0.0.1, port_value: 0 }";

/// Text of a configuration, on its way to [`super::Envoy::run`].
#[derive(Clone)]
pub struct EnvoyConfig(String);

impl EnvoyConfig {
    /// Where the file we ship is.
    pub fn shipped_path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/envoy/envoy.yaml")
    }

    /// The file we ship, as it is.
    pub fn shipped() -> Result<Self> {
        let path = Self::shipped_path();
        fs::read_to_string(&path).map(Self).doing(|| format!("cannot read {}", path.display()))
    }

    /// The file we ship, between an authorizer's unix socket and an upstream, at ports the system chooses.
    pub fn between(self, authz: &Path, upstream: SocketAddr) -> Result<Self> {
        // JSON's quoting is YAML's too.
        let authz = serde_json::Value::from(authz.to_string_lossy());
        self.replace(LISTENER, ANY_PORT)?
            .replace(AUTHZ, &format!("{{ path: {authz} }}"))?
            .replace(SERVICE, &format!("{{ address: {}, port_value: {} }}", upstream.ip(), upstream.port()))?
            .replace(ADMIN, ANY_PORT)
    }

    /// Where the file for a gateway before an authorization server is.
    pub fn gateway_path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/envoy/gateway.yaml")
    }

    /// The file for a gateway, before this authorization server and at ports the system chooses.
    pub fn gateway(server: SocketAddr) -> Result<Self> {
        let path = Self::gateway_path();
        let text = fs::read_to_string(&path).doing(|| format!("cannot read {}", path.display()))?;
        let server = format!("{{ address: {}, port_value: {} }}", server.ip(), server.port());
        Self(text)
            .replace(LISTENER, ANY_PORT)?
            .replace(AUTHORIZATION_SERVER, &server)?
            .replace(ADMIN, ANY_PORT)
    }

    /// Replaces `old`.
    ///
    /// # Errors
    /// When `old` does not occur exactly once: the file has changed and the edit would not mean what it did.
    pub fn replace(self, old: &str, new: &str) -> Result<Self> {
        match self.0.matches(old).count() {
            1 => Ok(Self(self.0.replace(old, new))),
            count => Err(Error::new(format!(
                "the Envoy configuration has {count} times {old:?} where there should be one: \
                 change the test support with the file"
            ))),
        }
    }

    /// A configuration of the caller's, as JSON.
    pub fn of(config: &serde_json::Value) -> Self {
        Self(config.to_string())
    }

    pub(super) fn write(&self, directory: &Path) -> Result<PathBuf> {
        let path = directory.join("envoy.yaml");
        fs::write(&path, &self.0).doing(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_that_hits_nothing_or_two_places_is_an_error() {
        let config = EnvoyConfig("a: 1\nb: 2\nc: 2\n".into());
        assert_eq!(config.clone().replace(": 1", ": 9").unwrap().0, "a: 9\nb: 2\nc: 2\n");
        assert!(
            config.clone().replace(": 3", ": 9").is_err_and(|error| error.to_string().contains("0 times"))
        );
        assert!(config.replace(": 2", ": 9").is_err_and(|error| error.to_string().contains("2 times")));
    }

    #[test]
    fn every_address_of_the_shipped_file_can_be_replaced() {
        let upstream = SocketAddr::from(([127, 0, 0, 1], 4711));
        let config = EnvoyConfig::shipped().unwrap().between(Path::new("/tmp/a b.sock"), upstream).unwrap();
        assert!(config.0.contains("path: \"/tmp/a b.sock\""));
        assert!(config.0.contains("port_value: 4711"));
        for fixed in ["port_value: 8080", "port_value: 9901", "path: /run/gatepost"] {
            assert!(!config.0.contains(fixed), "{fixed}");
        }
    }
}
