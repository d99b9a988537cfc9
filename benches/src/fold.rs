//! Folding on one core: from a batch's records in memory to pages in memory, against the same in Python.
//!
//! What is measured is a job's own work: decoding, checking every rule, folding, paging. The runtime's JSON and the table
//! are not in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use analytics::Partial;
use analytics::anomalies::AnomaliesPartial;
use analytics::carts::CartsPartial;
use analytics::inventory::InventoryPartial;
use analytics::sales::SalesPartial;
use analytics::views::ViewsPartial;
use anyhow::{Context as _, ensure};
use aws::job::StreamJob;
use aws::partials::{Page, PartialStore, Write};
use aws::telemetry::Counts;
use aws::{Lineage, Saved, StoreError, batch};
use aws_lambda_events::event::kinesis::KinesisEvent;
use events::{Event, Stream, Timestamp};
use futures::executor::block_on;
use loadgen::source::{Keep, Source};
use serde::Deserialize;
use tempfile::NamedTempFile;
use tokio::process::Command;
use tokio::task::spawn_blocking;

use crate::deliveries::{Delivery, Put, SHARD};
use crate::loadgen::{START_MS, generator_with};
use crate::report::{Measurement, Report, Target};
use crate::stats::median;
use crate::{build, process};

/// Odd, so that the median is a measurement.
const ROUNDS: usize = 5;
/// Of a round: a quarter of a second or more.
const PASSES: u32 = 5;
const BATCH_RECORDS: usize = 1_000;
/// As a stream's share of it comes to thousands of events a minute, minutes are many pages long.
const TRAFFIC: [&str; 4] = ["--rate", "1000", "--duration", "4m"];
/// From an event to its arrival.
const ARRIVES_AFTER_MS: i64 = 400;
const TARGET_EVENTS_PER_S: f64 = 1_000_000.0;
const PEER: &str = "Python 3, json";

/// A stream's records in the order of their shard.
type Shards = BTreeMap<Stream, Vec<Put>>;

/// What the peer measured.
#[derive(Deserialize)]
struct Folded {
    events: u64,
    counted: u64,
    elapsed_s: f64,
}

/// A table that takes every write and never forgets a page.
struct Pages<P>(Mutex<BTreeMap<(String, String, usize), Page<P>>>);

/// A stream that was never resharded.
struct NeverResharded;

impl<P: Partial> PartialStore<P> for Pages<P> {
    async fn load(&self, window: &str, writer: &str, from: usize) -> Result<Vec<Page<P>>, StoreError> {
        let pages = self.0.lock().expect("nothing panics while it holds this");
        let key = |number| (window.to_owned(), writer.to_owned(), number);
        let own = pages.range(key(from)..=key(usize::MAX));
        Ok(own.map(|(_, page)| page.clone()).collect())
    }

    async fn save(&self, window: &str, write: &Write<P>) -> Result<Saved, StoreError> {
        let page = write.page.clone();
        let key = (window.to_owned(), page.writer.clone(), page.number);
        let mut pages = self.0.lock().expect("nothing panics while it holds this");
        pages.insert(key, page);
        Ok(Saved::Written)
    }
}

impl Lineage for NeverResharded {
    async fn ancestors(&self, _: &str, _: &str) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn shards(&self, _: &str) -> Result<Vec<String>, StoreError> {
        Ok(vec![SHARD.to_owned()])
    }
}

/// Measures it.
pub(crate) async fn run(repository: &Path, report: &mut Report) -> anyhow::Result<()> {
    let python = build::python(repository)?;
    let shards = spawn_blocking(traffic).await??;
    let bench = Bench {
        repository,
        python: &python,
        shards: &shards,
    };
    bench.job::<SalesPartial>("fold_sales", report).await?;
    bench.job::<ViewsPartial>("fold_views", report).await?;
    bench.job::<CartsPartial>("fold_carts", report).await?;
    bench.job::<AnomaliesPartial>("fold_anomalies", report).await?;
    bench.job::<InventoryPartial>("fold_inventory", report).await
}

struct Bench<'a> {
    repository: &'a Path,
    python: &'a Path,
    shards: &'a Shards,
}

