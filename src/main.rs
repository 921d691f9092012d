//! The binary: everything is in the library, so that tests and the quickstart run the same code.

use std::process::ExitCode;

fn main() -> ExitCode {
    gatepost::cli::main()
}
