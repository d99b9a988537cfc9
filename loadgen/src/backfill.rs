//! `loadgen backfill`: a shop's history straight into the archive, as if its streams had been archived all along.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{self, Write};
use std::time::Duration;

use comfy_table::{Cell as TableCell, CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use events::{EventType, MS_PER_DAY, MS_PER_HOUR, Stream, Timestamp};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval};
use warehouse::compacted::CompactedHours;
use warehouse::compacted_hours_key;

use crate::archive_writer::{ArchiveWriter, Written};
use crate::args::{BackfillArgs, Output};
use crate::failure::Failure;
use crate::generator::{Config, FaultRates, Generator, Planned};
use crate::profile::Profile;
use crate::report::{grouped, rounded};
use crate::source::{Keep, Source};
use crate::store::Store;

const SCHEMA_VERSION: u32 = 1;
/// Orders of a year, unless told otherwise.
const ORDERS_A_YEAR: i128 = 1_000_000;
const MS_PER_YEAR: i128 = 365 * MS_PER_DAY as i128;
/// The tables' partitions begin here.
const EARLIEST: &str = "1990-01-01T00:00:00Z";
/// Events between two looks at the world around.
const CHUNK: u64 = 1_000;
/// How often the line is redrawn on a terminal, and written elsewhere.
const REDRAW: Duration = Duration::from_millis(500);
const REWRITE: Duration = Duration::from_secs(5);

/// What is going to be written: the flags, checked against each other and against the clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// When it begins.
    pub from: Timestamp,
    /// When it ends, exclusive.
    pub to: Timestamp,
    /// Purchases in all, about.
    pub orders: u64,
    /// What the events depend on, but for their number.
    pub shop: Config,
}

/// What a backfill came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The form of this report.
    pub schema_version: u32,
    /// The seed.
    pub seed: u64,
    /// When the history begins.
    pub from: Timestamp,
    /// When it ends, exclusive.
    pub to: Timestamp,
    /// The bucket or the folder.
    pub target: String,
    /// Purchases.
    pub orders: u64,
    /// Events in all.
    pub rows: u64,
    /// Events by the table that they are in.
    pub rows_by_table: BTreeMap<String, u64>,
    /// Events by type.
    pub events_by_type: BTreeMap<EventType, u64>,
    /// When the earliest event happened.
    pub first_occurred_at: Option<Timestamp>,
    /// When the latest event happened.
    pub last_occurred_at: Option<Timestamp>,
    /// Objects put.
    pub objects: u64,
    /// Parquet.
    pub bytes: u64,
    /// Objects of an earlier, larger backfill of the same seed that were removed.
    pub removed: u64,
    /// How long it took.
    pub elapsed_s: f64,
    /// Events written a second.
    pub rows_per_s: f64,
}

impl Plan {
    /// Checks flags that were given at `now`.
    pub fn new(args: &BackfillArgs, now: Timestamp) -> Result<Self, Failure> {
        let (from, to) = (args.from, args.to);
        let earliest = Timestamp::parse(EARLIEST).expect("the constant is a time");
        if from < earliest {
            return Err(Failure::usage(format!(
                "--from {from} is before 1990, where the tables' partitions begin: name a later time"
            )));
        }
        if to > now {
            return Err(Failure::usage(format!(
                "--to {to} is in the future, it is {now}: a history ends now at the latest"
            )));
        }
        let length_ms = to.as_ms() - from.as_ms();
        if length_ms < MS_PER_HOUR {
            return Err(Failure::usage(format!(
                "from --from {from} to --to {to} is less than an hour: --to is exclusive, name a later one"
            )));
        }
        let pro_rata = (ORDERS_A_YEAR * i128::from(length_ms) / MS_PER_YEAR).max(1);
        Ok(Self {
            from,
            to,
            orders: args.orders.unwrap_or(u64::try_from(pro_rata).unwrap_or(u64::MAX)),
            // What goes wrong on the way has no place in a history.
            shop: Config {
                faults: FaultRates::default(),
                ..Profile::of_shop(&args.shop)?.config(args.shop.seed, from)?
            },
        })
    }
}

/// Writes the history and tells how far it is. Whoever drops this half-way leaves whole objects only.
pub async fn backfill(plan: &Plan, store: Store, on_terminal: bool) -> Result<Summary, Failure> {
    let (began, target) = (Instant::now(), store.name());
    Box::pin(refuse_compacted(plan, &store)).await?;
    let progress = Progress::new(plan.from);
    let (written, events_by_type) = tokio::select! {
        written = write(plan, store, &progress) => written?,
        never = progress.tell(on_terminal) => match never {},
    };
    let (elapsed_s, rows) = (began.elapsed().as_secs_f64(), written.total_rows());
    let by_table = written
        .rows
        .iter()
        .map(|(stream, rows)| (warehouse::table_name(*stream), *rows));
    Ok(Summary {
        schema_version: SCHEMA_VERSION,
        seed: plan.shop.seed,
        from: plan.from,
        to: plan.to,
        target,
        orders: events_by_type.get(&EventType::Purchase).copied().unwrap_or(0),
        rows,
        rows_by_table: by_table.collect(),
        events_by_type,
        first_occurred_at: written.first,
        last_occurred_at: written.last,
        objects: written.objects,
        bytes: written.bytes,
        removed: written.removed,
        elapsed_s: rounded(elapsed_s),
        rows_per_s: rounded(rows as f64 / elapsed_s.max(f64::EPSILON)),
    })
}

