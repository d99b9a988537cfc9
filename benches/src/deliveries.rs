//! Batches as the runtime hands them to a function: the text of an invocation with records of one shard.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use events::{Stream, Timestamp};

/// The only shard of each stream.
pub(crate) const SHARD: &str = "shardId-000000000000";
/// The most records that a mapping delivers at once.
pub(crate) const MAX_RECORDS: usize = 10_000;
/// The most that an invocation's text may come to.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 6 << 20;

/// A record in its shard.
#[derive(Clone, Debug)]
pub(crate) struct Put {
    /// Its place in the shard.
    pub(crate) number: usize,
    pub(crate) user_id: u64,
    pub(crate) arrived_at: Timestamp,
    pub(crate) data: Vec<u8>,
}

/// An invocation's text in the making.
pub(crate) struct Delivery {
    stream: Stream,
    text: String,
    records: usize,
}

impl Delivery {
    /// One without records.
    pub(crate) fn of(stream: Stream) -> Self {
        Self {
            stream,
            text: String::from(r#"{"Records":["#),
            records: 0,
        }
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, put: &Put) {
        let separator = if self.records == 0 { "" } else { "," };
        let arrived_s = put.arrived_at.as_ms() as f64 / 1_000.0;
        self.records += 1;
        write!(
            self.text,
            r#"{separator}{{"kinesis":{{"kinesisSchemaVersion":"1.0","partitionKey":"{user_id}",
"sequenceNumber":"{sequence}","data":"{data}","approximateArrivalTimestamp":{arrived_s:.3}}},
"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"{SHARD}:{sequence}",
"eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::000000000000:role/globalmart-bench",
"awsRegion":"us-east-1",
"eventSourceARN":"arn:aws:kinesis:us-east-1:000000000000:stream/globalmart-local-{stream}"}}"#,
            user_id = put.user_id,
            sequence = format_args!("49590338271490256608559692538361571095921{:015}", put.number),
            data = BASE64.encode(&put.data),
            stream = self.stream,
        )
        .expect("a String takes every write");
    }

    /// The text, whole.
    pub(crate) fn finish(mut self) -> Bytes {
        self.text.push_str("]}");
        self.text.into()
    }
}

/// Records as a mapping delivers them that waits for as many as one invocation takes.
pub(crate) fn fullest(stream: Stream, puts: &[Put]) -> Vec<Bytes> {
    let mut full = Vec::new();
    let mut open = Delivery::of(stream);
    for put in puts {
        // What a record takes: its data in base64, and what is said of it.
        let next_bytes = put.data.len() * 4 / 3 + 600;
        if open.records == MAX_RECORDS || open.text.len() + next_bytes > MAX_PAYLOAD_BYTES {
            full.push(std::mem::replace(&mut open, Delivery::of(stream)).finish());
        }
        open.push(put);
    }
    if open.records > 0 {
        full.push(open.finish());
    }
    full
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::event::kinesis::KinesisEvent;

    use super::*;

    #[test]
    fn a_delivery_is_as_large_as_an_invocation_takes_and_no_record_is_lost() {
        let put = |number| Put {
            number,
            user_id: 7,
            arrived_at: Timestamp::from_ms(1_795_369_200_123).unwrap(),
            data: vec![b'x'; 1_000],
        };
        let puts: Vec<Put> = (0..10_001).map(put).collect();
        let deliveries = fullest(Stream::CartEvents, &puts);
        assert_eq!(deliveries.len(), 4);
        let mut numbers = Vec::new();
        for text in deliveries {
            assert!(text.len() <= MAX_PAYLOAD_BYTES);
            let event: KinesisEvent = serde_json::from_slice(&text).unwrap();
            let batches = aws::batch::decode(event).unwrap();
            assert_eq!(
                (batches[0].stream, batches[0].shard_id.as_str()),
                (Stream::CartEvents, SHARD)
            );
            numbers.extend(batches[0].entries.iter().map(|entry| entry.sequence));
        }
        assert_eq!(numbers.len(), puts.len());
        assert!(numbers.is_sorted());
        let few: Vec<Put> = (0..10_001)
            .map(|n| Put {
                data: Vec::new(),
                ..put(n)
            })
            .collect();
        assert!(fullest(Stream::CartEvents, &few).len() >= 2);
        assert!(fullest(Stream::CartEvents, &[]).is_empty());
    }
}
