//! The compacted archive from outside: whatever rows come in whatever batches, parts hold them all, once; and one rule
//! says which objects count.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int32Type, TimestampMillisecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use events::{
    Body, CartLine, Checkout, Compare, Device, Envelope, Event, Filter, Line, MS_PER_HOUR, PaymentMethod,
    ProductView, Sale, Search, Stream, Timestamp, Uuid,
};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::PageIndexPolicy;
use proptest::prelude::*;
use warehouse::compacted::{CompactedHours, PartSize, PartWriter, archived_rows, readable, schema_of};
use warehouse::{ArchivedEvent, archive_key, archived_hour, compacted_key, encode};

/// What makes a row: user, time, and which body.
type Seed = (u64, i64, u8);

fn line(user_id: u64) -> Line {
    Line {
        product_id: user_id,
        category: "books".into(),
        quantity: 2,
        unit_price_minor: 1_250,
    }
}

fn body(stream: Stream, (user_id, _, kind): Seed) -> Body {
    let cart_line = CartLine {
        cart_id: Uuid::from_u128(11),
        line: line(user_id),
    };
    match (stream, kind % 4) {
        (Stream::ProductViews, 0) => Body::Search(Search {
            query: format!("lamp \u{1F980} {user_id}").into(),
            results: user_id,
        }),
        (Stream::ProductViews, 1) => Body::Filter(Filter {
            filters: (0..user_id % 3)
                .map(|n| (n.to_string().into(), "red".into()))
                .collect(),
        }),
        (Stream::ProductViews, 2) => Body::Compare(Compare {
            product_ids: (0..user_id % 4).collect(),
        }),
        (Stream::ProductViews, _) => Body::ProductView(ProductView {
            product_id: user_id,
            category: "books".into(),
            price_minor: 1_250,
        }),
        (Stream::CartEvents, 0) => Body::CartCheckout(Checkout {
            cart_id: Uuid::from_u128(11),
            items: vec![line(user_id); 2],
            cart_total_minor: 5_000,
        }),
        (Stream::CartEvents, 1) => Body::CartRemove(cart_line),
        (Stream::CartEvents, _) => Body::CartAdd(cart_line),
        (Stream::Transactions, kind) => {
            let sale = Sale {
                transaction_id: Uuid::from_u128(10),
                cart_id: Uuid::from_u128(11),
                lines: vec![line(user_id); usize::from(kind)],
                discount_minor: 1,
                shipping_minor: 2,
                tax_minor: 3,
                total_minor: 5_004,
                currency: "USD".into(),
                payment_method: PaymentMethod::GiftCard,
            };
            if kind == 0 {
                Body::Refund(events::Refund {
                    refunded_transaction_id: Uuid::from_u128(9),
                    sale,
                })
            } else {
                Body::Purchase(sale)
            }
        }
    }
}

/// An archive object of rows; equal seeds are copies of an event.
fn archived(stream: Stream, seeds: &[Seed]) -> Bytes {
    let events: Vec<Event> = seeds
        .iter()
        .map(|&seed| Event {
            envelope: Envelope {
                event_id: Uuid::from_u128(u128::from(seed.0)),
                occurred_at: Timestamp::from_ms(seed.1).unwrap(),
                user_id: seed.0,
                session_id: Uuid::from_u128(5),
                country: "DE".parse().unwrap(),
                device: Device::Tablet,
            },
            body: body(stream, seed),
        })
        .collect();
    let rows: Vec<ArchivedEvent<'_>> = events
        .iter()
        .map(|event| ArchivedEvent {
            event,
            arrived_at: Timestamp::from_ms(9_000).unwrap(),
            shard_id: "shard",
            sequence_number: "0042",
        })
        .collect();
    encode(stream, &rows).unwrap().bytes.into()
}

fn one_batch(file: Bytes) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

/// All of each row, except its generation.
fn as_text(rows: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("null");
    let columns = rows.columns().iter().zip(rows.schema_ref().fields());
    let columns: Vec<ArrayFormatter<'_>> = columns
        .filter(|(_, field)| field.name() != "generation")
        .map(|(column, _)| ArrayFormatter::try_new(column, &options).unwrap())
        .collect();
    (0..rows.num_rows())
        .map(|row| {
            let values = columns.iter().map(|column| column.value(row).to_string());
            values.collect::<Vec<_>>().join("|")
        })
        .collect()
}

