//! What the archive holds of the minutes in question: every object's rows, each event once.

mod columns;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bytes::Bytes;
use events::{Country, EventType, MS_PER_HOUR, Stream, Timestamp, Uuid};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use warehouse::compacted::readable;
use warehouse::{archive_prefix, compacted_prefix};

use self::columns::{AnyError, Columns};
use super::report::{Check, cells_check, signed};
use super::sales::{self, SalesCells};
use super::{CONCURRENT_READS, EventCells, Sent, objects, quarantine};
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::ledger::{Carts, FaultFacts};

/// An object is filed under the hour in which its first record arrived. A function that catches up after an outage may put
/// records of many hours into one, so the search starts a day early.
const OBJECTS_FROM_MS: i64 = -24 * MS_PER_HOUR;
/// Room for clocks that differ.
const OBJECTS_TO_MS: i64 = MS_PER_HOUR;

/// What was found.
#[derive(Default)]
struct Stored {
    events: EventCells,
    sales: SalesCells,
    carts: Carts,
    /// Records that are stored more than once: the archive broke its promise.
    doubled: u64,
    /// Events that came as another record again: a producer sent them twice.
    resent: u64,
}

/// Compares the events of the ledgers' minutes, and what went wrong on purpose; the second copies come with it.
pub(super) async fn compare(deployment: &Deployment, sent: &Sent) -> Result<(Vec<Check>, u64), Failure> {
    let stored = read(deployment, sent).await?;
    let mut checks = event_checks(&sent.events, &stored.events);
    checks.extend(sales::checks("archive", &sent.sales, &stored.sales));
    let doubled = signed(stored.doubled);
    checks.push(Check::new("archive records stored twice".to_owned(), 0, doubled));
    checks.extend(cart_checks(&sent.carts, &stored.carts));
    checks.extend(fault_checks(deployment, sent, &stored).await?);
    Ok((checks, stored.resent))
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

/// What went wrong on purpose: second copies are kept, each that was sent and none that wasn't, and bad records are in
/// quarantine.
async fn fault_checks(deployment: &Deployment, sent: &Sent, stored: &Stored) -> Result<Vec<Check>, Failure> {
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
            checks.push(Check::new(
                format!("archive quarantine {rule}"),
                of(bad),
                of(&found),
            ));
        }
    }
    Ok(checks)
}

/// The second copies that are found, less those that lost answers explain.
fn second_copies(found: u64, on_purpose: u64, possible: u64) -> u64 {
    let explained = found.saturating_sub(on_purpose).min(possible);
    found - explained
}

/// Reads all objects that can hold events of the runs.
async fn read(deployment: &Deployment, sent: &Sent) -> Result<Stored, Failure> {
    let mut reading = Reading::new(sent);
    // Before the listings: so they have what counts of each hour.
    let hours = objects::compacted_hours(deployment).await?;
    for &stream in Stream::ALL {
        let archived = keys(deployment, &archive_prefix(stream), sent).await?;
        let compacted = keys(deployment, &compacted_prefix(stream), sent).await?;
        let [archived, compacted] = [&archived, &compacted].map(|keys| keys.iter().map(String::as_str));
        let counting = readable(stream, archived, compacted, &hours);
        let objects = counting.into_iter().map(|key| (key.to_owned(), stream));
        objects::read_each(deployment, objects, CONCURRENT_READS, |stream, bytes| {
            reading.add_object(stream, bytes)
        })
        .await?;
    }
    let Reading {
        mut stored, carts, ..
    } = reading;
    stored.carts = carts.count();
    Ok(stored)
}

/// The keys of the objects below a folder of the hours in question. Keys sort by hour.
pub(super) async fn keys(deployment: &Deployment, prefix: &str, sent: &Sent) -> Result<Vec<String>, Failure> {
    let (Some(from), Some(to)) = (sent.arrived_from, sent.arrived_to) else {
        return Ok(Vec::new());
    };
    let hour = |time: Timestamp| format!("{prefix}dt={}/hour={}", time.date(), time.hour());
    let first_hour = hour(from.plus_ms(OBJECTS_FROM_MS));
    let after_last_hour = format!("{}~", hour(to.plus_ms(OBJECTS_TO_MS)));
    objects::list(deployment, prefix, Some(first_hour), Some(&after_last_hour)).await
}

struct Reading<'a> {
    sent: &'a Sent,
    stored: Stored,
    /// The object in which each event of each record came first.
    delivered: HashMap<(String, String, Uuid), u64>,
    objects: u64,
    seen: HashSet<Uuid>,
    carts: CartIds,
}

#[derive(Default)]
struct CartIds {
    created: BTreeSet<Uuid>,
    checked_out: BTreeSet<Uuid>,
    purchased: BTreeSet<Uuid>,
}

impl CartIds {
    fn count(&self) -> Carts {
        let of_created = |carts: &BTreeSet<Uuid>| carts.intersection(&self.created).count() as u64;
        let (created, purchased) = (self.created.len() as u64, of_created(&self.purchased));
        Carts {
            created,
            checked_out: of_created(&self.checked_out),
            purchased,
            left_behind: created - purchased,
            ..Carts::default()
        }
    }
}