/// Hours that are compacted have no objects to replace: who writes them again has their events twice. Whether this history
/// is among what they hold is not known.
async fn refuse_compacted(plan: &Plan, store: &Store) -> Result<(), Failure> {
    let key = compacted_hours_key();
    let Some(file) = store.get(&key).await? else {
        return Ok(());
    };
    let hours = CompactedHours::read(file);
    let hours =
        hours.map_err(|error| Failure::run(format!("cannot read {}/{key}: {error}", store.name())))?;
    let (from, to) = (plan.from.as_ms().div_euclid(MS_PER_HOUR), plan.to.as_ms());
    let starts =
        (from..).map_while(|hour| Timestamp::from_ms(hour * MS_PER_HOUR).filter(|start| start.as_ms() < to));
    for start in starts {
        if Stream::ALL
            .iter()
            .any(|&stream| hours.generation(stream, start) > 0)
        {
            return Err(Failure::run(format!(
                "the archive is compacted in the hour from {start} on: if this history was written there before, it can't be \
                 replaced any more, and would be there twice; choose a --from and --to without such hours"
            )));
        }
    }
    Ok(())
}

async fn write(
    plan: &Plan,
    store: Store,
    progress: &Progress,
) -> Result<(Written, BTreeMap<EventType, u64>), Failure> {
    let mut writer = ArchiveWriter::new(store, &format!("backfill-{}", plan.shop.seed));
    let mut history = history(plan);
    let mut by_type = BTreeMap::new();
    while let Some(record) = history.next_record(Keep::ALL) {
        let due_ms = i64::try_from(record.due.as_millis()).unwrap_or(i64::MAX);
        let Some(Planned { event, .. }) = record.into_event() else {
            continue;
        };
        let arrived_at = plan.from.plus_ms(due_ms);
        *by_type.entry(event.event_type()).or_insert(0) += 1;
        writer.push(event, arrived_at).await?;
        if progress.add(arrived_at).is_multiple_of(CHUNK) {
            yield_now().await;
        }
    }
    Ok((writer.finish_alone(plan.from, plan.to).await?, by_type))
}

/// The events of the range, in the order of their arrival.
fn history(plan: &Plan) -> Generator {
    let (config, limit) = plan.shop.clone().with_orders(plan.orders, plan.to);
    Generator::new(config, limit)
}

/// How far it is.
struct Progress {
    began: Instant,
    rows: Cell<u64>,
    reached: Cell<Timestamp>,
}

impl Progress {
    fn new(from: Timestamp) -> Self {
        Self {
            began: Instant::now(),
            rows: Cell::new(0),
            reached: Cell::new(from),
        }
    }

    /// Counts an event and returns how many there are.
    fn add(&self, arrived_at: Timestamp) -> u64 {
        self.reached.set(arrived_at);
        self.rows.set(self.rows.get() + 1);
        self.rows.get()
    }

    /// Tells on the standard error until it is dropped.
    async fn tell(&self, on_terminal: bool) -> Infallible {
        let bar = on_terminal.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} {msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        let mut ticks = interval(if on_terminal { REDRAW } else { REWRITE });
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let line = self.line(self.began.elapsed());
            match &bar {
                Some(bar) => {
                    bar.set_message(line);
                    bar.tick();
                }
                None => drop(writeln!(io::stderr(), "{line}")),
            }
        }
    }

    fn line(&self, elapsed: Duration) -> String {
        let rows = self.rows.get();
        let rate = rows as f64 / elapsed.as_secs_f64().max(f64::EPSILON);
        format!(
            "{} | Rows: {} | Rate: {rate:.0}/s",
            self.reached.get().date(),
            grouped(rows)
        )
    }
}

impl Summary {
    /// The summary in the form asked for.
    #[must_use]
    pub fn render(&self, output: Output) -> String {
        match output {
            Output::Json => {
                serde_json::to_string_pretty(self).expect("a summary has only string keys and finite numbers")
            }
            Output::Human => self.to_table(),
        }
    }

    fn to_table(&self) -> String {
        let mut rows = vec![
            ("target".to_owned(), self.target.clone()),
            ("seed".to_owned(), self.seed.to_string()),
            ("history".to_owned(), format!("{} to {}", self.from, self.to)),
            ("orders".to_owned(), grouped(self.orders)),
            ("rows".to_owned(), grouped(self.rows)),
        ];
        let by_table = self.rows_by_table.iter();
        rows.extend(by_table.map(|(table, count)| (format!("  {table}"), grouped(*count))));
        rows.extend([
            ("objects".to_owned(), grouped(self.objects)),
            ("bytes".to_owned(), grouped(self.bytes)),
            ("removed".to_owned(), grouped(self.removed)),
            ("elapsed".to_owned(), format!("{:.2} s", self.elapsed_s)),
            ("rate".to_owned(), format!("{:.0} rows/s", self.rows_per_s)),
        ]);
        name_value_table(rows)
    }
}

/// A table of names and values.
pub(crate) fn name_value_table(rows: Vec<(String, String)>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    for (name, value) in rows {
        let value = TableCell::new(value).set_alignment(CellAlignment::Right);
        table.add_row([TableCell::new(name), value]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests;
