//! What is delivered to a cluster, rendered and read by the real tools: Helm, Kustomize and the API's schemas.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails here is a failed test"
)]

mod carriers;
mod chart;
mod index;
mod inject;
mod kustomize;
mod running;
mod tools;
mod wiring;
