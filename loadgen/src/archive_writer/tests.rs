use std::collections::BTreeSet;
use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::TimestampMillisecondType;
use bytes::Bytes;
use events::{Body, Device, Envelope, Refund, Search, Uuid};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const MINUTE_MS: i64 = 60_000;

/// A search, the n-th event, at a minute of 1970.
fn search(n: u64, minute: i64) -> (Event, Timestamp) {
    let at = Timestamp::from_ms(minute * MINUTE_MS).unwrap();
    let event = Event {
        envelope: Envelope {
            event_id: Uuid::from_u128(n.into()),
            occurred_at: at,
            user_id: 1,
            session_id: Uuid::nil(),
            country: "US".parse().unwrap(),
            device: Device::Mobile,
        },
        body: Body::Search(Search {
            query: "x".into(),
            results: n,
        }),
    };
    (event, at)
}

/// A purchase or a refund.
fn transaction(n: u64, minute: i64) -> (Event, Timestamp) {
    let (mut event, at) = search(n, minute);
    let sale = events::Sale {
        transaction_id: Uuid::from_u128(n.into()),
        cart_id: Uuid::nil(),
        lines: vec![],
        discount_minor: 0,
        shipping_minor: 0,
        tax_minor: 0,
        total_minor: 0,
        currency: "USD".into(),
        payment_method: events::PaymentMethod::Paypal,
    };
    event.body = if n.is_multiple_of(2) {
        Body::Purchase(sale)
    } else {
        Body::Refund(Refund {
            refunded_transaction_id: Uuid::nil(),
            sale,
        })
    };
    (event, at)
}

async fn write(folder: &Path, limit: u32, events: Vec<(Event, Timestamp)>) -> Result<Written, Failure> {
    let mut writer = ArchiveWriter::with_limit(Store::folder(folder)?, "backfill-7", limit);
    for (event, arrived_at) in events {
        writer.push(event, arrived_at).await?;
        let on_the_way = limit as usize - writer.limits.rows.available_permits();
        assert!(writer.open_rows <= limit && on_the_way <= limit as usize);
        let open: usize = writer.open.values().map(Vec::len).sum();
        assert_eq!(writer.open_rows as usize, open);
    }
    writer.finish().await
}

/// All files below a folder: path and bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let key = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(key, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

/// The rows of an object: event id, minute of arrival, sequence number.
fn rows(bytes: &[u8]) -> Vec<(Uuid, i64, String)> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes)).unwrap();
    let mut rows = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let text = |name: &str, row| {
            batch
                .column_by_name(name)
                .unwrap()
                .as_string::<i32>()
                .value(row)
                .to_owned()
        };
        let arrived_at = batch.column_by_name("arrived_at").unwrap();
        for row in 0..batch.num_rows() {
            assert_eq!(text("shard_id", row), "backfill-7");
            let ms = arrived_at.as_primitive::<TimestampMillisecondType>().value(row);
            rows.push((
                text("event_id", row).parse().unwrap(),
                ms / MINUTE_MS,
                text("sequence_number", row),
            ));
        }
    }
    rows
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

#[tokio::test]
async fn an_hour_and_table_is_an_object_and_empty_hours_have_none() {
    let folder = TempDir::new().unwrap();
    let events = vec![search(0, 0), transaction(1, 1), search(2, 59), search(3, 180)];
    let written = write(folder.path(), 100, events).await.unwrap();
    let files = files(folder.path());
    assert_eq!(
        files.keys().map(String::as_str).collect::<Vec<_>>(),
        [
            "events/product_views/dt=1970-01-01/hour=00/backfill-7-00000.parquet",
            "events/product_views/dt=1970-01-01/hour=03/backfill-7-00000.parquet",
            "events/transactions/dt=1970-01-01/hour=00/backfill-7-00000.parquet",
        ]
    );
    let of_first = rows(&files["events/product_views/dt=1970-01-01/hour=00/backfill-7-00000.parquet"]);
    assert_eq!(
        of_first,
        [
            (Uuid::from_u128(0), 0, "00000000000000000000".to_owned()),
            (Uuid::from_u128(2), 59, "00000000000000000002".to_owned()),
        ]
    );
    assert_eq!(
        written,
        Written {
            rows: BTreeMap::from([(Stream::ProductViews, 3), (Stream::Transactions, 1)]),
            objects: 3,
            bytes: files.values().map(|bytes| bytes.len() as u64).sum(),
            removed: 0,
            first: Timestamp::from_ms(0),
            last: Timestamp::from_ms(180 * MINUTE_MS),
        }
    );
}

