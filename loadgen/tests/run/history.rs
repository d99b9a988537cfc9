//! `backfill` and `catalog` as they are typed, and what they leave in a folder or ask of a bucket.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use bytes::Bytes;
use events::{Stream, Timestamp};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tempfile::TempDir;
use warehouse::compacted::CompactedHours;

use crate::support::{FakeKinesis, Faults};

const TWO_DAYS: &str = "backfill --from 2026-11-20 --to 2026-11-22 --orders 300";

/// The program, in an environment where nothing is set but what a test sets.
fn loadgen(flags: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null());
    command.args(flags.split_whitespace());
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn into_folder(flags: &str, folder: &Path) -> Output {
    loadgen(flags).arg("--dir").arg(folder).output().unwrap()
}

fn summary(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// All files below a folder: path and bytes.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
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

/// How many rows the files below a prefix have.
fn rows(files: &BTreeMap<String, Vec<u8>>, prefix: &str) -> i64 {
    let of_prefix = files.iter().filter(|(key, _)| key.starts_with(prefix));
    of_prefix
        .map(|(_, bytes)| {
            let file = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes)).unwrap();
            file.metadata().file_metadata().num_rows()
        })
        .sum()
}

#[test]
fn a_backfill_of_hours_that_are_compacted_is_refused_before_it_writes() {
    let folder = TempDir::new().unwrap();
    let table = folder.path().join(warehouse::compacted_hours_key());
    std::fs::create_dir_all(table.parent().unwrap()).unwrap();
    let mut hours = CompactedHours::default();
    hours.count(
        Stream::CartEvents,
        Timestamp::parse("2026-11-21T23:00:00Z").unwrap(),
        1,
    );
    std::fs::write(table, hours.encode().unwrap()).unwrap();
    let refused = into_folder(TWO_DAYS, folder.path());
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(
        said.contains("compacted in the hour from 2026-11-21T23:00:00.000Z"),
        "{said}"
    );
    assert_eq!(files(folder.path()).len(), 1);
    let others = "backfill --from 2026-11-20 --to 2026-11-21T23:00:00Z --orders 300 --output json";
    summary(&into_folder(others, folder.path()));
}

#[test]
fn a_backfill_leaves_what_its_summary_says_and_again_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let flags = format!("{TWO_DAYS} --output json");
    let first = summary(&into_folder(&flags, folder.path()));
    let before = files(folder.path());
    let again = summary(&into_folder(&flags, folder.path()));
    assert!(
        before == files(folder.path()),
        "other files after the same command"
    );
    for field in [
        "rows",
        "rows_by_table",
        "events_by_type",
        "objects",
        "bytes",
        "orders",
    ] {
        assert_eq!(first[field], again[field]);
    }
    assert_eq!(first["schema_version"], 1);
    assert_eq!(first["objects"], before.len());
    for table in ["product_views", "cart_events", "transactions"] {
        assert_eq!(
            first["rows_by_table"][table],
            rows(&before, &format!("events/{table}/"))
        );
    }
    assert_eq!(first["rows"], rows(&before, "events/"));
    let name = "events/transactions/dt=2026-11-21/hour=23/backfill-42-00000.parquet";
    assert!(before.contains_key(name), "{:?}", before.keys());
    let other = TempDir::new().unwrap();
    let _ = summary(&into_folder(&format!("{flags} --seed 43"), other.path()));
    assert!(before.values().ne(files(other.path()).values()));
}

#[test]
fn a_smaller_backfill_leaves_nothing_of_a_larger_one_of_its_seed_and_its_hours() {
    let (folder, alone) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let flags = |orders| {
        format!("backfill --from 2026-11-20 --to 2026-11-21T06:00:00Z --output json --orders {orders}")
    };
    let larger = summary(&into_folder(&flags(3_000), folder.path()));
    assert_eq!(larger["removed"], 0);
    let put = |name: &str| {
        let path = folder.path().join("events/transactions").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    };
    put("dt=2026-11-20/hour=05/backfill-42-00001.parquet");
    let of_others = [
        "dt=2026-11-19/hour=23/backfill-42-00000.parquet",
        "dt=2026-11-20/hour=05/backfill-4-00000.parquet",
        "dt=2026-11-20/hour=05/backfill-421-00000.parquet",
        "dt=2026-11-20/hour=05/shardId-000000000000-42.parquet",
        "dt=2026-11-21/hour=06/backfill-42-00000.parquet",
    ];
    of_others.into_iter().for_each(put);
    let smaller = summary(&into_folder(&flags(20), folder.path()));
    let _ = summary(&into_folder(&flags(20), alone.path()));
    let mut found = files(folder.path());
    for name in of_others {
        assert!(
            found.remove(&format!("events/transactions/{name}")).is_some(),
            "{name}"
        );
    }
    assert!(found == files(alone.path()), "{:?}", found.keys());
    let objects = |summary: &Value| summary["objects"].as_u64().unwrap();
    assert_eq!(
        smaller["removed"].as_u64(),
        Some(objects(&larger) + 1 - objects(&smaller))
    );
}

