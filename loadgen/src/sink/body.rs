//! The body of a call, written in one pass into one buffer: the SDK's own serializer takes a text of its own for each record
//! and copies that.

use base64_simd::STANDARD;
use itoa::Buffer;

use super::entry::Entry;

/// Names, quotes and keys of an entry, at most.
const ENTRY_BYTES: usize = 128;

/// What `PutRecords` takes, as JSON.
#[must_use]
pub fn body<'a>(stream_name: &str, entries: impl ExactSizeIterator<Item = &'a Entry> + Clone) -> Vec<u8> {
    let data = entries
        .clone()
        .map(|entry| STANDARD.encoded_length(entry.data.len()));
    let bytes = data.sum::<usize>() + ENTRY_BYTES * (entries.len() + 1) + stream_name.len();
    let (mut body, mut number) = (Vec::with_capacity(bytes), Buffer::new());
    body.extend_from_slice(br#"{"StreamName":"#);
    serde_json::to_writer(&mut body, stream_name).expect("a Vec takes every write");
    body.extend_from_slice(br#","Records":["#);
    for (n, entry) in entries.enumerate() {
        body.extend_from_slice(if n == 0 { br#"{"Data":""# } else { br#",{"Data":""# });
        STANDARD.encode_append(&entry.data, &mut body);
        if let Some(hash_key) = entry.hash_key {
            body.extend_from_slice(br#"","ExplicitHashKey":""#);
            body.extend_from_slice(number.format(hash_key).as_bytes());
        }
        body.extend_from_slice(br#"","PartitionKey":""#);
        body.extend_from_slice(number.format(entry.user_id).as_bytes());
        body.extend_from_slice(br#""}"#);
    }
    body.extend_from_slice(b"]}");
    body
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use aws_sdk_kinesis::Client;
    use aws_sdk_kinesis::config::{BehaviorVersion, Config, Credentials, Region};
    use aws_sdk_kinesis::primitives::Blob;
    use aws_sdk_kinesis::types::PutRecordsRequestEntry;
    use serde_json::Value;

    use super::*;
    use crate::sink::{Kind, Note};

    const NOTE: Note = Note {
        due: Duration::ZERO,
        kind: Kind::Bad,
        json_bytes: 0,
        memory_bytes: 0,
        content: None,
    };

    fn entries() -> Vec<Entry> {
        let hash_keys = [None, Some(0), Some(u128::MAX)].into_iter().cycle();
        let user_ids = [0, u64::MAX].into_iter().cycle();
        let entry = |((bytes, user_id), hash_key)| {
            let data = (0..bytes).collect::<Vec<u8>>();
            let mut entry = Entry::aggregate(user_id, 0, data, NOTE, Vec::new());
            entry.hash_key = hash_key;
            entry
        };
        [0, 1, 2, 3, 255]
            .into_iter()
            .zip(user_ids)
            .zip(hash_keys)
            .map(entry)
            .collect()
    }

    /// What the SDK would send for the same.
    async fn by_the_sdk(stream_name: &str, entries: &[Entry]) -> Value {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::for_tests())
            // Nobody listens there; the body is made before that is found out.
            .endpoint_url("http://127.0.0.1:1")
            .build();
        let records = entries.iter().map(|entry| {
            PutRecordsRequestEntry::builder()
                .partition_key(entry.user_id.to_string())
                .set_explicit_hash_key(entry.hash_key.map(|key| key.to_string()))
                .data(Blob::new(entry.data.clone()))
                .build()
                .unwrap()
        });
        let body = Arc::new(Mutex::new(Vec::new()));
        let sent = Arc::clone(&body);
        let call = Client::from_conf(config)
            .put_records()
            .stream_name(stream_name)
            .set_records(Some(records.collect()));
        let call = call.customize().mutate_request(move |request| {
            *sent.lock().unwrap() = request.body().bytes().unwrap().to_vec();
        });
        call.send().await.unwrap_err();
        let body = body.lock().unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn the_body_says_what_the_sdk_would_say() {
        let entries = entries();
        for sent in [&entries[..], &entries[..1], &[]] {
            let ours = body("a-stream", sent.iter());
            let ours: Value = serde_json::from_slice(&ours).unwrap();
            assert_eq!(ours, by_the_sdk("a-stream", sent).await);
        }
    }
}
