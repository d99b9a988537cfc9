//! Archived tables from outside: what is in a file.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMillisecondType};
use events::{
    Body, CartLine, Checkout, Compare, Device, Envelope, Event, Filter, Line, PaymentMethod, ProductView,
    Refund, Sale, Search, Stream, Timestamp, Uuid,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use warehouse::{ArchivedEvent, EncodeError, encode, schema_of};

fn line() -> Line {
    Line {
        product_id: 7,
        category: "books".into(),
        quantity: 2,
        unit_price_minor: 1_250,
    }
}

fn sale() -> Sale {
    Sale {
        transaction_id: Uuid::from_u128(10),
        cart_id: Uuid::from_u128(11),
        lines: vec![
            line(),
            Line {
                product_id: 8,
                ..line()
            },
        ],
        discount_minor: 1,
        shipping_minor: 2,
        tax_minor: 3,
        total_minor: 5_004,
        currency: "USD".into(),
        payment_method: PaymentMethod::GiftCard,
    }
}

/// One event of each type of a stream, a second apart.
fn events_of(stream: Stream) -> Vec<Event> {
    let cart_line = CartLine {
        cart_id: Uuid::from_u128(11),
        line: line(),
    };
    let bodies = match stream {
        Stream::ProductViews => vec![
            Body::ProductView(ProductView {
                product_id: i64::MAX as u64,
                category: "books".into(),
                price_minor: 1_250,
            }),
            Body::Search(Search {
                query: "rust \u{1F980}".into(),
                results: 3,
            }),
            Body::Filter(Filter {
                filters: BTreeMap::from([("brand".into(), "acme".into()), ("size".into(), "m".into())]),
            }),
            Body::Compare(Compare {
                product_ids: vec![1, 2, 3],
            }),
        ],
        Stream::CartEvents => vec![
            Body::CartAdd(cart_line.clone()),
            Body::CartUpdate(cart_line.clone()),
            Body::CartRemove(cart_line),
            Body::CartCheckout(Checkout {
                cart_id: Uuid::from_u128(11),
                items: vec![line()],
                cart_total_minor: 2_500,
            }),
        ],
        Stream::Transactions => vec![
            Body::Purchase(sale()),
            Body::Refund(Refund {
                refunded_transaction_id: Uuid::from_u128(9),
                sale: sale(),
            }),
        ],
    };
    bodies
        .into_iter()
        .zip(1..)
        .map(|(body, n)| Event {
            envelope: envelope(n),
            body,
        })
        .collect()
}

fn envelope(n: u32) -> Envelope {
    Envelope {
        event_id: Uuid::from_u128(n.into()),
        occurred_at: Timestamp::from_ms(1_000 * i64::from(n)).unwrap(),
        user_id: 42,
        session_id: Uuid::from_u128(5),
        country: "DE".parse().unwrap(),
        device: Device::Tablet,
    }
}

fn archived(events: &[Event]) -> Vec<ArchivedEvent<'_>> {
    let arrived_at = Timestamp::from_ms(9_000).unwrap();
    events
        .iter()
        .map(|event| ArchivedEvent {
            event,
            arrived_at,
            shard_id: "shard",
            sequence_number: "0042",
        })
        .collect()
}

fn written(stream: Stream) -> RecordBatch {
    let events = events_of(stream);
    let file = encode(stream, &archived(&events)).unwrap();
    let mut reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file.bytes))
        .unwrap()
        .build()
        .unwrap();
    reader.next().unwrap().unwrap()
}

#[test]
fn a_file_has_the_schema_of_its_table_and_says_what_it_holds() {
    for &stream in Stream::ALL {
        let events = events_of(stream);
        let file = encode(stream, &archived(&events)).unwrap();
        assert_eq!(file.row_count, events.len());
        assert_eq!(file.min_occurred_at.as_ms(), 1_000);
        assert_eq!(
            file.max_occurred_at.as_ms(),
            1_000 * i64::try_from(events.len()).unwrap()
        );
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file.bytes)).unwrap();
        assert_eq!(reader.schema().fields(), schema_of(stream).fields());
        let metadata = reader.metadata().file_metadata().key_value_metadata().unwrap();
        let value = |key: &str| {
            metadata
                .iter()
                .find(|entry| entry.key == key)
                .unwrap()
                .value
                .clone()
                .unwrap()
        };
        assert_eq!(value("row_count"), events.len().to_string());
        assert_eq!(value("min_occurred_at"), "1970-01-01T00:00:01.000Z");
    }
}

#[test]
fn transactions_are_stored_to_the_cent() {
    let batch = written(Stream::Transactions);
    let number = |name: &str, row| {
        batch
            .column_by_name(name)
            .unwrap()
            .as_primitive::<Int64Type>()
            .value(row)
    };
    let text = |name: &str, row| {
        batch
            .column_by_name(name)
            .unwrap()
            .as_string::<i32>()
            .value(row)
            .to_owned()
    };
    for row in 0..2 {
        assert_eq!(number("user_id", row), 42);
        assert_eq!(number("discount_minor", row), 1);
        assert_eq!(number("shipping_minor", row), 2);
        assert_eq!(number("tax_minor", row), 3);
        assert_eq!(number("total_minor", row), 5_004);
        assert_eq!(text("payment_method", row), "gift_card");
        assert_eq!(text("country", row), "DE");
        let lines = batch.column_by_name("lines").unwrap().as_list::<i32>().value(row);
        let products = lines.as_struct().column_by_name("product_id").unwrap();
        assert_eq!(products.as_primitive::<Int64Type>().values(), &[7, 8]);
    }
    let refunded = batch.column_by_name("refunded_transaction_id").unwrap();
    assert!(refunded.is_null(0));
    assert_eq!(text("refunded_transaction_id", 1), Uuid::from_u128(9).to_string());
    let arrived = batch
        .column_by_name("arrived_at")
        .unwrap()
        .as_primitive::<TimestampMillisecondType>();
    assert_eq!(arrived.values(), &[9_000, 9_000]);
}

#[test]
fn views_keep_what_is_their_own_and_null_elsewhere() {
    let batch = written(Stream::ProductViews);
    let nulls = |name: &str| {
        let column = batch.column_by_name(name).unwrap();
        (0..4).map(|row| column.is_null(row)).collect::<Vec<_>>()
    };
    assert_eq!(nulls("product_id"), [false, true, true, true]);
    assert_eq!(nulls("query"), [true, false, true, true]);
    assert_eq!(nulls("filters"), [true, true, false, true]);
    assert_eq!(nulls("product_ids"), [true, true, true, false]);
    let filters = batch.column_by_name("filters").unwrap().as_map().value(2);
    assert_eq!(filters.column(1).as_string::<i32>().value(0), "acme");
}

#[test]
fn carts_have_a_line_or_at_the_till_all_items() {
    let batch = written(Stream::CartEvents);
    let items = batch.column_by_name("items").unwrap();
    let quantities = batch.column_by_name("quantity").unwrap();
    for row in 0..4 {
        assert_eq!(items.is_null(row), row != 3);
        assert_eq!(quantities.is_null(row), row == 3);
    }
}

#[test]
fn a_file_without_rows_is_refused() {
    assert!(matches!(
        encode(Stream::Transactions, &[]),
        Err(EncodeError::NoRows)
    ));
}
