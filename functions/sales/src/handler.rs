//! From a batch of transactions to the minutes that they count in.

use std::collections::BTreeMap;

use analytics::Partial;
use analytics::sales::SalesPartial;
use aws::batch::{self, ShardBatch};
use aws::partials::{Delivered, PartialStore, fold_batch};
use aws::telemetry::Counts;
use aws::{InvocationError, Lineage, StoreError};
use aws_lambda_events::event::kinesis::KinesisEvent;

/// The function: folds batches into a store.
#[derive(Debug)]
pub struct Sales<S, L> {
    store: S,
    lineage: L,
}

impl<S: PartialStore<SalesPartial>, L: Lineage> Sales<S, L> {
    /// Folds into `store`, recognising resent events across the shards that `lineage` relates.
    pub fn new(store: S, lineage: L) -> Self {
        Self { store, lineage }
    }

    /// Folds a batch. Records that are no valid events are counted and passed over: the archive quarantines them.
    pub async fn handle(&self, event: KinesisEvent) -> Result<Counts, InvocationError> {
        let mut counts = Counts::default();
        for batch in batch::decode(event)? {
            self.fold(&batch, &mut counts).await?;
        }
        Ok(counts)
    }

    async fn fold(&self, batch: &ShardBatch, counts: &mut Counts) -> Result<(), StoreError> {
        let mut windows: BTreeMap<String, Vec<Delivered<'_>>> = BTreeMap::new();
        for entry in &batch.entries {
            match &entry.outcome {
                Ok(event) => {
                    counts.add("EventType", &event.event_type(), "Events", 1);
                    let Some(minute) = SalesPartial::window_of(event) else {
                        continue;
                    };
                    let delivered = Delivered {
                        sequence: &entry.sequence,
                        arrived_at: entry.arrived_at,
                        event,
                    };
                    windows
                        .entry(format!("{}#{minute}", SalesPartial::FAMILY))
                        .or_default()
                        .push(delivered);
                }
                Err(rejected) => counts.add("Rule", &rejected.rejection.rule, "Rejected", 1),
            }
        }
        if windows.is_empty() {
            return Ok(());
        }
        let ancestors = self
            .lineage
            .ancestors(&batch.stream_name, &batch.shard_id)
            .await?;
        let outcome = fold_batch(&self.store, &batch.shard_id, &ancestors, windows).await?;
        counts.add("Stream", &batch.stream, "Folded", outcome.folded);
        counts.add("Stream", &batch.stream, "Replayed", outcome.replayed);
        counts.add("Stream", &batch.stream, "Duplicates", outcome.duplicates);
        counts.add("Stream", &batch.stream, "WriteConflicts", outcome.conflicts);
        Ok(())
    }
}
