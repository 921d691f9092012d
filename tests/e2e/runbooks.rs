//! Promise: each runbook of `deploy/runbooks` works as it stands: its commands are run in the state that it is about,
//! and print what it shows.

mod book;
mod clients;
mod configuration;
mod feeds;
mod incident;
mod issuers;
mod keys;
mod revoking;
mod sidecar;
mod written;
