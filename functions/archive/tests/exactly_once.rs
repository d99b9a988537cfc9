//! Histories of everything that can go wrong between a stream and a bucket, against a plain model of the outcome.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use archive::Archive;
use arrow::array::AsArray;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use testkit::{Chaos, Guard, MemoryLog, SimStream, StoredObject, deliver, histories};

/// How often each event of each record is stored, and how many records of each shard are in quarantine.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stored {
    events: BTreeMap<(String, String, String), usize>,
    quarantined: BTreeMap<(String, String), usize>,
}

fn expected(stream: &SimStream) -> Stored {
    let mut stored = Stored::default();
    for (shard, record) in stream.records() {
        let sequence = format!("{:0>64}", record.sequence);
        for event in &record.events {
            let key = (
                shard.id.clone(),
                sequence.clone(),
                event.envelope.event_id.to_string(),
            );
            *stored.events.entry(key).or_default() += 1;
        }
        if record.broken > 0 {
            *stored
                .quarantined
                .entry((shard.id.clone(), sequence))
                .or_default() += record.broken;
        }
    }
    stored
}

fn found(objects: &BTreeMap<String, StoredObject>) -> Stored {
    let mut stored = Stored::default();
    for (key, (object, _)) in objects {
        if key.starts_with("quarantine/") {
            for line in object
                .bytes
                .split(|&byte| byte == b'\n')
                .filter(|line| !line.is_empty())
            {
                let line: serde_json::Value = serde_json::from_slice(line).unwrap();
                let text = |name: &str| line[name].as_str().unwrap().to_owned();
                *stored
                    .quarantined
                    .entry((text("shard_id"), text("sequence_number")))
                    .or_default() += 1;
            }
            continue;
        }
        let file = bytes::Bytes::from(object.bytes.clone());
        for batch in ParquetRecordBatchReaderBuilder::try_new(file)
            .unwrap()
            .build()
            .unwrap()
        {
            let batch = batch.unwrap();
            let column = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().clone();
            let (shards, sequences, ids) =
                (column("shard_id"), column("sequence_number"), column("event_id"));
            for row in 0..batch.num_rows() {
                let key = (
                    shards.value(row).into(),
                    sequences.value(row).into(),
                    ids.value(row).into(),
                );
                *stored.events.entry(key).or_default() += 1;
            }
        }
    }
    stored
}

fn history(seed: u64, guard: Guard) -> (Stored, Stored) {
    let stream = SimStream::transactions(seed);
    let chaos = Chaos::new(seed);
    let archive = Archive::new(MemoryLog::new(&chaos, guard));
    let handle = async |archive: &&Archive<_>, event| archive.handle(event).await.map(drop);
    deliver(seed, &stream, &chaos, || &archive, &handle);
    let stored = found(&archive.store().objects());
    (stored, expected(&stream))
}

#[test]
fn every_history_ends_with_each_record_stored_once() {
    for seed in 0..histories() {
        let (found, expected) = history(seed, Guard::Whole);
        assert_eq!(found, expected, "seed {seed}");
    }
}

/// A guard that is taken out must show.
fn check_that_it_shows(guard: Guard) {
    let wrong = (0..histories()).find(|&seed| {
        let (found, expected) = history(seed, guard);
        found != expected
    });
    assert!(
        wrong.is_some(),
        "the simulator does not notice that {guard:?} is no guard"
    );
}

#[test]
fn without_the_conditional_mark_histories_go_wrong() {
    check_that_it_shows(Guard::NoConditionalMark);
}

#[test]
fn with_objects_keyed_by_batch_histories_go_wrong() {
    check_that_it_shows(Guard::KeyedByBatch);
}

#[test]
fn with_objects_overwritten_histories_go_wrong() {
    check_that_it_shows(Guard::Overwriting);
}
