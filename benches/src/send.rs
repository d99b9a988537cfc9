//! Sending to a Kinesis with nothing behind it: plain records and aggregated ones, against boto3.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use loadgen::source::{Keep, Source};
use serde::Deserialize;
use tempfile::NamedTempFile;
use tokio::process::Command;

use crate::build;
use crate::kinesis::NullKinesis;
use crate::loadgen::{Loadgen, generator};
use crate::process::{self, use_endpoint};
use crate::report::{Measurement, Report, Target};
use crate::stats::median;

/// Odd, so that the median is a measurement.
const ROUNDS: usize = 3;
/// Seconds of work for each.
const EVENTS: u64 = 1_000_000;
const AGGREGATED_EVENTS: u64 = 2_000_000;
const BOTO3_EVENTS: u64 = 50_000;
/// Different events that the peer sends over and again.
const SAMPLE: u64 = 5_000;
/// Most people run one thread; so many are tried, too, and what is faster is the peer.
const THREADS: &str = "4";
/// Of each stream.
const SHARDS: u32 = 4;

/// What the peer measured.
#[derive(Deserialize)]
struct Sent {
    events: u64,
    records: u64,
    elapsed_s: f64,
    /// Whether it had a library to aggregate with.
    aggregated: bool,
}

/// The peer and what it sends.
struct Boto3 {
    python: PathBuf,
    script: PathBuf,
    sample: NamedTempFile,
}

/// Measures plain records, 500 a call. loadgen makes its events on the way, and so does the peer; what the peer does with
/// events made beforehand is told beside it.
pub(crate) async fn run(repository: &Path, report: &mut Report) -> anyhow::Result<()> {
    let (kinesis, loadgen, boto3) = parties(repository).await?;
    eprintln!(
        "Sending {EVENTS} records, and {BOTO3_EVENTS} with boto3 in three ways, {ROUNDS} times in turn ..."
    );
    let mut ours = Vec::new();
    let ways: [&[&str]; 3] = [&["--threads", "1"], &["--threads", THREADS], &["--generate"]];
    let mut boto3s = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        kinesis.take_records();
        ours.push(
            loadgen
                .run(EVENTS, Some(kinesis.address), &[])
                .await?
                .events_per_s,
        );
        let taken = kinesis.take_records();
        ensure!(
            taken == EVENTS,
            "loadgen sent {EVENTS} records, and {taken} arrived"
        );
        for (flags, rates) in ways.iter().zip(&mut boto3s) {
            let sent = boto3.send(kinesis.address, BOTO3_EVENTS, flags).await?;
            let taken = kinesis.take_records();
            // The calls before the clock starts arrive, too.
            ensure!(
                taken >= sent.records,
                "boto3 sent {} records, and {taken} arrived",
                sent.records
            );
            rates.push(sent.records as f64 / sent.elapsed_s);
        }
    }
    let [single, threaded, generating] = boto3s.map(median);
    let same_work = Measurement {
        name: "send_vs_boto3",
        value: median(ours),
        unit: "records/s",
        higher_is_better: true,
        peer: "Python generator, boto3",
        peer_value: generating,
        target: Some(Target::Ratio(15.0)),
    };
    report.add(&same_work);
    let (peer, peer_value) = if threaded > single {
        ("boto3, records prebuilt, 4 threads", threaded)
    } else {
        ("boto3, records prebuilt, 1 thread", single)
    };
    report.add(&Measurement {
        name: "send_vs_boto3_prebuilt",
        peer,
        peer_value,
        target: None,
        ..same_work
    });
    Ok(())
}

/// Measures aggregated records.
pub(crate) async fn run_aggregated(repository: &Path, report: &mut Report) -> anyhow::Result<()> {
    let (kinesis, loadgen, boto3) = parties(repository).await?;
    eprintln!(
        "Sending {AGGREGATED_EVENTS} events aggregated, and {BOTO3_EVENTS} with boto3, {ROUNDS} times in turn ..."
    );
    let (mut ours, mut peers, mut aggregates) = (Vec::new(), Vec::new(), true);
    for _ in 0..ROUNDS {
        kinesis.take_records();
        let run = loadgen
            .run(AGGREGATED_EVENTS, Some(kinesis.address), &["--aggregate"])
            .await?;
        let taken = kinesis.take_records();
        ensure!(
            (1..AGGREGATED_EVENTS / 2).contains(&taken),
            "{taken} records for {AGGREGATED_EVENTS} events are not aggregated ones"
        );
        ours.push(run.events_per_s);
        let sent = boto3
            .send(kinesis.address, BOTO3_EVENTS, &["--aggregate"])
            .await?;
        peers.push(sent.events as f64 / sent.elapsed_s);
        aggregates = sent.aggregated;
    }
    let [value, peer_value] = [ours, peers].map(median);
    report.add(&Measurement {
        name: "send_aggregated",
        value,
        unit: "events/s",
        higher_is_better: true,
        peer: if aggregates {
            "boto3, aws_kinesis_agg"
        } else {
            "boto3, plain records"
        },
        peer_value,
        target: Some(Target::Value(700_000.0)),
    });
    Ok(())
}

async fn parties(repository: &Path) -> anyhow::Result<(NullKinesis, Loadgen, Boto3)> {
    let boto3 = Boto3 {
        python: build::python(repository)?,
        script: repository.join("benches/peers/send.py"),
        sample: sample()?,
    };
    let loadgen = Loadgen::build(repository).await?;
    Ok((NullKinesis::start(SHARDS).await?, loadgen, boto3))
}

/// Events of loadgen's in a file, one a line: the peer's records are as large as ours.
fn sample() -> anyhow::Result<NamedTempFile> {
    let mut generator = generator(SAMPLE)?;
    let mut lines = Vec::new();
    while let Some(record) = generator.next_record(Keep::default()) {
        lines.extend_from_slice(&record.json);
        lines.push(b'\n');
    }
    let file = NamedTempFile::new().context("cannot make a temporary file")?;
    std::fs::write(file.path(), lines).with_context(|| format!("cannot write {}", file.path().display()))?;
    Ok(file)
}

impl Boto3 {
    async fn send(&self, kinesis: SocketAddr, events: u64, flags: &[&str]) -> anyhow::Result<Sent> {
        let mut command = Command::new(&self.python);
        command
            .arg(&self.script)
            .arg("--file")
            .arg(self.sample.path())
            .args(["--events", &events.to_string()])
            .args(flags);
        use_endpoint(&mut command, kinesis);
        let finished = process::finish(command, "boto3").await?;
        serde_json::from_slice(&finished.stdout).context("cannot read what boto3's script measured")
    }
}
