//! The command line. `cargo run --example` does not build the gatepost binary, so this one is both.

use std::ffi::OsString;

pub(crate) const HELP: &str = "\
cargo run --release --example quickstart             start everything and say what to try
cargo run --release --example quickstart -- --tour   try it, and exit 0 only if all went as it should
cargo run --release --example quickstart -- serve | check | explain …   gatepost itself";

/// What the words ask for.
pub(crate) enum Wanted {
    /// One of gatepost's own commands.
    Gatepost,
    Quickstart {
        tour: bool,
    },
    Help,
    Unknown(OsString),
}

pub(crate) fn read() -> Wanted {
    let Some(first) = std::env::args_os().nth(1) else { return Wanted::Quickstart { tour: false } };
    match first.to_str() {
        Some("serve" | "check" | "explain") => Wanted::Gatepost,
        Some("--tour") => Wanted::Quickstart { tour: true },
        Some("--help" | "-h") => Wanted::Help,
        _ => Wanted::Unknown(first),
    }
}