/// What rows are ordered by, as far as these differ.
fn sort_keys(rows: &RecordBatch) -> Vec<(&str, i64, &str)> {
    let text = |name| rows.column_by_name(name).unwrap().as_string::<i32>();
    let (event_types, event_ids) = (text("event_type"), text("event_id"));
    let times = rows.column_by_name("occurred_at").unwrap();
    let times = times.as_primitive::<TimestampMillisecondType>();
    (0..rows.num_rows())
        .map(|row| (event_types.value(row), times.value(row), event_ids.value(row)))
        .collect()
}

fn compacted<'a>(
    stream: Stream,
    generation: i32,
    size: PartSize,
    batches: impl Iterator<Item = &'a RecordBatch>,
) -> Vec<Bytes> {
    let mut writer = PartWriter::new(stream, generation, size);
    let mut parts = Vec::new();
    for rows in batches {
        parts.extend(writer.add(rows).unwrap());
    }
    parts.extend(writer.finish().unwrap());
    parts.into_iter().map(Bytes::from).collect()
}

/// Cuts rows into batches of some lengths, over and over.
fn cut(rows: &RecordBatch, lengths: &[usize]) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    let mut from = 0;
    for length in lengths.iter().cycle() {
        let length = *length.min(&(rows.num_rows() - from));
        if length == 0 {
            return batches;
        }
        batches.push(rows.slice(from, length));
        from += length;
    }
    batches
}

fn stream() -> impl Strategy<Value = Stream> {
    prop::sample::select(Stream::ALL)
}

