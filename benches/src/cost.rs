//! What a million events cost on AWS: the real handlers with real clients, against a local stack behind a proxy that reads
//! the bill off every request; compared with a counter updated for each event.
//!
//! Time is simulated, a second after the other: each stream's records of a second are a batch for each job that reads it,
//! those of a minute one for the archive; what the alerts' table tells of changes goes to the function that publishes them;
//! each minute there are the sweeps. Not on the bill: storage, logs and metrics, data that leaves the region, and readers.

mod bill;
mod functions;
mod item;
mod meter;
mod naive;
mod prices;
mod proxy;
mod template;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use events::{Stream, Timestamp};
use loadgen::generator::Generator;
use loadgen::source::{Keep, Record, Source};

use self::bill::Bill;
use self::functions::{Functions, JOBS, SWEEPING};
use self::meter::Meter;
use self::naive::NaiveFunctions;
use self::prices::{Charge, PUT_UNIT_BYTES};
use self::template::Template;
use crate::deliveries::{Delivery, Put, fullest};
use crate::loadgen::{Loadgen, START_MS, generator_with};
use crate::report::{Measurement, Report, Target};
use crate::stack::Stack;

const EVENTS_PER_S: u64 = 500;
/// Until carts are abandoned as fast as they are left behind, which takes half an hour.
const WARM_UP_S: u64 = 33 * 60;
const MEASURED_S: u64 = 8 * 60;
/// Of the naive build, whose every second is alike.
const NAIVE_S: u64 = 10;
/// Of each stream.
const SHARDS: f64 = 1.0;
const PEER: &str = "an UpdateItem an event";

/// The records of each stream within a second.
struct Seconds {
    generator: Generator,
    next: Option<Record>,
    numbers: BTreeMap<Stream, usize>,
}

/// Measures it.
pub(crate) async fn run(repository: &Path, report: &mut Report) -> anyhow::Result<()> {
    let loadgen = Loadgen::build(repository).await?;
    crate::build::functions(repository).await?;
    let stack = Stack::up(repository, &["sales"]).await?;
    loadgen.catalog(&stack).await?;
    // Seven functions with their clients are large.
    let ours = Box::pin(ours(repository, &stack)).await?;
    let naive = naive(repository, &stack).await?;
    stack.down().await?;
    let cost = Measurement {
        name: "cost_per_million",
        value: ours,
        unit: "USD",
        higher_is_better: false,
        peer: PEER,
        peer_value: naive,
        target: Some(Target::Value(0.2)),
    };
    report.add(&cost);
    report.add(&Measurement {
        name: "cost_vs_naive",
        target: Some(Target::Ratio(10.0)),
        ..cost
    });
    Ok(())
}

async fn ours(repository: &Path, stack: &Stack) -> anyhow::Result<f64> {
    let template = Template::read(repository)?;
    ensure!(
        template.default("MetricsWindowSeconds")? == 1,
        "a batch is a second's records here, and no longer in the template"
    );
    let archive_s = u64::from(template.default("ArchiveWindowSeconds")?);
    let meter = Arc::new(Mutex::new(Meter::default()));
    let functions = Functions::start(stack.address(), template, meter).await?;
    let mut seconds = Seconds::new(WARM_UP_S + MEASURED_S)?;
    let mut archived: BTreeMap<Stream, Vec<Put>> = BTreeMap::new();
    let mut events = 0;
    eprintln!(
        "Handing {EVENTS_PER_S} events/s to all functions, for {} simulated minutes ...",
        (WARM_UP_S + MEASURED_S) / 60
    );
    for second in 1..=WARM_UP_S + MEASURED_S {
        let now = Timestamp::from_ms(START_MS + i64::try_from(second)? * 1_000);
        let now = now.context("the end is outside the calendar")?;
        for (stream, puts) in seconds.until(second)? {
            let text = whole(stream, &puts);
            let readers = JOBS.into_iter().filter(|(_, streams)| streams.contains(&stream));
            for (job, _) in readers.filter(|(job, _)| *job != "archive") {
                functions.batch(job, &text, now).await?;
            }
            if second > WARM_UP_S {
                events += puts.len() as u64;
                put_into_streams(&mut functions.meter().bill, &puts);
            }
            archived.entry(stream).or_default().extend(puts);
        }
        if second.is_multiple_of(archive_s) {
            for (stream, puts) in std::mem::take(&mut archived) {
                for text in fullest(stream, &puts) {
                    functions.batch("archive", &text, now).await?;
                }
            }
        }
        if second.is_multiple_of(60) {
            for job in SWEEPING {
                functions.sweep(job, now).await?;
            }
        }
        functions.tell().await?;
        if second == WARM_UP_S {
            functions.meter().bill = Bill::default();
        }
    }
    let mut meter = functions.meter();
    shard_hours(&mut meter.bill, MEASURED_S);
    eprintln!("{}", meter.bill.tables(events));
    Ok(meter.bill.per_million(events))
}

