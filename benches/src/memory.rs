//! loadgen's memory: neither the shop's size nor the run's length is to show in it.

use std::path::Path;

use crate::loadgen::Loadgen;
use crate::report::{Measurement, Report, Target};

const EVENTS: u64 = 10_000_000;
const FEWER_EVENTS: u64 = 1_000_000;
/// The largest shop there is.
const SHOP: [&str; 4] = ["--users", "10000000", "--products", "250000"];

/// Measures it.
pub(crate) async fn run(repository: &Path, report: &mut Report) -> anyhow::Result<()> {
    let loadgen = Loadgen::build(repository).await?;
    eprintln!("Running loadgen for {FEWER_EVENTS} and for {EVENTS} events, with the largest shop ...");
    let fewer = loadgen.run(FEWER_EVENTS, None, &SHOP).await?;
    let many = loadgen.run(EVENTS, None, &SHOP).await?;
    report.add(&Measurement {
        name: "loadgen_memory_mb",
        value: many.peak_mb,
        unit: "MB",
        higher_is_better: false,
        peer: "the same at 1 million events",
        peer_value: fewer.peak_mb,
        target: Some(Target::Value(64.0)),
    });
    Ok(())
}