fn size() -> impl Strategy<Value = PartSize> {
    let bytes = prop::sample::select(&[1, 6_000, 128 << 20][..]);
    (bytes, 1..12_usize).prop_map(|(bytes, row_group_rows)| PartSize {
        bytes,
        row_group_rows,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn parts_hold_all_rows_once_however_they_come(
        stream in stream(),
        seeds in prop::collection::vec((0..9_u64, 0..5_i64, 0..4_u8), 1..60),
        lengths in prop::collection::vec(1..25_usize, 1..5),
        size in size(),
    ) {
        let archive = one_batch(archived(stream, &seeds));
        let parts = compacted(stream, 7, size, cut(&archive, &lengths).iter());
        prop_assert_eq!(&parts, &compacted(stream, 7, size, [&archive].into_iter()));

        let mut found = Vec::new();
        let mut groups = Vec::new();
        for (n, part) in parts.iter().enumerate() {
            let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
            let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(part.clone(), options).unwrap();
            prop_assert!(reader.schema().fields() == schema_of(stream).fields());
            let metadata = reader.metadata();
            prop_assert!(metadata.page_index().is_some());
            let lengths: Vec<usize> = metadata
                .row_groups()
                .iter()
                .map(|group| usize::try_from(group.num_rows()).unwrap())
                .collect();
            prop_assert!(n + 1 == parts.len() || part.len() >= size.bytes);
            prop_assert!(size.bytes > 1 || lengths.len() == 1);
            let rows = one_batch(part.clone());
            let generations = rows.column(rows.num_columns() - 1).as_primitive::<Int32Type>();
            prop_assert!(generations.values().iter().all(|generation| *generation == 7));
            let keys = sort_keys(&rows);
            let mut from = 0;
            for length in &lengths {
                prop_assert!(keys[from..from + length].is_sorted());
                from += length;
            }
            found.extend(as_text(&rows));
            groups.extend(lengths);
        }
        let (last, full) = groups.split_last().unwrap();
        prop_assert!(full.iter().all(|length| *length == size.row_group_rows));
        prop_assert!(*last <= size.row_group_rows);

        let mut expected = as_text(&archive);
        expected.sort_unstable();
        found.sort_unstable();
        prop_assert_eq!(&found, &expected);

        // And once more, from parts.
        let read = parts.iter().flat_map(|part| archived_rows(stream, part.clone()).unwrap());
        let read: Vec<RecordBatch> = read.map(Result::unwrap).collect();
        let again = compacted(stream, 8, size, read.iter());
        let mut again: Vec<String> = again.into_iter().flat_map(|part| as_text(&one_batch(part))).collect();
        again.sort_unstable();
        prop_assert_eq!(again, expected);
    }

    #[test]
    fn the_table_of_hours_reads_as_it_was_written(
        rows in prop::collection::btree_map((stream(), -9_000..1_000_000_i64), 1..40_000_i32, 0..40),
    ) {
        let mut hours = CompactedHours::default();
        for ((stream, hour), generation) in &rows {
            hours.count(*stream, hour_at(*hour), *generation);
        }
        let file: Bytes = hours.encode().unwrap().into();
        prop_assert_eq!(CompactedHours::read(file).unwrap(), hours.clone());
        for ((stream, hour), generation) in rows {
            prop_assert_eq!(hours.generation(stream, hour_at(hour)), generation);
        }
    }

    #[test]
    fn an_object_counts_if_its_generation_does(
        counted in prop::collection::btree_map((stream(), 0..4_i64), 1..4_i32, 0..9),
        objects in prop::collection::btree_set((0..4_i64, 0..4_i32, 0..3_usize), 0..30),
        stream in stream(),
    ) {
        let mut hours = CompactedHours::default();
        for ((of, hour), generation) in &counted {
            hours.count(*of, hour_at(*hour), *generation);
        }
        let objects: BTreeMap<String, bool> = objects
            .into_iter()
            .map(|(hour, generation, part)| {
                let start = hour_at(hour);
                let key = match generation {
                    0 => archive_key(stream, start.plus_ms(1), "shard", &part.to_string()),
                    _ => compacted_key(stream, start, generation, part),
                };
                let counts = counted.get(&(stream, hour)).copied().unwrap_or(0) == generation;
                (key, counts)
            })
            .collect();
        let under = |folder| objects.keys().map(String::as_str).filter(move |key| key.starts_with(folder));
        let mut found = readable(stream, under("events/"), under("compacted/"), &hours);
        found.sort_unstable();
        let expected = objects.iter().filter(|(_, counts)| **counts);
        prop_assert_eq!(found, expected.map(|(key, _)| key.as_str()).collect::<Vec<_>>());
    }
}

fn hour_at(number: i64) -> Timestamp {
    Timestamp::from_ms(number * MS_PER_HOUR).unwrap()
}

#[test]
fn the_table_of_hours_has_the_partitions_of_the_archive() {
    let time = Timestamp::parse("2026-11-22T07:59:59.999Z").unwrap();
    let key = archive_key(Stream::CartEvents, time, "shard", "1");
    let mut hours = CompactedHours::default();
    assert_eq!(as_text(&one_batch(hours.encode().unwrap().into())), [""; 0]);
    hours.count(
        Stream::CartEvents,
        archived_hour(Stream::CartEvents, &key).unwrap(),
        3,
    );
    let rows = one_batch(hours.encode().unwrap().into());
    assert_eq!(*rows.schema(), CompactedHours::schema());
    assert_eq!(as_text(&rows), ["cart_events|2026-11-22|07"]);
}

#[test]
fn what_has_no_hour_counts_in_the_archive_and_not_among_parts() {
    let archived = ["events/transactions/odd.parquet"];
    let parts = ["compacted/transactions/dt=2026-11-22/hour=07/odd.parquet"];
    let others = [
        "events/transactions/",
        "events/transactions/dt=2026-11-22/hour=07/_SUCCESS",
    ];
    let listed = archived.into_iter().chain(others);
    let found = readable(Stream::Transactions, listed, parts, &CompactedHours::default());
    assert_eq!(found, archived);
}

#[test]
fn rows_of_another_table_are_refused() {
    let rows = one_batch(archived(Stream::CartEvents, &[(1, 1, 1)]));
    let mut writer = PartWriter::new(Stream::Transactions, 1, PartSize::default());
    let error = writer.add(&rows).unwrap_err().to_string();
    assert!(error.contains("transaction_id"), "{error}");
    assert!(writer.finish().unwrap().is_none());
}