#[test]
fn a_catalog_leaves_what_its_summary_says() {
    let folder = TempDir::new().unwrap();
    let flags = "catalog --users 10000 --products 1000 --output json";
    let summary = summary(&into_folder(flags, folder.path()));
    let files = files(folder.path());
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        [
            "catalog/products/part-00000.parquet",
            "catalog/users/part-00000.parquet"
        ]
    );
    assert_eq!(
        summary["rows_by_table"]["catalog_users"],
        rows(&files, "catalog/users/")
    );
    assert_eq!(
        summary["rows_by_table"]["catalog_products"],
        rows(&files, "catalog/products/")
    );
    assert_eq!(summary["rows"], 11_000);
}

#[test]
fn wrong_usage_is_exit_code_2_with_what_is_allowed() {
    for (flags, part) in [
        ("backfill --to 2026-11-22", "--from"),
        (
            "backfill --from yesterday --to 2026-11-22",
            "a date such as 2026-11-22",
        ),
        ("backfill --from 1989-12-31 --to 2020-01-01", "before 1990"),
        ("backfill --from 2026-01-01 --to 2999-01-01", "in the future"),
        ("backfill --from 2020-01-02 --to 2020-01-01", "less than an hour"),
        (
            "backfill --from 2020-01-01 --to 2020-01-02 --orders 0",
            "1..=1000000000",
        ),
        (
            "backfill --from 2020-01-01 --to 2020-01-02 --stage Prod",
            "lower-case",
        ),
        (
            "backfill --from 2020-01-01 --to 2020-01-02 --stage dev --dir out",
            "cannot be used with",
        ),
        ("catalog --users 9999", "10000..=10000000"),
        ("catalog --products 250001", "1000..=250000"),
        ("catalog --stage dev --dir out", "cannot be used with"),
    ] {
        let output = loadgen(flags).output().unwrap();
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flags}: {message}");
        assert!(
            message.contains(part) && output.stdout.is_empty(),
            "{flags}: {message}"
        );
    }
}

#[test]
fn what_cannot_be_written_is_one_message() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for flags in [TWO_DAYS, "catalog"] {
        let output = into_folder(flags, &file);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(
            message.starts_with("error: cannot write to the folder"),
            "{message}"
        );
        assert!(
            message.lines().count() == 1 && message.contains("--dir"),
            "{message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_refuses_is_named_with_its_key() {
    let kinesis = FakeKinesis::start(Faults::default()).await;
    for (flags, problem, key) in [
        (TWO_DAYS, "cannot read", "/warehouse/compacted_hours/"),
        (
            "catalog --users 10000 --products 1000",
            "cannot write",
            "/catalog/",
        ),
    ] {
        let mut command = loadgen(flags);
        command
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL_KINESIS", &kinesis.endpoint)
            .env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        let place = format!("{problem} s3://globalmart-dev-warehouse-000000000000{key}");
        assert!(message.contains(&place), "{message}");
    }
}

#[test]
fn ctrl_c_ends_a_backfill_that_can_be_run_again() {
    let folder = TempDir::new().unwrap();
    let long = "backfill --from 1990-01-01 --to 2026-01-01 --orders 1000000000";
    let mut command = loadgen(long);
    command.arg("--dir").arg(folder.path());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut progress = String::new();
    stderr.read_line(&mut progress).unwrap();
    assert!(
        progress.contains("Rows: ") && progress.starts_with("1990-"),
        "{progress}"
    );
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.len()),
        (Some(130), 0),
        "{rest}"
    );
    assert!(rest.contains("the same command again"), "{rest}");
}