#[tokio::test]
async fn a_late_row_for_a_closed_hour_goes_into_its_next_part() {
    let folder = TempDir::new().unwrap();
    let events = vec![
        search(0, 0),
        search(1, 60),
        search(2, 120),
        search(3, 10),
        search(4, 130),
    ];
    write(folder.path(), 2, events).await.unwrap();
    let files = files(folder.path());
    let first_hour: Vec<_> = files.iter().filter(|(key, _)| key.contains("hour=00")).collect();
    let [(first, one), (second, other)] = first_hour[..] else {
        panic!("{first_hour:?}")
    };
    assert!(first.ends_with("-00000.parquet") && second.ends_with("-00001.parquet"));
    assert_eq!(rows(one)[0].0, Uuid::from_u128(0));
    assert_eq!(rows(other)[0].0, Uuid::from_u128(3));
}

#[tokio::test]
async fn a_full_hour_is_split_at_the_limit() {
    let folder = TempDir::new().unwrap();
    let events = (0..25).map(|n| search(n, 5)).collect();
    let written = write(folder.path(), 10, events).await.unwrap();
    let sizes: Vec<usize> = files(folder.path())
        .values()
        .map(|file| rows(file).len())
        .collect();
    assert_eq!((written.objects, sizes), (3, vec![10, 10, 5]));
}

#[tokio::test]
async fn nothing_written_is_nothing_there() {
    let folder = TempDir::new().unwrap();
    assert_eq!(write(folder.path(), 10, vec![]).await, Ok(Written::default()));
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn what_cannot_be_written_is_named_and_ends_the_writing() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("events"), "in the way").unwrap();
    let failure = write(folder.path(), 2, (0..9).map(|n| search(n, 0)).collect())
        .await
        .unwrap_err();
    assert_eq!(failure.exit_code(), 1);
    let path = folder
        .path()
        .join("events/product_views/dt=1970-01-01/hour=00/backfill-7-0000");
    assert!(failure.to_string().contains(path.to_str().unwrap()), "{failure}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn every_event_lies_once_in_its_hour_whatever_the_order_and_again_gives_the_same_bytes(
        minutes in proptest::collection::vec((0_i64..600, any::<bool>()), 0..120), limit in 1_u32..40,
    ) {
        let events: Vec<(Event, Timestamp)> = minutes.iter().zip(0..)
            .map(|(&(minute, sells), n)| if sells { transaction(n, minute) } else { search(n, minute) }).collect();
        let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let runtime = runtime();
        let written = runtime.block_on(write(one.path(), limit, events.clone())).unwrap();
        for _ in 0..2 {
            prop_assert_eq!(&runtime.block_on(write(other.path(), limit, events.clone())).unwrap(), &written);
        }
        let stored = files(one.path());
        prop_assert_eq!(&stored, &files(other.path()));
        prop_assert_eq!(written.objects, stored.len() as u64);
        prop_assert_eq!(written.total_rows(), events.len() as u64);
        let mut ids = BTreeSet::new();
        for (key, bytes) in &stored {
            for (id, minute, _) in rows(bytes) {
                let hour = format!("hour={:02}/", minute / 60);
                prop_assert!(key.contains(&hour), "{} holds minute {}", key, minute);
                prop_assert!(ids.insert(id), "{} is there twice", id);
            }
        }
        prop_assert_eq!(ids.len(), events.len());
    }
}
