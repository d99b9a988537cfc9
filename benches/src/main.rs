//! Whole-program measurements, each against a peer that is measured in turn in the same run: a table on standard output,
//! and `target/bench/report.json` for scripts.
//!
//! A benchmark is a module with a `run` that adds its measurements to the [`report::Report`], and a name in [`NAMES`].
//! Arguments choose some of them by name.

mod alone;
mod batch;
mod build;
mod cost;
mod deliveries;
mod endpoint;
mod etl;
mod fold;
mod folder;
mod freshness;
mod function;
mod generate;
mod kinesis;
mod lateness;
mod limit;
mod loadgen;
mod memory;
mod process;
mod report;
mod rfm;
mod runtime_api;
mod sales;
mod send;
mod shop;
mod stack;
mod stats;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use mimalloc::MiMalloc;
use report::Report;

/// As in loadgen, whose generator is measured here; its peer has it, too.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The benchmarks, in the order in which they run.
const NAMES: [&str; 11] = [
    "generate",
    "lateness",
    "send",
    "aggregate",
    "memory",
    "sales",
    "fold",
    "etl",
    "rfm",
    "cost",
    "freshness",
];

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
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [alone::ALONE, part, folder] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return alone::run(part, Path::new(folder)).await;
    }
    let chosen = chosen(arguments)?;
    let repository = repository()?;
    let mut report = Report::default();
    let mut failed = Vec::new();
    for name in chosen {
        // What the others measured is worth telling all the same.
        if let Err(error) = bench(name, &repository, &mut report).await {
            eprintln!("error: {name}: {error:#}");
            failed.push(name);
        }
    }
    println!("{report}");
    let written = report.write(&repository)?;
    println!(
        "\nWritten to {}",
        written.strip_prefix(&repository).unwrap_or(&written).display()
    );
    ensure!(
        failed.is_empty(),
        "not measured: {} (see above)",
        failed.join(", ")
    );
    Ok(())
}

async fn bench(name: &str, repository: &Path, report: &mut Report) -> anyhow::Result<()> {
    match name {
        "generate" => generate::run(repository, report).await,
        "lateness" => lateness::run(repository, report).await,
        "send" => send::run(repository, report).await,
        "aggregate" => send::run_aggregated(repository, report).await,
        "memory" => memory::run(repository, report).await,
        "sales" => sales::run(repository, report).await,
        "fold" => fold::run(repository, report).await,
        "etl" => etl::run(repository, report).await,
        "rfm" => rfm::run(repository, report).await,
        "cost" => cost::run(repository, report).await,
        "freshness" => freshness::run(repository, report).await,
        _ => bail!("no such benchmark"),
    }
}

/// The benchmarks named, or all if none is.
fn chosen(named: Vec<String>) -> anyhow::Result<Vec<&'static str>> {
    if named.is_empty() {
        return Ok(NAMES.to_vec());
    }
    let known = |name: String| {
        let found = NAMES.into_iter().find(|known| *known == name);
        found.with_context(|| format!("there is no benchmark `{name}`; there are: {}", NAMES.join(", ")))
    };
    named.into_iter().map(known).collect()
}

/// The root of the working copy that this program was built from.
fn repository() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize()
        .with_context(|| format!("{} is gone: build this program again", root.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benchmarks_are_chosen_by_name() {
        let chosen = |names: &[&str]| chosen(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(chosen(&[]).unwrap(), NAMES);
        assert_eq!(chosen(&["send", "generate"]).unwrap(), ["send", "generate"]);
        let error = chosen(&["sned"]).unwrap_err().to_string();
        assert!(error.contains("`sned`") && error.contains("send"), "{error}");
    }
}
