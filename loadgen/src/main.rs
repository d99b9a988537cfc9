//! The entry point: all of it is in the library, so that tests can call it.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(loadgen::shell::main(std::env::args_os()))
}
