//! `listen`: addresses of the two listeners.

use std::net::SocketAddr;

use super::super::document::ListenDocument;
use super::super::{AuthzAddress, Listen, Path};
use super::findings::Findings;

pub(super) fn compile(document: &ListenDocument, at: &Path, findings: &mut Findings<'_>) -> Option<Listen> {
    let mode = socket_mode(document.socket_mode.as_deref(), &at.key("socket_mode"), findings);
    let authz = authz(&document.authz, mode, &at.key("authz"), findings);
    let admin = address(&document.admin, &at.key("admin"), findings, "`0.0.0.0:9192`");
    if document.socket_mode.is_some() && !matches!(authz, Some(AuthzAddress::Unix { .. }) | None) {
        findings.error(&at.key("socket_mode"), "has no meaning without a socket file", "delete it");
    }
    let listen = Listen { authz: authz?, admin: admin? };
    if let AuthzAddress::Tcp(address) = &listen.authz {
        warn_of_network(address, &at.key("authz"), findings);
        if address.port() != 0 && *address == listen.admin {
            findings.error(&at.key("admin"), "is the same as listen.authz", "give each its own port");
        }
    }
    Some(listen)
}

fn warn_of_network(address: &SocketAddr, at: &Path, findings: &mut Findings<'_>) {
    if !address.ip().is_loopback() {
        findings.warning(
            at,
            "is reachable from the network: tokens cross it in the clear, and anyone can ask",
            "beside Envoy, use `unix:/run/gatepost/authz.sock` or `127.0.0.1:9191`",
        );
    }
}

fn authz(text: &str, mode: u32, at: &Path, findings: &mut Findings<'_>) -> Option<AuthzAddress> {
    match text.strip_prefix("unix:") {
        None => address(text, at, findings, "`unix:/run/gatepost/authz.sock` or `127.0.0.1:9191`")
            .map(AuthzAddress::Tcp),
        Some(name) => unix(name, mode, at, findings),
    }
}

fn unix(name: &str, mode: u32, at: &Path, findings: &mut Findings<'_>) -> Option<AuthzAddress> {
    // sockaddr_un holds 108 bytes, one of them a terminator or the abstract marker.
    let fits = name.len() <= 107;
    match name.strip_prefix('@') {
        Some(name) if fits && !name.is_empty() => Some(AuthzAddress::Abstract(name.to_owned())),
        None if fits && name.starts_with('/') => Some(AuthzAddress::Unix { path: name.into(), mode }),
        _ => {
            let hint =
                "write `unix:/run/gatepost/authz.sock`, or `unix:@gatepost` for a socket without a file";
            findings.error(at, "is not an absolute path or `@name` of at most 107 bytes", hint);
            None
        }
    }
}

fn address(text: &str, at: &Path, findings: &mut Findings<'_>, example: &str) -> Option<SocketAddr> {
    let address = text.parse().ok();
    if address.is_none() {
        findings.error(at, "is not an address and port", format!("write {example}"));
    }
    address
}

fn socket_mode(text: Option<&str>, at: &Path, findings: &mut Findings<'_>) -> u32 {
    const DEFAULT: u32 = 0o666;
    let Some(text) = text else { return DEFAULT };
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => mode,
        _ => {
            findings.error(at, "is not a file mode", "write three octal digits in quotes, such as \"0660\"");
            DEFAULT
        }
    }
}