impl Bench<'_> {
    async fn job<P: Partial>(&self, name: &'static str, report: &mut Report) -> anyhow::Result<()> {
        let streams = streams_of::<P>(self.shards)?;
        let batches = Arc::new(batches(self.shards, &streams)?);
        let events = batches.iter().map(|batch| batch.records.len()).sum::<usize>();
        eprintln!(
            "Folding {} batches, {events} events, by {} {ROUNDS} times in turn with Python ...",
            batches.len(),
            P::FAMILY
        );
        let file = self.file(&streams)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let mut folded = 0;
        for _ in 0..ROUNDS {
            let batches = Arc::clone(&batches);
            let (elapsed_s, counted) = spawn_blocking(move || fold::<P>(&batches)).await??;
            ours.push(events as f64 / elapsed_s);
            folded = counted;
            let peer = self.in_python(P::FAMILY, file.path()).await?;
            ensure!(
                peer.events == events as u64 && peer.counted == counted,
                "{} of {events} events count for {}; for Python {} of {}",
                counted,
                P::FAMILY,
                peer.counted,
                peer.events
            );
            theirs.push(peer.events as f64 / peer.elapsed_s);
        }
        ensure!(folded > 0, "{} folded nothing", P::FAMILY);
        report.add(&Measurement {
            name,
            value: median(ours),
            unit: "events/s",
            higher_is_better: true,
            peer: PEER,
            peer_value: median(theirs),
            target: Some(Target::Value(TARGET_EVENTS_PER_S)),
        });
        Ok(())
    }

    /// What the peer folds: batch after batch, each record a line of its arrival and its JSON.
    fn file(&self, streams: &[Stream]) -> anyhow::Result<NamedTempFile> {
        let mut file = NamedTempFile::new()?;
        for (stream, puts) in in_turn(self.shards, streams) {
            for put in puts {
                write!(file, "{stream}\t{}\t{}\t", put.number, put.arrived_at.as_ms())?;
                file.write_all(&put.data)?;
                writeln!(file)?;
            }
        }
        file.flush()?;
        Ok(file)
    }

    async fn in_python(&self, job: &str, file: &Path) -> anyhow::Result<Folded> {
        let mut command = Command::new(self.python);
        command
            .arg(self.repository.join("benches/peers/fold.py"))
            .args(["--job", job, "--batch", &BATCH_RECORDS.to_string(), "--file"])
            .arg(file);
        let finished = process::finish(command, "folding in Python").await?;
        serde_json::from_slice(&finished.stdout).context("cannot read what folding in Python measured")
    }
}

/// What loadgen sends by default in a few minutes.
fn traffic() -> anyhow::Result<Shards> {
    let mut generator = generator_with(&TRAFFIC)?;
    let mut shards = Shards::new();
    while let Some(record) = generator.next_record(Keep::default()) {
        let puts = shards.entry(record.stream).or_default();
        let due_ms = i64::try_from(record.due.as_millis())?;
        puts.push(Put {
            number: puts.len(),
            user_id: record.user_id,
            arrived_at: Timestamp::from_ms(START_MS + due_ms + ARRIVES_AFTER_MS)
                .context("an arrival is outside the calendar")?,
            data: record.json,
        });
    }
    Ok(shards)
}

/// The streams that carry events which count.
fn streams_of<P: Partial>(shards: &Shards) -> anyhow::Result<Vec<Stream>> {
    let mut streams = BTreeSet::new();
    for (stream, puts) in shards {
        for put in puts {
            if P::counts(&Event::parse(&put.data)?) {
                streams.insert(*stream);
                break;
            }
        }
    }
    Ok(streams.into_iter().collect())
}

/// Full batches of some streams, the ones that fill up first coming first.
fn in_turn<'a>(shards: &'a Shards, streams: &[Stream]) -> Vec<(Stream, &'a [Put])> {
    let mut batches: Vec<(Stream, &[Put])> = streams
        .iter()
        .flat_map(|stream| {
            let (full, _) = shards[stream].as_chunks::<BATCH_RECORDS>();
            full.iter().map(|puts| (*stream, &puts[..]))
        })
        .collect();
    batches.sort_by_key(|(_, puts)| puts.last().map(|put| put.arrived_at));
    batches
}

fn batches(shards: &Shards, streams: &[Stream]) -> anyhow::Result<Vec<KinesisEvent>> {
    let delivery = |(stream, puts): (Stream, &[Put])| {
        let mut delivery = Delivery::of(stream);
        puts.iter().for_each(|put| delivery.push(put));
        Ok(serde_json::from_slice(&delivery.finish())?)
    };
    in_turn(shards, streams).into_iter().map(delivery).collect()
}

/// Folds all batches several times, from nothing each time, in a process that is warm; the seconds that one time took, and how
/// many events were folded.
fn fold<P: Partial>(deliveries: &[KinesisEvent]) -> anyhow::Result<(f64, u64)> {
    let (_, folded) = fold_once::<P>(deliveries)?;
    let mut elapsed = Duration::ZERO;
    for _ in 0..PASSES {
        elapsed += fold_once::<P>(deliveries)?.0;
    }
    Ok((elapsed.as_secs_f64() / f64::from(PASSES), folded))
}

fn fold_once<P: Partial>(deliveries: &[KinesisEvent]) -> anyhow::Result<(Duration, u64)> {
    let job = StreamJob::new(Pages::<P>(Mutex::default()), NeverResharded);
    let mut counts = Counts::default();
    let mut elapsed = Duration::ZERO;
    for delivery in deliveries {
        // Made just before, as by the runtime, so that it takes the memory that the one before it gave back.
        let delivery = delivery.clone();
        let began = Instant::now();
        for batch in batch::decode(delivery)? {
            block_on(job.fold(&batch, &mut counts))?;
        }
        elapsed += began.elapsed();
    }
    let folded = Stream::ALL
        .iter()
        .map(|stream| counts.count("Stream", stream, "Folded"));
    Ok((elapsed, folded.sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_gets_full_batches_of_its_streams_and_folds_what_counts() {
        let shards = traffic().unwrap();
        let streams = streams_of::<CartsPartial>(&shards).unwrap();
        assert_eq!(streams, [Stream::CartEvents, Stream::Transactions]);
        let batches = batches(&shards, &streams).unwrap();
        assert!(batches.iter().all(|batch| batch.records.len() == BATCH_RECORDS));
        let (_, folded) = fold::<CartsPartial>(&batches[..8]).unwrap();
        assert!(folded > 7 * BATCH_RECORDS as u64, "{folded}");
    }
}
