//! Compiles the protocol definitions beside this file; protox needs no protoc.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(["envoy_service_auth_v3.proto"], ["proto"])?;
    // No Debug: a request carries credentials, and nothing may print it by accident.
    tonic_prost_build::configure()
        .bytes(".envoy.config.core.v3.HeaderValue")
        .skip_debug(["."])
        .compile_fds(descriptors)?;
    Ok(())
}
