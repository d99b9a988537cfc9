//! Whole-program measurements, each against a peer that is measured in turn in the same run: a table on standard output,
//! and `target/bench/report.json` for scripts.
//!
//! A benchmark is a module with a `run` that adds its measurements to the [`report::Report`].

mod batch;
mod build;
mod endpoint;
mod function;
mod limit;
mod report;
mod runtime_api;
mod sales;
mod stats;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use report::Report;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let repository = repository()?;
    let mut report = Report::default();
    sales::run(&repository, &mut report).await?;
    println!("{report}");
    let written = report.write(&repository)?;
    println!(
        "\nWritten to {}",
        written.strip_prefix(&repository).unwrap_or(&written).display()
    );
    Ok(())
}

/// The root of the working copy that this program was built from.
fn repository() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize()
        .with_context(|| format!("{} is gone: build this program again", root.display()))
}
