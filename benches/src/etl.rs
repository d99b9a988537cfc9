//! A day from the archive to the star schema, against DuckDB with the same as a query.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, mem};

use anyhow::{Context as _, bail};
use batch::etl::{Ended, Etl};
use events::{Event, Stream};
use tokio::task::spawn_blocking;
use warehouse::star::StarTable;
use warehouse::{archive_key, star_key};

use crate::alone::{Rounds, part, same, script};
use crate::deliveries::{MAX_RECORDS, SHARD};
use crate::folder::Folder;
use crate::report::{Measurement, Report, Target};
use crate::shop::{Shop, archived, arrived_at, start_of};

/// What is measured, in a process of its own.
pub(crate) const PART: &str = "etl";
/// Odd, so that the median is a measurement.
const ROUNDS: usize = 5;
const LINES: u64 = 5_000_000;
const SHOP: Shop = Shop {
    users: 1_000_000,
    products: 50_000,
};
/// 2026-11-22.
const DAY: i32 = 20_779;
/// One order in so many is sent again at the end of the day.
const SENT_AGAIN: usize = 200;
const TARGET_LINES_PER_S: f64 = 1_000_000.0;

/// Measures it.
pub(crate) async fn run(repository: &Path, report: &mut Report) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = temporary.path();
    eprintln!("Archiving a day of {LINES} lines ...");
    let at = folder.to_owned();
    spawn_blocking(move || write_archive(&at)).await??;
    eprintln!("Making its facts, {ROUNDS} times in turn with DuckDB ...");
    let day = start_of(DAY)?;
    let (mut ours, mut theirs) = (Rounds::default(), Rounds::default());
    for _ in 0..ROUNDS {
        ours.add(part(PART, folder)?, "ETL").await?;
        // The peer takes the dimensions that were made just now.
        let mut peer = script(repository, "etl.py", folder)?;
        peer.arg(day.date());
        theirs.add(peer, "ETL in DuckDB").await?;
    }
    let facts = star_key(StarTable::FactSales, Some(day));
    let peers_facts = folder.join("duckdb/fact_sales.parquet");
    same(repository, &folder.join(facts), &peers_facts, &[]).await?;
    let (ours, theirs) = (ours.medians(), theirs.medians());
    let lines_per_s = |elapsed_s| LINES as f64 / elapsed_s;
    let speed = Measurement {
        name: "etl_rows",
        value: lines_per_s(ours.elapsed_s),
        unit: "rows/s",
        higher_is_better: true,
        peer: "DuckDB, SQL",
        peer_value: lines_per_s(theirs.elapsed_s),
        target: Some(Target::Value(TARGET_LINES_PER_S)),
    };
    report.add(&speed);
    report.add(&Measurement {
        name: "etl_memory_mb",
        value: ours.peak_mb,
        unit: "MB",
        higher_is_better: false,
        peer_value: theirs.peak_mb,
        target: None,
        ..speed
    });
    Ok(())
}

/// From the archive in a folder to its star schema, dimensions and all, as on the first day; how long that took.
pub(crate) async fn make_day(folder: &Path) -> anyhow::Result<Duration> {
    for made in ["state", "warehouse"] {
        let folder = folder.join(made);
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    let began = Instant::now();
    let ended = Etl::new(Folder::new(folder), DAY).run(None, || false).await?;
    let elapsed = began.elapsed();
    match ended {
        Ended::Done(done) if done.days == BTreeSet::from([DAY]) && done.held_back.is_empty() => Ok(elapsed),
        _ => bail!("the day was not published: {ended:?}"),
    }
}

/// Writes the day's archive, as the function does that gets the fullest batches there are.
fn write_archive(folder: &Path) -> anyhow::Result<()> {
    let (mut open, mut again, mut number) = (Vec::new(), Vec::new(), 0);
    for (n, event) in SHOP.day(DAY, LINES)?.enumerate() {
        if n % SENT_AGAIN == 0 {
            again.push(event.clone());
        }
        open.push(event);
        if open.len() == MAX_RECORDS {
            write_object(folder, number, &mem::take(&mut open))?;
            number += 1;
        }
    }
    open.append(&mut again);
    write_object(folder, number, &open)
}

fn write_object(folder: &Path, number: u32, events: &[Event]) -> anyhow::Result<()> {
    let first = events.first().context("an object has an event")?;
    let mark = format!("{number:015}");
    let key = archive_key(Stream::Transactions, arrived_at(first), SHARD, &mark);
    let path = folder.join(key);
    fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
    Ok(fs::write(path, archived(events)?)?)
}
