//! The sales function against the same in Python: how soon it takes its first batch, and what a full one costs it.

use std::path::Path;

use anyhow::ensure;

use crate::batch::{self, Batch};
use crate::build;
use crate::endpoint::NullEndpoint;
use crate::function::{Invoked, Program, Started};
use crate::report::{Measurement, Report, Target};
use crate::stats::{median, ms};

const PEER: &str = "Python 3, boto3";
/// Odd, so that the median is a measurement.
const STARTS: usize = 25;
const BATCHES: usize = 7;

/// Measures it.
pub(crate) async fn run(repository: &Path, report: &mut Report) -> anyhow::Result<()> {
    let settings = vec![
        ("METRICS_TABLE", "metrics".to_owned()),
        ("METRICS_RETENTION_DAYS", "90".to_owned()),
    ];
    let peer = Program {
        name: "the Python peer",
        executable: build::python(repository)?,
        script: Some(repository.join("benches/peers/sales.py")),
        settings: settings.clone(),
    };
    let executable = build::release(repository, "sales", None).await?;
    let sales = Program {
        name: "the sales function",
        executable,
        script: None,
        settings,
    };
    let endpoint = NullEndpoint::start().await?;
    starts(&sales, &peer, &endpoint, report).await?;
    batches(&sales, &peer, &endpoint, report).await
}

async fn starts(
    sales: &Program,
    peer: &Program,
    endpoint: &NullEndpoint,
    report: &mut Report,
) -> anyhow::Result<()> {
    eprintln!("Starting it and its peer {STARTS} times in turn ...");
    let mut took = [Vec::new(), Vec::new()];
    // The first round brings the programs' files into memory and is not counted.
    for round in 0..=STARTS {
        for (program, took) in [sales, peer].into_iter().zip(&mut took) {
            let started = program.start(endpoint.address).await?;
            if round > 0 {
                took.push(ms(started.took));
            }
            started.stop().await?;
        }
    }
    let [value, peer_value] = took.map(median);
    report.add(&Measurement {
        target: Some(Target::Value(20.0)),
        ..lower("sales_start_ms", "ms", value, peer_value)
    });
    Ok(())
}

async fn batches(
    sales: &Program,
    peer: &Program,
    endpoint: &NullEndpoint,
    report: &mut Report,
) -> anyhow::Result<()> {
    let batch = batch::transactions()?;
    let mb = batch.data_bytes as f64 / f64::from(1 << 20);
    eprintln!(
        "Handing both a batch of {} records, {mb:.1} MB, {BATCHES} times in turn ...",
        batch::RECORDS
    );
    let (mut memory, mut took) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _ in 0..BATCHES {
        for (n, program) in [sales, peer].into_iter().enumerate() {
            let invoked = invoke(program, endpoint, &batch).await?;
            memory[n].push(invoked.peak_mb);
            took[n].push(ms(invoked.took));
        }
    }
    let [value, peer_value] = memory.map(median);
    report.add(&Measurement {
        target: Some(Target::Value(64.0)),
        ..lower("sales_memory_mb", "MB", value, peer_value)
    });
    let [value, peer_value] = took.map(median);
    report.add(&lower("sales_batch_10000_ms", "ms", value, peer_value));
    Ok(())
}

/// One batch in a process of its own, so that its memory is that batch's.
async fn invoke(program: &Program, endpoint: &NullEndpoint, batch: &Batch) -> anyhow::Result<Invoked> {
    let mut started: Started = program.start(endpoint.address).await?;
    endpoint.take_writes();
    let invoked = started.invoke(batch.payload.clone()).await?;
    ensure!(
        endpoint.take_writes() > 0,
        "{} answered a batch with success and wrote nothing",
        program.name
    );
    started.stop().await?;
    Ok(invoked)
}

fn lower(name: &'static str, unit: &'static str, value: f64, peer_value: f64) -> Measurement {
    Measurement {
        name,
        value,
        unit,
        higher_is_better: false,
        peer: PEER,
        peer_value,
        target: None,
    }
}
