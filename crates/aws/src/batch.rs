//! A batch from a Kinesis stream as entries: one an event, plain or out of an aggregate, valid or not.

use aws_lambda_events::event::kinesis::{KinesisEvent, KinesisEventRecord};
use events::{Event, Rejection, Rule, Stream, Timestamp};

use crate::{InvalidSequence, Sequence};

/// What one shard delivered, in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct ShardBatch {
    /// The stream.
    pub stream: Stream,
    /// The stream's full name.
    pub stream_name: String,
    /// The shard.
    pub shard_id: String,
    /// Its events. Those of one aggregated record share its sequence number.
    pub entries: Vec<Entry>,
}

/// An event, or what came in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The sequence number of the record that it came in.
    pub sequence: Sequence,
    /// When the stream took the record in.
    pub arrived_at: Timestamp,
    /// The event, or why it is none.
    pub outcome: Result<Event, Rejected>,
}

/// Bytes that are no valid event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub rejection: Rejection,
    /// The bytes as they came: of the user record, or of the whole record where an aggregate is damaged.
    pub bytes: Vec<u8>,
}

/// The envelope of a batch is not what Kinesis sends. Nothing of it can be placed, so the invocation fails.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The source is none of the three streams.
    #[error(
        "event source `{0}` is not a stream of events: its name must end in product-views, cart-events or transactions"
    )]
    Source(String),
    /// The id of a record does not name its shard.
    #[error("event id `{0}` does not start with a shard id and a colon")]
    EventId(String),
    /// A record has no usable sequence number.
    #[error(transparent)]
    Sequence(#[from] InvalidSequence),
    /// The arrival is outside the calendar.
    #[error("the arrival of record {0} is not a time")]
    Arrival(String),
}

/// Decodes and validates a batch. Mappings deliver one shard at a time; should several come, each is its own batch.
pub fn decode(event: KinesisEvent) -> Result<Vec<ShardBatch>, BatchError> {
    let mut batches: Vec<ShardBatch> = Vec::new();
    let records = event.records.len();
    for record in event.records {
        let source = record.event_source_arn.as_deref().unwrap_or_default();
        let (stream, stream_name) = stream_of(source)?;
        let shard_id = shard_of(record.event_id.as_deref().unwrap_or_default())?;
        let known = batches
            .iter()
            .position(|batch| batch.shard_id == shard_id && batch.stream == stream);
        let at = known.unwrap_or_else(|| {
            let (stream_name, shard_id) = (stream_name.to_owned(), shard_id.to_owned());
            batches.push(ShardBatch {
                stream,
                stream_name,
                shard_id,
                entries: Vec::with_capacity(records),
            });
            batches.len() - 1
        });
        decode_record(stream, record, &mut batches[at].entries)?;
    }
    Ok(batches)
}

/// `arn:aws:kinesis:us-east-1:123456789012:stream/globalmart-dev-cart-events`
fn stream_of(arn: &str) -> Result<(Stream, &str), BatchError> {
    let name = arn.rsplit('/').next().unwrap_or_default();
    let stream = Stream::ALL.iter().find(|stream| name.ends_with(stream.as_str()));
    stream
        .map(|stream| (*stream, name))
        .ok_or_else(|| BatchError::Source(arn.to_owned()))
}

/// `shardId-000000000006:49590338271490256608559692538361571095921575989136588898`
fn shard_of(event_id: &str) -> Result<&str, BatchError> {
    match event_id.split_once(':') {
        Some((shard_id, _)) if !shard_id.is_empty() => Ok(shard_id),
        _ => Err(BatchError::EventId(event_id.to_owned())),
    }
}

fn decode_record(
    stream: Stream,
    record: KinesisEventRecord,
    entries: &mut Vec<Entry>,
) -> Result<(), BatchError> {
    let sequence = Sequence::parse(&record.kinesis.sequence_number)?;
    let arrival_ms = record.kinesis.approximate_arrival_timestamp.timestamp_millis();
    let arrived_at =
        Timestamp::from_ms(arrival_ms).ok_or_else(|| BatchError::Arrival(sequence.to_string()))?;
    let entry = |sequence, outcome| Entry {
        sequence,
        arrived_at,
        outcome,
    };
    let event_of = |bytes: Vec<u8>| match Event::decode(stream, &bytes, arrived_at) {
        Ok(event) => Ok(event),
        Err(rejection) => Err(Rejected { rejection, bytes }),
    };
    let bytes = record.kinesis.data.0;
    match kpl::decode(&bytes) {
        Ok(None) => entries.push(entry(sequence, event_of(bytes))),
        Ok(Some(user_records)) => entries.extend(
            user_records
                .into_iter()
                .map(|user_record| entry(sequence, event_of(user_record.data))),
        ),
        Err(corrupt) => {
            let rejection = Rejection::new(Rule::CorruptAggregate, corrupt.to_string());
            entries.push(entry(sequence, Err(Rejected { rejection, bytes })));
        }
    }
    Ok(())
}
