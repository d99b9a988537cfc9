//! From an event to its readable metrics, on a local stack with functions of the release profile: with all jobs, against the
//! same with one.

use std::path::Path;

use anyhow::ensure;

use crate::build;
use crate::loadgen::Loadgen;
use crate::report::{Measurement, Report, Target};
use crate::stack::Stack;

/// Rates, with the names of their measurements, and how late 99 of 100 may be, in milliseconds. The higher rate comes in
/// aggregates: the emulator looks through every record that it holds at each put, and of 300,000 that is all it does. It comes
/// from ten times the shoppers, who order as often as those of the lower one: that many orders of as few would be findings.
const RATES: [(u64, &str, &[&str], f64); 2] = [
    (500, "freshness_500", &[], 2_500.0),
    (
        5_000,
        "freshness_5000",
        &["--aggregate", "--users", "1000000"],
        5_000.0,
    ),
];
const WARM_UP_S: u64 = 10;
const MEASURED_S: u64 = 60;
const ALL_JOBS: [&str; 6] = ["sales", "views", "carts", "anomalies", "inventory", "archive"];
const ONE_JOB: [&str; 1] = ["sales"];

/// Measures it.
pub(crate) async fn run(repository: &Path, report: &mut Report) -> anyhow::Result<()> {
    let loadgen = Loadgen::build(repository).await?;
    build::functions(repository).await?;
    for (rate, name, flags, target_ms) in RATES {
        eprintln!(
            "Sending {rate} events/s for {MEASURED_S} s to a stack with all jobs, and to one with sales alone ..."
        );
        let value = p99_ms(repository, &loadgen, rate, flags, &ALL_JOBS).await?;
        let peer_value = p99_ms(repository, &loadgen, rate, flags, &ONE_JOB).await?;
        report.add(&Measurement {
            name,
            value,
            unit: "ms, p99",
            higher_is_better: false,
            peer: "with sales alone",
            peer_value,
            target: Some(Target::Value(target_ms)),
        });
    }
    Ok(())
}

/// On a stack of its own, so that no run finds what another has left.
async fn p99_ms(
    repository: &Path,
    loadgen: &Loadgen,
    rate: u64,
    flags: &[&str],
    jobs: &[&str],
) -> anyhow::Result<f64> {
    let stack = Stack::up(repository, jobs).await?;
    loadgen.freshness(&stack, rate, flags, WARM_UP_S).await?;
    let freshness = loadgen.freshness(&stack, rate, flags, MEASURED_S).await?;
    stack.down().await?;
    eprintln!(
        "{} jobs at {rate} events/s: p50 {:.0} ms, p99 {:.0} ms, {} unseen; {:.0} events/s were sent",
        jobs.len(),
        freshness.p50_ms,
        freshness.p99_ms,
        freshness.unseen,
        freshness.events_per_s
    );
    ensure!(
        freshness.unseen == 0,
        "{} events could not be read in the metrics in time",
        freshness.unseen
    );
    Ok(freshness.p99_ms)
}
