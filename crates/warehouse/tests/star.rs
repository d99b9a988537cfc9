//! The star schema: facts against a model written from their definition, laws of keys, and what is no input.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "star/dimensions.rs"]
mod dimensions;
#[path = "star/facts.rs"]
mod facts;
#[path = "star/fixed.rs"]
mod fixed;
#[path = "star/malformed.rs"]
mod malformed;
#[path = "star/model.rs"]
mod model;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytes::Bytes;
use events::{
    Body, Device, Envelope, Event, Line, MS_PER_DAY, PaymentMethod, Sale, Stream, Timestamp, Uuid,
    lines_total_minor,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use warehouse::star::{Keys, StarTable, transactions_reader};
use warehouse::{ArchivedEvent, encode};

/// 2026-11-22.
const DAY: i32 = 20_779;

/// Categories that facts come in.
const CATEGORIES: [&str; 4] = ["books", "", "\u{1F980} garden, \"tools\"", LONG];
const LONG: &str = match std::str::from_utf8(&[b'x'; 512]) {
    Ok(text) => text,
    Err(_) => "",
};

/// Keys that follow from the natural ones.
struct PlainKeys;

impl Keys for PlainKeys {
    fn product_key(&self, product_id: i64) -> Option<i64> {
        Some(product_id + 1_000)
    }

    fn user_key(&self, user_id: i64) -> Option<i64> {
        Some(user_id + 2_000)
    }

    fn category_key(&self, category: &str) -> Option<i64> {
        let keys = CATEGORIES.iter().zip(1..);
        keys.filter(|(name, _)| **name == category)
            .map(|(_, key)| key)
            .next()
    }
}

fn line(product_id: u64, quantity: i64, unit_price_minor: i64) -> Line {
    let category = CATEGORIES[usize::try_from(product_id % 4).unwrap()].into();
    Line {
        product_id,
        category,
        quantity,
        unit_price_minor,
    }
}

/// An order with a discount, shipping and tax.
fn sale(transaction_id: u128, lines: Vec<Line>, [discount, shipping, tax]: [i64; 3]) -> Sale {
    let goods = i64::try_from(lines_total_minor(&lines)).unwrap();
    Sale {
        transaction_id: Uuid::from_u128(transaction_id),
        cart_id: Uuid::from_u128(1),
        lines,
        discount_minor: discount,
        shipping_minor: shipping,
        tax_minor: tax,
        total_minor: goods - discount + shipping + tax,
        currency: "USD".into(),
        payment_method: PaymentMethod::ApplePay,
    }
}

/// An event `ms` after the beginning of `DAY`.
fn event(event_id: u128, ms: i64, body: Body) -> Event {
    Event {
        envelope: Envelope {
            event_id: Uuid::from_u128(event_id),
            occurred_at: Timestamp::from_ms(i64::from(DAY) * MS_PER_DAY + ms).unwrap(),
            user_id: 42,
            session_id: Uuid::from_u128(2),
            country: "DE".parse().unwrap(),
            device: Device::Tablet,
        },
        body,
    }
}

/// The archive object of transactions, as it is read.
fn archived(events: &[Event]) -> RecordBatch {
    let rows: Vec<ArchivedEvent<'_>> = events
        .iter()
        .map(|event| ArchivedEvent {
            event,
            arrived_at: event.envelope.occurred_at,
            shard_id: "shard",
            sequence_number: "0042",
        })
        .collect();
    let object = encode(Stream::Transactions, &rows).unwrap().bytes;
    let batches: Vec<RecordBatch> = transactions_reader(object.into())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

/// The rows of a file, which must have the columns of its table.
fn read(table: StarTable, file: impl Into<Bytes>) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.into()).unwrap();
    assert_eq!(reader.schema().fields(), table.schema().fields());
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&table.schema().into(), &batches).unwrap()
}
