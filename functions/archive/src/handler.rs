//! From a batch to an object of events and an object of quarantined records.
//!
//! The two are separate logs with marks of their own, so each is exact by itself whatever happens between them.

use aws::batch::{self, Entry, Rejected, ShardBatch};
use aws::objects::{Object, ObjectLog, Record, append};
use aws::telemetry::Counts;
use aws::{InvocationError, Sequence, StoreError};
use aws_lambda_events::encodings::Base64Data;
use aws_lambda_events::event::kinesis::KinesisEvent;
use events::{Event, Timestamp};
use serde::Serialize;
use warehouse::{ArchivedEvent, EncodeError, archive_key, encode, quarantine_key};

/// The function: appends batches to logs of objects.
#[derive(Debug)]
pub struct Archive<S> {
    store: S,
}

struct Row<'a> {
    entry: &'a Entry,
    event: &'a Event,
}

struct Quarantined<'a> {
    entry: &'a Entry,
    rejected: &'a Rejected,
}

impl Record for Row<'_> {
    fn sequence(&self) -> &Sequence {
        &self.entry.sequence
    }

    fn arrived_at(&self) -> Timestamp {
        self.entry.arrived_at
    }
}

impl Record for Quarantined<'_> {
    fn sequence(&self) -> &Sequence {
        &self.entry.sequence
    }

    fn arrived_at(&self) -> Timestamp {
        self.entry.arrived_at
    }
}

impl<S: ObjectLog> Archive<S> {
    /// Appends to logs in `store`.
    pub fn new(store: S) -> Self {
        Self { store }
    }

    /// Where the logs are.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Stores a batch.
    pub async fn handle(&self, event: KinesisEvent) -> Result<Counts, InvocationError> {
        let mut counts = Counts::default();
        for batch in batch::decode(event)? {
            // First what is invalid: a release with other rules may retry this batch, and must not find it in neither log.
            self.append_quarantined(&batch, &mut counts).await?;
            self.append_events(&batch, &mut counts).await?;
        }
        Ok(counts)
    }

    async fn append_events(&self, batch: &ShardBatch, counts: &mut Counts) -> Result<(), StoreError> {
        let rows: Vec<Row<'_>> = batch
            .entries
            .iter()
            .filter_map(|entry| {
                Some(Row {
                    entry,
                    event: entry.outcome.as_ref().ok()?,
                })
            })
            .collect();
        for row in &rows {
            counts.add("EventType", &row.event.event_type(), "Events", 1);
        }
        let log = format!("archive#{}#{}", batch.stream, batch.shard_id);
        let outcome = append(&self.store, &log, &rows, |mark, rows| {
            events_object(batch, mark, rows)
        })
        .await?;
        counts.add("Stream", &batch.stream, "Archived", outcome.stored);
        counts.add("Stream", &batch.stream, "Objects", outcome.objects);
        counts.add("Stream", &batch.stream, "ObjectsAdopted", outcome.adopted);
        Ok(())
    }

    async fn append_quarantined(&self, batch: &ShardBatch, counts: &mut Counts) -> Result<(), StoreError> {
        let records: Vec<Quarantined<'_>> = batch
            .entries
            .iter()
            .filter_map(|entry| {
                Some(Quarantined {
                    entry,
                    rejected: entry.outcome.as_ref().err()?,
                })
            })
            .collect();
        for record in &records {
            counts.add("Rule", &record.rejected.rejection.rule, "Quarantined", 1);
        }
        let log = format!("quarantine#{}#{}", batch.stream, batch.shard_id);
        append(&self.store, &log, &records, |mark, records| {
            quarantine_object(batch, mark, records)
        })
        .await?;
        Ok(())
    }
}

fn events_object(batch: &ShardBatch, mark: &Sequence, rows: &[Row<'_>]) -> Result<Object, EncodeError> {
    let archived: Vec<ArchivedEvent<'_>> = rows
        .iter()
        .map(|row| ArchivedEvent {
            event: row.event,
            arrived_at: row.entry.arrived_at,
            shard_id: &batch.shard_id,
            sequence_number: row.entry.sequence.as_str(),
        })
        .collect();
    let file = encode(batch.stream, &archived)?;
    Ok(Object {
        key: archive_key(batch.stream, rows[0].arrived_at(), &batch.shard_id, mark.as_str()),
        bytes: file.bytes,
        content_type: "application/vnd.apache.parquet",
        metadata: vec![
            ("row-count", file.row_count.to_string()),
            ("min-occurred-at", file.min_occurred_at.to_string()),
            ("max-occurred-at", file.max_occurred_at.to_string()),
        ],
    })
}

/// A line of a quarantine object.
#[derive(Serialize)]
struct QuarantineLine<'a> {
    rule: &'a str,
    detail: &'a str,
    stream: &'a str,
    shard_id: &'a str,
    sequence_number: &'a str,
    arrived_at: Timestamp,
    /// The bytes as they came, in base64: they need not be text.
    bytes_base64: Base64Data,
}

fn base64(bytes: &[u8]) -> Base64Data {
    let mut data = Base64Data::default();
    data.extend_from_slice(bytes);
    data
}

fn quarantine_object(
    batch: &ShardBatch,
    mark: &Sequence,
    records: &[Quarantined<'_>],
) -> Result<Object, serde_json::Error> {
    let mut bytes = Vec::new();
    for Quarantined { entry, rejected } in records {
        let line = QuarantineLine {
            rule: rejected.rejection.rule.as_str(),
            detail: &rejected.rejection.detail,
            stream: batch.stream.as_str(),
            shard_id: &batch.shard_id,
            sequence_number: entry.sequence.as_str(),
            arrived_at: entry.arrived_at,
            bytes_base64: base64(&rejected.bytes),
        };
        serde_json::to_writer(&mut bytes, &line)?;
        bytes.push(b'\n');
    }
    Ok(Object {
        key: quarantine_key(
            batch.stream,
            records[0].arrived_at(),
            &batch.shard_id,
            mark.as_str(),
        ),
        bytes,
        content_type: "application/x-ndjson",
        metadata: vec![("row-count", records.len().to_string())],
    })
}
