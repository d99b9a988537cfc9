//! RFM of a year's facts, from the files of the days to those of the tables, against DuckDB with the same tables as queries.

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use batch::{FactFile, Snapshot, read_customers, tables};
use events::Event;
use tokio::task::spawn_blocking;
use warehouse::star::{DayFacts, Keys, StarTable, transactions_reader};
use warehouse::star_key;

use crate::alone::{Rounds, part, same, script};
use crate::report::{Measurement, Report, Target};
use crate::shop::{Shop, archived, start_of};

/// What is measured, in a process of its own.
pub(crate) const PART: &str = "rfm";
/// Odd, so that the median is a measurement.
const ROUNDS: usize = 5;
const ROWS: u64 = 10_000_000;
const SHOP: Shop = Shop {
    users: 500_000,
    products: 50_000,
};
/// 2025-11-22.
const FIRST_DAY: i32 = 20_414;
const DAYS: i32 = 365;
/// What the days of a week sell, beside each other.
const WEEK: [u64; 7] = [120, 110, 90, 90, 95, 105, 130];
/// Where its tables go, in the folder.
const OURS: &str = "engine";
/// Where the peer's go.
const THEIRS: &str = "duckdb";
const TARGET_MB: f64 = 512.0;

/// Measures it.
pub(crate) async fn run(repository: &Path, report: &mut Report) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = temporary.path();
    eprintln!("Writing {ROWS} facts of {DAYS} days ...");
    let at = folder.to_owned();
    spawn_blocking(move || write_facts(&at)).await??;
    eprintln!("RFM of them, {ROUNDS} times in turn with DuckDB ...");
    let (mut ours, mut theirs) = (Rounds::default(), Rounds::default());
    for _ in 0..ROUNDS {
        ours.add(part(PART, folder)?, "RFM").await?;
        theirs
            .add(script(repository, "rfm.py", folder)?, "RFM in DuckDB")
            .await?;
    }
    for table in ["customer_segments", "rfm_cut_points", "segment_migration"] {
        let file = |of: &str| folder.join(of).join(format!("{table}.parquet"));
        same(repository, &file(OURS), &file(THEIRS), &["--ordered"]).await?;
    }
    let (ours, theirs) = (ours.medians(), theirs.medians());
    let rows_per_s = |elapsed_s| ROWS as f64 / elapsed_s;
    let speed = Measurement {
        name: "rfm_vs_duckdb",
        value: rows_per_s(ours.elapsed_s),
        unit: "rows/s",
        higher_is_better: true,
        peer: "DuckDB, SQL",
        peer_value: rows_per_s(theirs.elapsed_s),
        target: None,
    };
    report.add(&speed);
    report.add(&Measurement {
        name: "rfm_memory_mb",
        value: ours.peak_mb,
        unit: "MB",
        higher_is_better: false,
        peer_value: theirs.peak_mb,
        target: Some(Target::Value(TARGET_MB)),
        ..speed
    });
    Ok(())
}

/// From the files of facts in a folder to those of the tables; how long that took.
pub(crate) fn make_tables(folder: &Path) -> anyhow::Result<Duration> {
    let tables_folder = folder.join(OURS);
    fs::create_dir_all(&tables_folder)?;
    let began = Instant::now();
    let file = |day| -> anyhow::Result<FactFile<File>> {
        let name = key(day)?;
        let content = File::open(folder.join(&name))?;
        Ok(FactFile { name, day, content })
    };
    let files: Vec<FactFile<File>> = days().map(file).collect::<Result<_, _>>()?;
    let customers = read_customers(files)?;
    for (table, bytes) in tables::of_customers(customers, &Snapshot::default())? {
        fs::write(tables_folder.join(format!("{}.parquet", table.as_str())), bytes)?;
    }
    Ok(began.elapsed())
}

/// Writes the files of all days.
fn write_facts(folder: &Path) -> anyhow::Result<()> {
    let threads = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        let write_some = |from| {
            let mut some = days().skip(from).step_by(threads);
            scope.spawn(move || some.try_for_each(|day| write_day(folder, day)))
        };
        let writers: Vec<_> = (0..threads).map(write_some).collect();
        writers
            .into_iter()
            .try_for_each(|writer| writer.join().expect("writing does not panic"))
    })
}

fn write_day(folder: &Path, day: i32) -> anyhow::Result<()> {
    let events: Vec<Event> = SHOP.day(day, rows_until(day + 1) - rows_until(day))?.collect();
    let mut facts = DayFacts::new(day, &NaturalKeys)?;
    for batch in transactions_reader(archived(&events)?.into())? {
        facts.add(&batch?)?;
    }
    let bytes = facts.finish()?.bytes;
    let path = folder.join(key(day)?);
    fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
    Ok(fs::write(path, bytes)?)
}

fn days() -> std::ops::Range<i32> {
    FIRST_DAY..FIRST_DAY + DAYS
}

fn key(day: i32) -> anyhow::Result<String> {
    Ok(star_key(StarTable::FactSales, Some(start_of(day)?)))
}

/// How many rows the days before one have: of all, their part by what they sell. The shop grows by a half in the year.
fn rows_until(day: i32) -> u64 {
    let weight = |day: i32| {
        let n = usize::try_from(day - FIRST_DAY).unwrap_or_default();
        WEEK[n % WEEK.len()] * (730 + n as u64)
    };
    let sold = |to: i32| (FIRST_DAY..to).map(weight).sum::<u64>();
    ROWS * sold(day) / sold(FIRST_DAY + DAYS)
}

/// Facts are not measured here, so their keys may be what they are of.
struct NaturalKeys;

impl Keys for NaturalKeys {
    fn product_key(&self, product_id: i64) -> Option<i64> {
        Some(product_id)
    }

    fn user_key(&self, user_id: i64) -> Option<i64> {
        Some(user_id)
    }

    fn category_key(&self, category: &str) -> Option<i64> {
        i64::try_from(category.len()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_share_out_all_rows() {
        let rows: Vec<u64> = days().map(|day| rows_until(day + 1) - rows_until(day)).collect();
        assert_eq!(rows.iter().sum::<u64>(), ROWS);
        let of_week = |n: usize| rows[7 * n..][..7].iter().sum::<u64>() as f64;
        assert!((of_week(51) / of_week(0) - 1.5).abs() < 0.02);
        assert!(rows.iter().all(|rows| *rows > 10_000), "{rows:?}");
    }
}