impl<'a> Reading<'a> {
    fn new(sent: &'a Sent) -> Self {
        Self {
            sent,
            stored: Stored::default(),
            delivered: HashMap::new(),
            objects: 0,
            seen: HashSet::new(),
            carts: CartIds::default(),
        }
    }

    fn add_object(&mut self, stream: Stream, bytes: Bytes) -> Result<(), AnyError> {
        self.objects += 1;
        for batch in ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()? {
            let columns = Columns(&batch?);
            for row in 0..columns.0.num_rows() {
                self.add_row(stream, &columns, row)?;
            }
        }
        Ok(())
    }

    fn add_row(&mut self, stream: Stream, columns: &Columns<'_>, row: usize) -> Result<(), AnyError> {
        let occurred_at = columns.time("occurred_at", row)?;
        let minute = occurred_at.minute();
        if !self.sent.minutes.contains(&minute) {
            return Ok(());
        }
        let event_id: Uuid = columns.text("event_id", row)?.parse()?;
        let delivery = (
            columns.text("shard_id", row)?.to_owned(),
            columns.text("sequence_number", row)?.to_owned(),
            event_id,
        );
        // An aggregated record may hold an event twice; a record in two objects was stored twice.
        let first_in = *self.delivered.entry(delivery).or_insert(self.objects);
        if first_in != self.objects {
            self.stored.doubled += 1;
            return Ok(());
        }
        if !self.seen.insert(event_id) {
            self.stored.resent += 1;
            return Ok(());
        }
        let name = columns.text("event_type", row)?;
        let event_type = EventType::from_name(name).ok_or_else(|| format!("unknown event type `{name}`"))?;
        self.stored
            .events
            .entry((minute, event_type))
            .or_default()
            .add(event_id);
        match event_type {
            EventType::CartAdd => drop(self.carts.created.insert(columns.text("cart_id", row)?.parse()?)),
            EventType::CartCheckout => drop(
                self.carts
                    .checked_out
                    .insert(columns.text("cart_id", row)?.parse()?),
            ),
            EventType::Purchase => drop(
                self.carts
                    .purchased
                    .insert(columns.text("cart_id", row)?.parse()?),
            ),
            _ => {}
        }
        if stream != Stream::Transactions {
            return Ok(());
        }
        let (units, goods_minor) = columns.lines(row)?;
        let discount_minor = columns.number("discount_minor", row)?;
        let country: Country = columns.text("country", row)?.parse()?;
        let sales = self.stored.sales.entry((minute, country)).or_default();
        if event_type == EventType::Refund {
            sales.refunds += 1;
            sales.refunded_units += units;
            sales.refunded_minor += goods_minor - discount_minor;
        } else {
            sales.orders += 1;
            sales.units += units;
            sales.gross_minor += goods_minor;
            sales.discount_minor += discount_minor;
            sales.shipping_minor += columns.number("shipping_minor", row)?;
            sales.tax_minor += columns.number("tax_minor", row)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use events::{Body, Device, Envelope, Event, Search, Timestamp};
    use warehouse::{ArchivedEvent, encode};

    use super::*;

    fn object(sequence_number: &str) -> Bytes {
        let event = Event {
            envelope: Envelope {
                event_id: Uuid::from_u128(7),
                occurred_at: Timestamp::from_ms(0).unwrap(),
                user_id: 1,
                session_id: Uuid::nil(),
                country: "US".parse().unwrap(),
                device: Device::Mobile,
            },
            body: Body::Search(Search {
                query: "x".into(),
                results: 0,
            }),
        };
        let row = ArchivedEvent {
            event: &event,
            arrived_at: Timestamp::from_ms(0).unwrap(),
            shard_id: "shardId-0",
            sequence_number,
        };
        encode(Stream::ProductViews, &[row]).unwrap().bytes.into()
    }

    #[test]
    fn a_record_stored_twice_is_told_from_an_event_sent_twice() {
        let sent = Sent {
            minutes: BTreeSet::from([Timestamp::from_ms(0).unwrap().minute()]),
            ..Sent::default()
        };
        let mut reading = Reading::new(&sent);
        for sequence_number in ["1", "1", "2"] {
            reading
                .add_object(Stream::ProductViews, object(sequence_number))
                .unwrap();
        }
        let Stored {
            doubled,
            resent,
            events,
            ..
        } = reading.stored;
        let events: u64 = events.values().map(|count| count.events).sum();
        assert_eq!((events, doubled, resent), (1, 1, 1));
    }

    #[test]
    fn only_lost_answers_explain_copies_that_were_not_sent_on_purpose() {
        assert_eq!(second_copies(7, 7, 0), 7);
        assert_eq!(second_copies(9, 7, 3), 7);
        assert_eq!(second_copies(11, 7, 3), 8);
        assert_eq!(second_copies(5, 7, 3), 5);
    }
}
