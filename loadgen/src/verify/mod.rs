//! `loadgen verify`: whether what was sent is what is counted and what is stored, event for event and cent for cent.
//!
//! A ledger's minutes are compared whole. Another producer's events in the same minutes show as differences, unless its
//! ledger is given, too.

mod archive;
mod quarantine;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use events::{Country, EventType, MS_PER_HOUR, Minute, Timestamp};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::args::Output;
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::ledger::{Carts, Count, FaultFacts, Ledger, REPLAY, SalesFacts};

const SCHEMA_VERSION: u32 = 1;
const CONCURRENT_READS: usize = 8;
/// How often to look again while the system is catching up.
const INTERVAL: Duration = Duration::from_secs(1);
/// An object is filed under the hour in which its first record arrived. A function that catches up after an outage may put
/// records of many hours into one, so the search starts a day early.
const OBJECTS_FROM_MS: i64 = -24 * MS_PER_HOUR;
/// Room for clocks that differ.
const OBJECTS_TO_MS: i64 = MS_PER_HOUR;

/// Sales by minute and country.
type SalesCells = BTreeMap<(Minute, Country), SalesFacts>;
/// One of the sums of sales.
type Measure = fn(&SalesFacts) -> i64;
/// Events by minute and type.
type EventCells = BTreeMap<(Minute, EventType), Count>;

/// What one or more runs sent.
#[derive(Clone, Debug, Default)]
struct Sent {
    minutes: BTreeSet<Minute>,
    events: EventCells,
    sales: SalesCells,
    carts: Carts,
    arrived_from: Option<Timestamp>,
    arrived_to: Option<Timestamp>,
    uncertain: u64,
    possible_duplicates: u64,
    faults: FaultFacts,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What is compared, and where.
    pub name: String,
    /// What was sent.
    pub expected: i64,
    /// What the system holds.
    pub found: i64,
    /// Found less expected.
    pub difference: i64,
}

/// All comparisons.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    schema_version: u32,
    /// Whether nothing differs.
    pub ok: bool,
    checks: Vec<Check>,
    /// Events that the producer gave up without knowing whether they arrived. Where there are any, differences of as many
    /// events prove nothing.
    uncertain: u64,
    /// Second copies in the archive: a producer sent an event again, on purpose or after a lost answer. They are counted once.
    resent: u64,
}

/// Compares until nothing differs or `patience` is over.
pub async fn verify(
    deployment: &Deployment,
    ledgers: &[Ledger],
    patience: Duration,
) -> Result<Verdict, Failure> {
    let sent = Sent::of(ledgers)?;
    let started = Instant::now();
    loop {
        let verdict = compare(deployment, &sent).await?;
        if verdict.ok || started.elapsed() >= patience {
            return Ok(verdict);
        }
        sleep(INTERVAL).await;
    }
}

impl Sent {
    fn of(ledgers: &[Ledger]) -> Result<Self, Failure> {
        let mut sent = Self::default();
        let mut runs = BTreeSet::new();
        for ledger in ledgers {
            let run = &ledger.run;
            if run.sink != "kinesis" {
                return Err(Failure::usage(format!(
                    "a ledger's events went to {}: only those that went to kinesis can be found again",
                    run.sink
                )));
            }
            // Of a recording, the ids say which events it holds.
            let ids = ledger
                .streams
                .values()
                .fold(0_u128, |sum, count| sum.wrapping_add(count.event_id_sum.0));
            let recording = (run.mix == REPLAY).then_some(ids);
            if !runs.insert((run.seed, run.start, recording)) {
                return Err(Failure::usage(format!(
                    "two ledgers have the seed {} and the start {}: they hold the same events, which count once; give one of them",
                    run.seed, run.start
                )));
            }
            sent.add(ledger);
        }
        if sent.minutes.is_empty() && sent.faults.bad.is_empty() {
            return Err(Failure::usage(
                "the ledgers hold no acknowledged record: there is nothing to compare",
            ));
        }
        Ok(sent)
    }

