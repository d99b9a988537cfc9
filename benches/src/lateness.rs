//! How late loadgen releases events against their schedule, to a sink that takes whatever comes.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use tokio::process::Command;

use crate::loadgen::Loadgen;
use crate::report::{Measurement, Report, Target};
use crate::stats::median;
use crate::{build, process};

/// Odd, so that the median is a measurement.
const ROUNDS: usize = 3;
const SECONDS: u64 = 10;
/// Rates, with the names of their measurements.
const RATES: [(u64, &str); 2] = [(500, "start_lateness_500"), (50_000, "start_lateness_50000")];
/// Later than this is not on time.
const TARGET_MS: f64 = 1.0;

/// What a run at a rate came to.
#[derive(Deserialize)]
pub(crate) struct Paced {
    /// Events released.
    pub(crate) offered: u64,
    /// The latest but for one in a thousand, in milliseconds.
    pub(crate) p999_ms: f64,
}

/// Measures it.
pub(crate) async fn run(repository: &Path, report: &mut Report) -> anyhow::Result<()> {
    let python = build::python(repository)?;
    let loadgen = Loadgen::build(repository).await?;
    for (rate, name) in RATES {
        eprintln!("Releasing {rate} events a second for {SECONDS} s, {ROUNDS} times in turn with Python ...");
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let paced = loadgen.pace(rate, SECONDS).await?;
            ensure!(
                paced.offered.abs_diff(rate * SECONDS) <= 1,
                "loadgen offered {} events in {SECONDS} s at {rate} events/s",
                paced.offered
            );
            ours.push(paced.p999_ms);
            theirs.push(in_python(repository, &python, rate).await?.p999_ms);
        }
        report.add(&Measurement {
            name,
            value: median(ours),
            unit: "ms, p99.9",
            higher_is_better: false,
            peer: "Python, time.sleep",
            peer_value: median(theirs),
            target: Some(Target::Value(TARGET_MS)),
        });
    }
    Ok(())
}

async fn in_python(repository: &Path, python: &Path, rate: u64) -> anyhow::Result<Paced> {
    let mut command = Command::new(python);
    command
        .arg(repository.join("benches/peers/pace.py"))
        .args(["--rate", &rate.to_string()])
        .args(["--events", &(rate * SECONDS).to_string()]);
    let finished = process::finish(command, "the pacer in Python").await?;
    serde_json::from_slice(&finished.stdout).context("cannot read what the pacer in Python measured")
}
