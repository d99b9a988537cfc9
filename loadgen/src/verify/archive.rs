//! What the archive holds of the minutes in question: every object's rows, each event once.

use std::collections::{BTreeSet, HashMap, HashSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMillisecondType};
use bytes::Bytes;
use events::{Country, EventType, Stream, Timestamp, Uuid};
use futures::{StreamExt, TryStreamExt, stream};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{CONCURRENT_READS, EventCells, OBJECTS_FROM_MS, OBJECTS_TO_MS, SalesCells, Sent};
use crate::deployment::Deployment;
use crate::failure::{Failure, causes};
use crate::ledger::Carts;

/// What was found.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) events: EventCells,
    pub(super) sales: SalesCells,
    pub(super) carts: Carts,
    /// Records that are stored more than once: the archive broke its promise.
    pub(super) doubled: u64,
    /// Events that came as another record again: a producer sent them twice.
    pub(super) resent: u64,
}

/// Reads all objects that can hold events of the runs.
pub(super) async fn read(deployment: &Deployment, sent: &Sent) -> Result<Stored, Failure> {
    let mut reading = Reading::new(sent);
    for &stream in Stream::ALL {
        let keys = keys(deployment, &warehouse::archive_prefix(stream), sent).await?;
        let mut objects = stream::iter(keys)
            .map(|key| async move { get(deployment, &key).await.map(|bytes| (key, bytes)) })
            .buffered(CONCURRENT_READS);
        while let Some((key, bytes)) = objects.try_next().await? {
            reading.add_object(stream, bytes).map_err(|error| {
                Failure::run(format!(
                    "cannot read s3://{}/{key}: {error}",
                    deployment.warehouse
                ))
            })?;
        }
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
    let after_last_hour = format!("{}~", hour(to.plus_ms(OBJECTS_TO_MS)));
    let list = deployment
        .s3
        .list_objects_v2()
        .bucket(&deployment.warehouse)
        .prefix(prefix);
    let mut pages = list
        .start_after(hour(from.plus_ms(OBJECTS_FROM_MS)))
        .into_paginator()
        .send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| {
            Failure::run(format!(
                "cannot list {prefix} in {}: {}",
                deployment.warehouse,
                causes(&error)
            ))
        })?;
        for key in page.contents().iter().filter_map(|object| object.key()) {
            if key > after_last_hour.as_str() {
                return Ok(keys);
            }
            keys.push(key.to_owned());
        }
    }
    Ok(keys)
}

pub(super) async fn get(deployment: &Deployment, key: &str) -> Result<Bytes, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Failure::run(format!(
            "cannot read s3://{}/{key}: {}",
            deployment.warehouse,
            causes(error)
        ))
    };
    let object = deployment
        .s3
        .get_object()
        .bucket(&deployment.warehouse)
        .key(key)
        .send()
        .await
        .map_err(|e| failed(&e))?;
    Ok(object.body.collect().await.map_err(|e| failed(&e))?.into_bytes())
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

type AnyError = Box<dyn std::error::Error + Send + Sync>;

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

/// Columns of a batch by name, checked: the archive may be of another version than this reader.
struct Columns<'a>(&'a RecordBatch);

impl Columns<'_> {
    fn column(&self, name: &str) -> Result<&dyn Array, AnyError> {
        self.0
            .column_by_name(name)
            .map(AsRef::as_ref)
            .ok_or_else(|| format!("no column `{name}`").into())
    }

    fn text(&self, name: &str, row: usize) -> Result<&str, AnyError> {
        let column = self.column(name)?.as_string_opt::<i32>();
        Ok(column
            .ok_or_else(|| format!("column `{name}` is not text"))?
            .value(row))
    }

    fn number(&self, name: &str, row: usize) -> Result<i64, AnyError> {
        let column = self.column(name)?.as_primitive_opt::<Int64Type>();
        Ok(column
            .ok_or_else(|| format!("column `{name}` is not a 64-bit integer"))?
            .value(row))
    }

    fn time(&self, name: &str, row: usize) -> Result<Timestamp, AnyError> {
        let column = self.column(name)?.as_primitive_opt::<TimestampMillisecondType>();
        let ms = column
            .ok_or_else(|| format!("column `{name}` is not a time in milliseconds"))?
            .value(row);
        Timestamp::from_ms(ms).ok_or_else(|| format!("column `{name}`: {ms} is outside the calendar").into())
    }

    /// Σ quantity and Σ quantity × unit price of a row's lines.
    fn lines(&self, row: usize) -> Result<(i64, i64), AnyError> {
        let lists = self
            .column("lines")?
            .as_list_opt::<i32>()
            .ok_or("column `lines` is not a list")?;
        let lines = lists.value(row);
        let lines = lines
            .as_struct_opt()
            .ok_or("the elements of `lines` are not structs")?;
        let field = |name: &str| {
            let column = lines
                .column_by_name(name)
                .and_then(|column| column.as_primitive_opt::<Int64Type>());
            column.ok_or_else(|| format!("`lines.{name}` is not a 64-bit integer"))
        };
        let (quantities, prices) = (field("quantity")?.values(), field("unit_price_minor")?.values());
        let goods_minor = quantities
            .iter()
            .zip(prices)
            .map(|(quantity, price)| quantity * price)
            .sum();
        Ok((quantities.iter().sum(), goods_minor))
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
}