    fn add(&mut self, ledger: &Ledger) {
        let run = &ledger.run;
        self.arrived_from = Some(
            self.arrived_from
                .map_or(run.sent_from, |from| from.min(run.sent_from)),
        );
        self.arrived_to = Some(self.arrived_to.map_or(run.sent_to, |to| to.max(run.sent_to)));
        self.uncertain += ledger.uncertain;
        self.possible_duplicates += ledger.possible_duplicates;
        self.carts.merge(&ledger.carts);
        self.faults.merge(&ledger.faults);
        for facts in &ledger.minutes {
            self.minutes.insert(facts.minute);
            for (event_type, count) in &facts.events {
                self.events
                    .entry((facts.minute, *event_type))
                    .or_default()
                    .merge(*count);
            }
            for (country, sales) in &facts.countries {
                self.sales
                    .entry((facts.minute, *country))
                    .or_default()
                    .merge(sales);
            }
        }
    }
}

async fn compare(deployment: &Deployment, sent: &Sent) -> Result<Verdict, Failure> {
    let counted = metrics(deployment, sent).await?;
    let stored = archive::read(deployment, sent).await?;
    let mut checks = sales_checks("metrics", &sent.sales, &counted);
    checks.extend(event_checks(&sent.events, &stored.events));
    checks.extend(sales_checks("archive", &sent.sales, &stored.sales));
    checks.push(Check::new(
        "archive records stored twice".to_owned(),
        0,
        signed(stored.doubled),
    ));
    checks.extend(cart_checks(&sent.carts, &stored.carts));
    checks.extend(fault_checks(deployment, sent, &stored).await?);
    let ok = checks.iter().all(|check| check.difference == 0);
    Ok(Verdict {
        schema_version: SCHEMA_VERSION,
        ok,
        checks,
        uncertain: sent.uncertain,
        resent: stored.resent,
    })
}

/// What went wrong on purpose: second copies are kept, each that was sent and none that wasn't, and bad records are in
/// quarantine.
async fn fault_checks(
    deployment: &Deployment,
    sent: &Sent,
    stored: &archive::Stored,
) -> Result<Vec<Check>, Failure> {
    let FaultFacts { duplicates, bad, .. } = &sent.faults;
    let copies = second_copies(stored.resent, *duplicates, sent.possible_duplicates);
    let mut checks = vec![Check::new(
        "archive second copies".to_owned(),
        signed(*duplicates),
        signed(copies),
    )];
    if !bad.is_empty() {
        let found = quarantine::read(deployment, sent).await?;
        for rule in bad.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
            let of = |counts: &BTreeMap<String, u64>| signed(counts.get(rule).copied().unwrap_or(0));
            checks.push(Check::new(format!("quarantine {rule}"), of(bad), of(&found)));
        }
    }
    Ok(checks)
}

/// The second copies that are found, less those that lost answers explain.
fn second_copies(found: u64, on_purpose: u64, possible: u64) -> u64 {
    let explained = found.saturating_sub(on_purpose).min(possible);
    found - explained
}

/// The metrics' sums of the minutes in question.
async fn metrics(deployment: &Deployment, sent: &Sent) -> Result<SalesCells, Failure> {
    let minutes: Vec<_> = stream::iter(&sent.minutes)
        .map(|minute| async move {
            deployment
                .sales(*minute)
                .await
                .map(|countries| (*minute, countries))
        })
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await?;
    let cells = minutes.into_iter().flat_map(|(minute, countries)| {
        countries.into_iter().map(move |(country, sales)| {
            let totals = sales.totals;
            let facts = SalesFacts {
                orders: totals.orders,
                units: totals.units,
                gross_minor: totals.gross_minor,
                discount_minor: totals.discount_minor,
                shipping_minor: totals.shipping_minor,
                tax_minor: totals.tax_minor,
                refunds: totals.refunds,
                refunded_units: totals.refunded_units,
                refunded_minor: totals.refunded_minor,
            };
            ((minute, country), facts)
        })
    });
    Ok(cells.collect())
}

