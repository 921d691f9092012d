//! Real parts around gatepost, for its tests and its quickstart: an Envoy with the configuration we ship, an
//! authorization server, a service behind Envoy, a client that sends what other clients refuse to send, and a
//! directory that changes as a mounted ConfigMap does. And some that a test steers itself: a factory of good and
//! hostile tokens, and issuers that serve keys and introspection, or nonsense in their place.
//!
//! Everything listens on loopback at a port of its own and is gone when its value is dropped, also when a
//! test panics. Tests unwrap what these parts return: an [`Error`] prints as the message a person should
//! read.

mod authorization_server;
mod client;
mod collector;
mod config_dir;
mod envoy;
mod error;
mod feed_servers;
mod http;
mod introspection_server;
mod issuer;
mod kubernetes;
mod link;
mod mutual_tls;
mod port;
mod process;
pub mod secrets;
mod tls;
pub mod token;
mod tools;
mod transmitter;
mod upstream;
pub mod wait;

pub use authorization_server::{AuthorizationServer, Endpoint, Fault, Format, Mint};
pub use client::{Answer, Connection, Request};
pub use collector::Collector;
pub use config_dir::ConfigDir;
pub use envoy::{Envoy, EnvoyConfig, GATEWAY_SERIES, SIDECAR_SERIES};
pub use error::{Error, Result};
pub use feed_servers::{NatsServer, RedisServer};
pub use introspection_server::{Introspected, IntrospectionServer, Say};
pub use issuer::{Reply, TestIssuer};
pub use kubernetes::{Helm, Kubectl, Manifests};
pub use link::Link;
pub use mutual_tls::{CertifiedClient, MutualTls};
pub use port::ReservedPort;
pub use process::Process;
pub use token::{Compact, Signer, Token};
pub use transmitter::Transmitter;
pub use upstream::Upstream;
