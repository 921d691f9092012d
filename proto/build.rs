//! Compiles the protocol definitions beside this file; protox needs no protoc.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    tell_of_vectors();
    let descriptors = protox::compile(["envoy_service_auth_v3.proto"], ["proto"])?;
    // No Debug: a request carries credentials, and nothing may print it by accident.
    tonic_prost_build::configure()
        .bytes(".envoy.config.core.v3.HeaderValue")
        .skip_debug(["."])
        .compile_fds(descriptors)?;
    Ok(())
}

/// Test vectors of standards lie beside some checkouts. Without them, the tests that read them are reported as
/// ignored, and only the build can tell the test harness so.
fn tell_of_vectors() {
    const VECTORS: &str = "../shared/vectors";
    println!("cargo::rustc-check-cfg=cfg(vectors)");
    if Path::new(VECTORS).is_dir() {
        println!("cargo::rustc-cfg=vectors");
        // Not where there are none: a path that is missing would count as changed at every build.
        println!("cargo::rerun-if-changed={VECTORS}");
    }
}
