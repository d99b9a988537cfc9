//! What every job on a stream does: takes a batch apart, and folds its valid events into the minutes that they occurred in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use analytics::Partial;
use aws_lambda_events::event::kinesis::KinesisEvent;
use events::{EventType, Minute, Stream, Timestamp};

use crate::batch::{self, ShardBatch};
use crate::journal::{Journal, Note};
use crate::memory::Memory;
use crate::partials::{Delivered, PartialStore, Writer, fold_batch};
use crate::telemetry::{Counts, Durations, now_ms};
use crate::{InvocationError, Lineage, Sequence, StoreError};

/// A job that folds events into an aggregate, minute by minute.
#[derive(Debug)]
pub struct StreamJob<P, S, L> {
    store: S,
    lineage: L,
    memory: Memory<P>,
    /// The last note taken here, by writer.
    noted: Mutex<BTreeMap<String, Note>>,
}

/// What a batch of a shard was folded into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// The writer.
    pub writer: Writer,
    /// The batch's last record that holds an event that counts.
    pub last: Sequence,
    /// The minutes that its events count in, whether they were folded now or by an earlier delivery.
    pub minutes: BTreeSet<Minute>,
}

/// The name of a minute's window of a family.
#[must_use]
pub fn window(family: &str, minute: Minute) -> String {
    format!("{family}#{minute}")
}

impl<P: Partial, S: PartialStore<P>, L: Lineage> StreamJob<P, S, L> {
    /// Folds into `store`, recognising resent events across the shards that `lineage` relates.
    pub fn new(store: S, lineage: L) -> Self {
        Self {
            store,
            lineage,
            memory: Memory::default(),
            noted: Mutex::default(),
        }
    }

    /// Where the pages are.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// Folds a batch.
    pub async fn handle(&self, event: KinesisEvent) -> Result<Counts, InvocationError> {
        let mut counts = Counts::default();
        for batch in batch::decode(event)? {
            self.fold(&batch, &mut counts).await?;
        }
        Ok(counts)
    }

    /// Folds a batch, and notes what it touched for a sweep.
    pub async fn handle_noting(&self, event: KinesisEvent, now: Timestamp) -> Result<Counts, InvocationError>
    where
        S: Journal,
    {
        let mut counts = Counts::default();
        for batch in batch::decode(event)? {
            if let Some(folded) = self.fold(&batch, &mut counts).await? {
                self.note(&folded, now).await?;
            }
        }
        Ok(counts)
    }

    /// Notes what was folded, unless a note of this environment covers it. `now` is when the invocation began.
    pub async fn note(&self, folded: &Folded, now: Timestamp) -> Result<(), StoreError>
    where
        S: Journal,
    {
        let Folded {
            writer,
            last,
            minutes,
        } = folded;
        let is_covered = |note: &Note| note.covers(minutes, now);
        if self.noted().get(&writer.name).is_some_and(is_covered) {
            return Ok(());
        }
        let note = Note {
            last: *last,
            minutes: minutes.clone(),
            noted_at: now,
        };
        self.store.note(P::FAMILY, &writer.name, &note).await?;
        self.noted().insert(writer.name.clone(), note);
        Ok(())
    }

    fn noted(&self) -> MutexGuard<'_, BTreeMap<String, Note>> {
        self.noted.lock().expect("nothing panics while it holds this")
    }

    /// Folds what one shard delivered; `None` if nothing of it counts here. Records that are no valid events are counted
    /// and passed over: the archive quarantines them.
    pub async fn fold(&self, batch: &ShardBatch, counts: &mut Counts) -> Result<Option<Folded>, StoreError> {
        let mut by_minute: BTreeMap<Minute, Vec<Delivered<'_>>> = BTreeMap::new();
        let mut last = None;
        let mut types = [0; EventType::ALL.len()];
        let (mut lateness, mut freshness) = (Durations::default(), Durations::default());
        for entry in &batch.entries {
            let event = match &entry.outcome {
                Ok(event) => event,
                Err(rejected) => {
                    counts.add("Rule", &rejected.rejection.rule, "Rejected", 1);
                    continue;
                }
            };
            types[event.event_type() as usize] += 1;
            if !P::counts(event) {
                continue;
            }
            let occurred_at = event.envelope.occurred_at;
            lateness.add(entry.arrived_at.as_ms() - occurred_at.as_ms());
            last = Some(&entry.sequence);
            by_minute
                .entry(occurred_at.minute())
                .or_default()
                .push(Delivered {
                    sequence: &entry.sequence,
                    arrived_at: entry.arrived_at,
                    event,
                });
        }
        for (event_type, n) in EventType::ALL.iter().zip(types) {
            counts.add("EventType", event_type, "Events", n);
        }
        let Some(last) = last else { return Ok(None) };
        let writer = self.writer(batch).await?;
        let minutes = by_minute.keys().copied().collect();
        let windows = by_minute
            .into_iter()
            .map(|(minute, delivered)| (window(P::FAMILY, minute), delivered))
            .collect();
        let outcome = fold_batch(&self.store, &self.memory, &writer, windows).await?;
        counts.add("Stream", &batch.stream, "Folded", outcome.folded);
        counts.add("Stream", &batch.stream, "Replayed", outcome.replayed);
        counts.add("Stream", &batch.stream, "Duplicates", outcome.duplicates);
        counts.add("Stream", &batch.stream, "WriteConflicts", outcome.conflicts);
        counts.add("Stream", &batch.stream, "PagesWritten", outcome.writes);
        let now_ms = now_ms();
        for entry in &batch.entries {
            freshness.add(now_ms - entry.arrived_at.as_ms());
        }
        counts.observe("Stream", &batch.stream, "Lateness", &lateness);
        counts.observe("Stream", &batch.stream, "Freshness", &freshness);
        Ok(Some(Folded {
            writer,
            last: *last,
            minutes,
        }))
    }

    /// All writers on streams of these names.
    pub async fn writers(&self, streams: &[(Stream, String)]) -> Result<Vec<String>, StoreError> {
        let mut writers = Vec::new();
        for (stream, name) in streams {
            let shards = self.lineage.shards(name).await?;
            writers.extend(shards.iter().map(|shard_id| format!("{stream}/{shard_id}")));
        }
        Ok(writers)
    }

    /// Shards of different streams have the same ids, so a writer's name begins with the stream's.
    async fn writer(&self, batch: &ShardBatch) -> Result<Writer, StoreError> {
        let name = |shard_id: &str| format!("{}/{shard_id}", batch.stream);
        let ancestors = self
            .lineage
            .ancestors(&batch.stream_name, &batch.shard_id)
            .await?;
        Ok(Writer {
            name: name(&batch.shard_id),
            ancestors: ancestors.iter().map(|shard_id| name(shard_id)).collect(),
        })
    }
}
