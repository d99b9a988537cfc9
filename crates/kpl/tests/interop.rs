//! Aggregates against somebody else's implementation: `aws-kinesis-agg`, Amazon's library for Python.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::prelude::{BASE64_STANDARD, Engine};
use kpl::{Aggregator, UserRecord, decode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Runs one way of `interop.py`.
fn python<T: DeserializeOwned>(way: &str, input: &Value) -> T {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join("../../.local/venv/bin/python");
    assert!(
        python.exists(),
        "{} is missing: run `make setup`",
        python.display()
    );
    let mut child = Command::new(&python)
        .arg(here.join("tests/interop.py"))
        .arg(way)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The script reads all before it writes; when it ends early, what it says of it is on stderr.
    let _ = child
        .stdin
        .take()
        .unwrap()
        .write_all(input.to_string().as_bytes());
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "interop.py {way}: {} (`make setup` installs what it needs)\n{errors}",
        output.status
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn record(partition_key: &str, explicit_hash_key: Option<u128>, data: impl Into<Vec<u8>>) -> UserRecord {
    UserRecord {
        partition_key: partition_key.to_owned(),
        explicit_hash_key: explicit_hash_key.map(|key| key.to_string()),
        data: data.into(),
    }
}

/// Aggregates without hash keys and with one in every record: of one record and of many, with one key and with
/// more than fit in one byte of a varint, with data that is empty, text, no text and longer than two bytes of length.
fn groups() -> Vec<Vec<UserRecord>> {
    let unicode = "{\"query\":\"čaj, 紅茶, 🫖\"}";
    let binary: Vec<u8> = (0..=255).collect();
    vec![
        vec![record("k", None, "hello")],
        vec![
            record("k", None, ""),
            record("ключ-鍵-🔑", None, unicode),
            record("k", None, binary),
        ],
        vec![record("big", None, vec![b'x'; 900_000])],
        (0..1_000)
            .map(|n| record(&(n % 300).to_string(), None, format!("record {n}")))
            .collect(),
        vec![
            record("k", Some(0), "hello"),
            record("ü", Some(u128::MAX), unicode),
        ],
        (0..1_000_u128)
            .map(|n| record(&(n % 7).to_string(), Some(n % 200), vec![b'y'; 100]))
            .collect(),
    ]
}

fn aggregated(records: &[UserRecord]) -> Vec<u8> {
    let mut aggregate = Aggregator::default();
    for record in records {
        aggregate.add(
            &record.partition_key,
            record.explicit_hash_key.as_deref(),
            &record.data,
        );
    }
    aggregate.finish()
}

/// What their deaggregator finds in our aggregates.
fn deaggregated_by_them(groups: &[Vec<UserRecord>]) -> Vec<Vec<UserRecord>> {
    let aggregates: Vec<String> = groups
        .iter()
        .map(|records| BASE64_STANDARD.encode(aggregated(records)))
        .collect();
    let found: Vec<Vec<(String, Option<String>, String)>> = python("deaggregate", &json!(aggregates));
    let user_record = |(partition_key, explicit_hash_key, data)| UserRecord {
        partition_key,
        explicit_hash_key,
        data: BASE64_STANDARD.decode::<String>(data).unwrap(),
    };
    found
        .into_iter()
        .map(|records| records.into_iter().map(user_record).collect())
        .collect()
}

#[test]
fn their_deaggregator_finds_what_we_aggregated() {
    assert!(deaggregated_by_them(&groups()) == groups());
}

/// Their deaggregator gives the first hash key of an aggregate to each record that has none.
#[test]
fn their_deaggregator_finds_the_records_where_only_some_have_a_hash_key() {
    let ours = vec![
        record("a", Some(5), "one"),
        record("b", None, "two"),
        record("a", Some(6), "three"),
    ];
    let theirs = vec![
        record("a", Some(5), "one"),
        record("b", Some(5), "two"),
        record("a", Some(6), "three"),
    ];
    assert_eq!(decode(&aggregated(&ours)), Ok(Some(ours.clone())));
    assert_eq!(deaggregated_by_them(&[ours]), [theirs]);
}

#[test]
fn we_decode_what_their_aggregator_wrote() {
    let mut groups = groups();
    groups.push(vec![record("a", Some(5), "one"), record("b", None, "two")]);
    let input: Vec<Vec<Value>> = groups
        .iter()
        .map(|records| {
            let fields = |record: &UserRecord| {
                json!([
                    record.partition_key,
                    record.explicit_hash_key,
                    BASE64_STANDARD.encode(&record.data)
                ])
            };
            records.iter().map(fields).collect()
        })
        .collect();
    let aggregates: Vec<String> = python("aggregate", &json!(input));
    assert_eq!(aggregates.len(), groups.len());
    for (aggregate, records) in aggregates.iter().zip(groups) {
        let decoded = decode(&BASE64_STANDARD.decode(aggregate).unwrap()).unwrap();
        assert!(
            decoded.as_deref() == Some(&records[..]),
            "{:?} ...",
            records[0].partition_key
        );
    }
}
