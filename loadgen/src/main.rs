//! The entry point: all of it is in the library, so that tests can call it.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Records are made on one thread and let go of on others, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(loadgen::shell::main(std::env::args_os()))
}
