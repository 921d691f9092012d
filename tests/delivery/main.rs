//! What is delivered to a cluster, rendered and read by the real tools: Helm, Kustomize and the API's schemas.

mod chart;
mod tools;
