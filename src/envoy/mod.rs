//! Envoy's ext_authz v3 protocol on the wire, and its conversion to and from [`crate::check`]. No decisions.

mod request;
mod response;
mod service;

pub use service::{AuthorizationService, InFlight};

/// The generated message types: our own trimmed definitions in `proto/`.
#[expect(
    missing_docs,
    clippy::all,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
pub mod proto {
    /// `envoy.*`
    pub mod envoy {
        /// `envoy.config.*`
        pub mod config {
            /// `envoy.config.core.*`
            pub mod core {
                /// `envoy.config.core.v3`
                pub mod v3 {
                    tonic::include_proto!("envoy.config.core.v3");
                }
            }
        }
        /// `envoy.service.*`
        pub mod service {
            /// `envoy.service.auth.*`
            pub mod auth {
                /// `envoy.service.auth.v3`
                pub mod v3 {
                    tonic::include_proto!("envoy.service.auth.v3");
                }
            }
        }
        /// `envoy.type.*`
        pub mod r#type {
            /// `envoy.type.v3`
            pub mod v3 {
                tonic::include_proto!("envoy.r#type.v3");
            }
        }
    }
    /// `google.*`
    pub mod google {
        /// `google.rpc`
        pub mod rpc {
            tonic::include_proto!("google.rpc");
        }
    }
}