async fn naive(repository: &Path, stack: &Stack) -> anyhow::Result<f64> {
    let template = Template::read(repository)?;
    let meter = Arc::new(Mutex::new(Meter::default()));
    let functions = NaiveFunctions::start(stack.address(), &template, Arc::clone(&meter)).await?;
    let mut seconds = Seconds::new(NAIVE_S)?;
    let mut events = 0;
    eprintln!("The same for {NAIVE_S} s with an update for each event ...");
    for second in 1..=NAIVE_S {
        for (stream, puts) in seconds.until(second)? {
            let number = usize::try_from(second)?;
            functions.batch(stream, number, &whole(stream, &puts)).await?;
            events += puts.len() as u64;
            let mut meter = meter.lock().expect("nothing panics while it holds this");
            put_into_streams(&mut meter.bill, &puts);
        }
    }
    let mut meter = meter.lock().expect("nothing panics while it holds this");
    shard_hours(&mut meter.bill, NAIVE_S);
    eprintln!("{}", meter.bill.tables(events));
    Ok(meter.bill.per_million(events))
}

fn whole(stream: Stream, puts: &[Put]) -> bytes::Bytes {
    let mut delivery = Delivery::of(stream);
    puts.iter().for_each(|put| delivery.push(put));
    delivery.finish()
}

fn put_into_streams(bill: &mut Bill, puts: &[Put]) {
    for put in puts {
        let units = put.data.len().div_ceil(PUT_UNIT_BYTES) as f64;
        bill.charge("streams", "records", Charge::PutUnit, units);
    }
}

fn shard_hours(bill: &mut Bill, seconds: u64) {
    let hours = Duration::from_secs(seconds).as_secs_f64() / 3_600.0;
    let shards = SHARDS * Stream::ALL.len() as f64;
    bill.charge("streams", "shards", Charge::ShardHour, shards * hours);
}

impl Seconds {
    fn new(seconds: u64) -> anyhow::Result<Self> {
        let (rate, duration) = (EVENTS_PER_S.to_string(), format!("{seconds}s"));
        let mut generator = generator_with(&["--rate", &rate, "--duration", &duration])?;
        Ok(Self {
            next: generator.next_record(Keep::default()),
            generator,
            numbers: BTreeMap::new(),
        })
    }

    /// What is due before the end of a second, and was not handed out yet.
    fn until(&mut self, second: u64) -> anyhow::Result<BTreeMap<Stream, Vec<Put>>> {
        let mut due: BTreeMap<Stream, Vec<Put>> = BTreeMap::new();
        while let Some(record) = self.next.take_if(|next| next.due < Duration::from_secs(second)) {
            let number = self.numbers.entry(record.stream).or_default();
            let arrived_ms = START_MS + i64::try_from(record.due.as_millis())?;
            due.entry(record.stream).or_default().push(Put {
                number: *number,
                user_id: record.user_id,
                arrived_at: Timestamp::from_ms(arrived_ms).context("an arrival is outside the calendar")?,
                data: record.json,
            });
            *number += 1;
            self.next = self.generator.next_record(Keep::default());
        }
        Ok(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_in_the_second_in_which_it_is_due() {
        let mut seconds = Seconds::new(3).unwrap();
        let all = [1, 2, 3].map(|second| seconds.until(second).unwrap());
        let records = all.iter().map(|due| due.values().map(Vec::len).sum::<usize>());
        assert_eq!(records.collect::<Vec<_>>(), [500, 500, 500]);
        assert!(seconds.until(4).unwrap().is_empty());
        let views = all.iter().flat_map(|due| &due[&Stream::ProductViews]);
        assert!(views.map(|put| put.number).eq(0..900));
    }
}
