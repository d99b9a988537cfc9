//! Bad data among good data, on a real stack.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use e2e::{STAGE, Stack, eventually};
use serde_json::{Value, json};
use testkit::example;

/// The largest record that Kinesis takes by default, its partition key of one byte included.
const ONE_MEBIBYTE: usize = 1 << 20;

fn purchase(user_id: u64) -> Vec<u8> {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let mut bytes = Vec::new();
    example(user_id, i64::try_from(now_ms).unwrap()).to_json(&mut bytes);
    bytes
}

fn aggregate(records: &[&[u8]]) -> Vec<u8> {
    let mut aggregate = kpl::Aggregator::default();
    records.iter().for_each(|record| aggregate.add("1", None, record));
    aggregate.finish()
}

/// The lines of all quarantine objects: rule and bytes.
async fn quarantined(s3: &aws_sdk_s3::Client, bucket: &str) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let listed = s3
        .list_objects_v2()
        .bucket(bucket)
        .prefix("quarantine/transactions/")
        .send()
        .await
        .unwrap();
    for object in listed.contents() {
        let object = s3
            .get_object()
            .bucket(bucket)
            .key(object.key().unwrap())
            .send()
            .await
            .unwrap();
        for line in object
            .body
            .collect()
            .await
            .unwrap()
            .to_vec()
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let line: Value = serde_json::from_slice(line).unwrap();
            let bytes = BASE64.decode(line["bytes_base64"].as_str().unwrap()).unwrap();
            assert_eq!(line["stream"], json!("transactions"));
            found.insert(line["rule"].as_str().unwrap().to_owned(), bytes);
        }
    }
    found
}

#[tokio::test]
async fn what_is_bad_is_quarantined_as_it_came_and_the_rest_counts() {
    let stack = Stack::up();
    let sdk = stack.sdk().await;
    let (kinesis, s3) = (aws_sdk_kinesis::Client::new(&sdk), aws_sdk_s3::Client::new(&sdk));

    let (resent, mut wrong_total) = (purchase(1), purchase(2));
    let mut event: Value = serde_json::from_slice(&wrong_total).unwrap();
    event["total_minor"] = json!(1);
    wrong_total = event.to_string().into_bytes();
    let mut corrupt = aggregate(&[&purchase(3)]);
    corrupt[9] ^= 1;
    let bad = BTreeMap::from([
        ("not_json".to_owned(), b"not json".to_vec()),
        (
            "unknown_event_type".to_owned(),
            br#"{"event_type":"teleport","schema_version":1}"#.to_vec(),
        ),
        ("total_mismatch".to_owned(), wrong_total),
        ("event_too_large".to_owned(), vec![b'x'; ONE_MEBIBYTE - 1]),
        ("corrupt_aggregate".to_owned(), corrupt),
    ]);
    let good = [
        resent.clone(),
        purchase(4),
        resent,
        aggregate(&[&purchase(5), b"{}", &purchase(6)]),
    ];
    let records = good.iter().chain(bad.values()).map(|data| {
        let entry = PutRecordsRequestEntry::builder()
            .partition_key("1")
            .data(Blob::new(data.clone()));
        entry.build().unwrap()
    });
    let stream = format!("globalmart-{STAGE}-transactions");
    let put = kinesis
        .put_records()
        .stream_name(stream)
        .set_records(Some(records.collect()))
        .send()
        .await
        .unwrap();
    assert_eq!(put.failed_record_count(), Some(0));

    let bucket = format!("globalmart-{STAGE}-warehouse-000000000000");
    let expected = bad.len() + 1;
    let found = eventually("the bad records in quarantine", async || {
        let found = quarantined(&s3, &bucket).await;
        (found.len() == expected).then_some(found)
    })
    .await;
    for (rule, bytes) in &bad {
        assert!(found[rule] == *bytes, "{rule}: other bytes than were sent");
    }
    assert_eq!(found["missing_field"], b"{}");

    let orders = eventually("four orders", async || {
        let sales = stack
            .loadgen(&["sales", "--last", "10m", "--output", "json"])
            .json();
        let orders: i64 = sales["minutes"]
            .as_array()?
            .iter()
            .map(|minute| minute["orders"].as_i64().unwrap_or(0))
            .sum();
        (orders >= 4).then_some(orders)
    })
    .await;
    assert_eq!(orders, 4, "the order that was sent twice counts once");
}