/// A sum of each measure, and how many cells agree in all of them.
fn sales_checks(place: &str, expected: &SalesCells, found: &SalesCells) -> Vec<Check> {
    let measures: [(&str, Measure); 9] = [
        ("orders", |of| of.orders),
        ("units", |of| of.units),
        ("gross_minor", |of| of.gross_minor),
        ("discount_minor", |of| of.discount_minor),
        ("shipping_minor", |of| of.shipping_minor),
        ("tax_minor", |of| of.tax_minor),
        ("refunds", |of| of.refunds),
        ("refunded_units", |of| of.refunded_units),
        ("refunded_minor", |of| of.refunded_minor),
    ];
    let mut checks: Vec<Check> = measures
        .iter()
        .map(|(name, of)| {
            let sum = |cells: &SalesCells| cells.values().map(of).sum();
            Check::new(format!("{place} {name}"), sum(expected), sum(found))
        })
        .collect();
    checks.push(cells_check(
        format!("{place} minutes × countries equal"),
        expected,
        found,
    ));
    checks
}

fn event_checks(expected: &EventCells, found: &EventCells) -> Vec<Check> {
    let mut checks: Vec<Check> = EventType::ALL
        .iter()
        .map(|event_type| {
            let sum = |cells: &EventCells| {
                cells
                    .iter()
                    .filter(|((_, of), _)| of == event_type)
                    .map(|(_, count)| signed(count.events))
                    .sum()
            };
            Check::new(format!("archive {event_type} events"), sum(expected), sum(found))
        })
        .collect();
    checks.push(cells_check(
        "archive minutes × types with the very events".to_owned(),
        expected,
        found,
    ));
    checks
}

fn cart_checks(expected: &Carts, found: &Carts) -> Vec<Check> {
    let check = |name: &str, of: fn(&Carts) -> u64| {
        Check::new(
            format!("archive carts {name}"),
            signed(of(expected)),
            signed(of(found)),
        )
    };
    vec![
        check("created", |carts| carts.created),
        check("checked out", |carts| carts.checked_out),
        check("purchased", |carts| carts.purchased),
        check("left behind", |carts| carts.left_behind),
    ]
}

/// How many cells there are, and how many of them are equal on both sides; a cell too many counts against it.
fn cells_check<K: Ord, V: PartialEq>(
    name: String,
    expected: &BTreeMap<K, V>,
    found: &BTreeMap<K, V>,
) -> Check {
    let equal = expected
        .iter()
        .filter(|(key, value)| found.get(key) == Some(value))
        .count();
    let surplus = found.keys().filter(|key| !expected.contains_key(key)).count();
    Check::new(name, signed(expected.len()), signed(equal) - signed(surplus))
}

fn signed(n: impl TryInto<i64>) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}

impl Check {
    fn new(name: String, expected: i64, found: i64) -> Self {
        Self {
            name,
            expected,
            found,
            difference: found - expected,
        }
    }
}

impl Verdict {
    /// The verdict in the form asked for.
    #[must_use]
    pub fn render(&self, output: Output) -> String {
        match output {
            Output::Json => {
                serde_json::to_string_pretty(self).expect("a verdict has only string keys and whole numbers")
            }
            Output::Human => self.to_table(),
        }
    }

    fn to_table(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY);
        table.set_header(["check", "expected", "found", "difference"]);
        let right = |n: i64| Cell::new(n).set_alignment(CellAlignment::Right);
        for check in &self.checks {
            let name = Cell::new(&check.name);
            table.add_row([
                name,
                right(check.expected),
                right(check.found),
                right(check.difference),
            ]);
        }
        let different = self.checks.iter().filter(|check| check.difference != 0).count();
        let mut lines = vec![table.to_string()];
        if self.resent > 0 {
            lines.push(format!(
                "{} second copies in the archive, sent again on purpose or after a lost answer: counted once",
                self.resent
            ));
        }
        if self.uncertain > 0 {
            lines.push(format!(
                "{} events were given up without an answer: they may or may not have arrived",
                self.uncertain
            ));
        }
        lines.push(if self.ok {
            format!("OK: {} checks, nothing differs: sent = counted = stored", self.checks.len())
        } else {
            format!(
                "DIFFERENT: {different} of {} checks. Minutes are compared whole: if somebody else sent events in them, give \
                 that ledger, too",
                self.checks.len()
            )
        });
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lost_answers_explain_copies_that_were_not_sent_on_purpose() {
        assert_eq!(second_copies(7, 7, 0), 7);
        assert_eq!(second_copies(9, 7, 3), 7);
        assert_eq!(second_copies(11, 7, 3), 8);
        assert_eq!(second_copies(5, 7, 3), 5);
    }
}
