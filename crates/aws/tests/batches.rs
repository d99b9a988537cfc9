//! Batches as the runtime delivers them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws::batch::{BatchError, ShardBatch, decode};
use aws_lambda_events::event::kinesis::KinesisEvent;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use events::Rule;
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::example;

const NOW_MS: i64 = 1_795_368_600_000;

fn record(shard: &str, sequence: &str, data: &[u8]) -> Value {
    json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0", "partitionKey": "42", "sequenceNumber": sequence,
            "data": BASE64.encode(data), "approximateArrivalTimestamp": NOW_MS as f64 / 1_000.0,
        },
        "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventName": "aws:kinesis:record",
        "eventID": format!("{shard}:{sequence}"),
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/test", "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/globalmart-test-transactions",
    })
}

fn batches(records: &[Value]) -> Result<Vec<ShardBatch>, BatchError> {
    decode(serde_json::from_value::<KinesisEvent>(json!({ "Records": records })).unwrap())
}

fn json_of(user_id: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    example(user_id, NOW_MS).to_json(&mut bytes);
    bytes
}

/// The rules that the entries of one record break; `None` for a valid event.
fn outcomes(data: &[u8]) -> Vec<Option<Rule>> {
    let batches = batches(&[record("shardId-0", "7", data)]).unwrap();
    batches[0]
        .entries
        .iter()
        .map(|entry| {
            entry
                .outcome
                .as_ref()
                .err()
                .map(|rejected| rejected.rejection.rule)
        })
        .collect()
}

#[test]
fn plain_and_aggregated_records_mix_and_keep_their_order() {
    let mut aggregate = kpl::Aggregator::default();
    aggregate.add("2", None, &json_of(2));
    aggregate.add("3", None, b"not json");
    aggregate.add("4", None, &json_of(4));
    let records = [
        record("shardId-0", "8", &json_of(1)),
        record("shardId-0", "9", &aggregate.finish()),
    ];
    let batches = batches(&records).unwrap();
    let [batch] = batches.as_slice() else {
        panic!("one shard is one batch")
    };
    let users: Vec<Option<u64>> = batch
        .entries
        .iter()
        .map(|entry| entry.outcome.as_ref().ok().map(|event| event.envelope.user_id))
        .collect();
    assert_eq!(users, [Some(1), Some(2), None, Some(4)]);
    assert_eq!(batch.entries[1].sequence, batch.entries[3].sequence);
    assert_eq!(batch.stream_name, "globalmart-test-transactions");
}

#[test]
fn what_is_bad_is_kept_with_its_reason_and_its_bytes() {
    assert_eq!(outcomes(b"not json"), [Some(Rule::NotJson)]);
    assert_eq!(
        outcomes(br#"{"event_type":"teleport"}"#),
        [Some(Rule::UnknownEventType)]
    );
    assert_eq!(outcomes(&vec![b'x'; 1 << 20]), [Some(Rule::EventTooLarge)]);
    assert_eq!(outcomes(b""), [Some(Rule::NotJson)]);
    let mut corrupt = kpl::MAGIC.to_vec();
    corrupt.extend([7; 40]);
    let batches = batches(&[record("shardId-0", "7", &corrupt)]).unwrap();
    let rejected = batches[0].entries[0].outcome.as_ref().unwrap_err();
    assert_eq!(
        (rejected.rejection.rule, &rejected.bytes),
        (Rule::CorruptAggregate, &corrupt)
    );
}

#[test]
fn an_empty_batch_is_nothing_to_do() {
    assert_eq!(batches(&[]).unwrap(), []);
}

#[test]
fn each_shard_is_a_batch_of_its_own() {
    let records = [
        record("shardId-0", "1", b""),
        record("shardId-1", "1", b""),
        record("shardId-0", "2", b""),
    ];
    let sizes: Vec<usize> = batches(&records)
        .unwrap()
        .iter()
        .map(|batch| batch.entries.len())
        .collect();
    assert_eq!(sizes, [2, 1]);
}

#[test]
fn an_envelope_that_is_not_kinesis_is_refused_by_what_is_wrong() {
    let broken = |field: &str, value: &str| {
        let mut record = record("shardId-0", "7", b"{}");
        *record.pointer_mut(field).unwrap() = json!(value);
        batches(&[record]).unwrap_err().to_string()
    };
    assert!(broken("/eventSourceARN", "arn:aws:kinesis:us-east-1:0:stream/other").contains("stream/other"));
    assert!(broken("/eventID", "nonsense").contains("`nonsense`"));
    assert!(broken("/kinesis/sequenceNumber", "x7").contains("`x7`"));
}

proptest! {
    #[test]
    fn any_bytes_are_an_entry_and_never_a_panic(data in proptest::collection::vec(any::<u8>(), 0..300), framed in any::<bool>()) {
        let data = if framed { [kpl::MAGIC.as_slice(), &data].concat() } else { data };
        prop_assert!(outcomes(&data).iter().all(Option::is_some));
    }
}
