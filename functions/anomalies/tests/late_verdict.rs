//! A verdict of a dead invocation that lands when later records have shown otherwise.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Mutex;

use analytics::alerts::Policy;
use analytics::anomalies::AnomaliesPartial;
use anomalies::{Anomalies, Settings};
use aws::alerts::{FindingsStore, Verdict};
use aws::job::StreamJob;
use aws::journal::{Journal, Note};
use aws::partials::{Page, PartialStore, Write};
use aws::sweep::CheckpointStore as _;
use aws::{Saved, Sequence, StoreError};
use events::{Minute, Stream, Timestamp};
use testkit::{
    Chaos, Guard, MemoryAlerts, MemoryCheckpoint, MemoryLineage, MemoryLog, MemoryPartials, Record, Shard,
    SimStream, example,
};

const START_MS: i64 = 1_795_369_230_000;

/// A table on which the first verdict hangs until its invocation is long dead.
struct Hanging<'a> {
    store: &'a MemoryPartials<'a, AnomaliesPartial>,
    verdict: Mutex<Option<(Minute, Verdict)>>,
}

impl PartialStore<AnomaliesPartial> for Hanging<'_> {
    async fn load(
        &self,
        window: &str,
        writer: &str,
        from: usize,
    ) -> Result<Vec<Page<AnomaliesPartial>>, StoreError> {
        self.store.load(window, writer, from).await
    }

    async fn save(&self, window: &str, write: &Write<AnomaliesPartial>) -> Result<Saved, StoreError> {
        self.store.save(window, write).await
    }
}

impl Journal for Hanging<'_> {
    async fn note(&self, family: &str, writer: &str, note: &Note) -> Result<(), StoreError> {
        self.store.note(family, writer, note).await
    }

    async fn notes(
        &self,
        family: &str,
        writer: &str,
        after: Option<&Sequence>,
    ) -> Result<Vec<Note>, StoreError> {
        self.store.notes(family, writer, after).await
    }
}

impl FindingsStore for Hanging<'_> {
    async fn put_verdict(&self, family: &str, minute: Minute, verdict: Verdict) -> Result<(), StoreError> {
        let hangs = {
            let mut hanging = self.verdict.lock().unwrap();
            hanging
                .is_none()
                .then(|| *hanging = Some((minute, verdict.clone())))
                .is_some()
        };
        if hangs {
            return Err(StoreError::new("PutItem", "a verdict", "no answer"));
        }
        self.store.put_verdict(family, minute, verdict).await
    }
}

/// Three orders of a shopper within two seconds; the first one comes last.
fn stream() -> SimStream {
    let records = [1_000, 2_000, 0]
        .into_iter()
        .zip(1_u32..)
        .map(|(after_ms, number)| {
            let event = example(1, START_MS + after_ms);
            let mut data = Vec::new();
            event.to_json(&mut data);
            Record {
                sequence: number.to_string(),
                arrived_at: Timestamp::from_ms(START_MS + 3_000).unwrap(),
                data,
                events: vec![event],
                broken: 0,
            }
        });
    let shard = Shard {
        id: "shardId-000000000000".to_owned(),
        parents: Vec::new(),
        records: records.collect(),
    };
    SimStream {
        stream: Stream::Transactions,
        shards: vec![shard],
    }
}

/// How many orders are in each finding in the end; the sweep has left this.
fn found(guard: Guard, checkpoint_bytes: Option<&[u8]>) -> Vec<usize> {
    let (stream, chaos) = (stream(), Chaos::calm());
    let (store, marks) = (MemoryPartials::new(&chaos, guard), MemoryLog::new(&chaos, guard));
    let (checkpoint, alerts) = (
        MemoryCheckpoint::new(&chaos, guard),
        MemoryAlerts::new(&chaos, guard),
    );
    if let Some(bytes) = checkpoint_bytes {
        let saved = chaos.invoke(checkpoint.save(bytes.to_vec(), None));
        saved.unwrap().unwrap();
    }
    let hanging = Hanging {
        store: &store,
        verdict: Mutex::default(),
    };
    let settings = Settings {
        detectors: analytics::anomalies::Settings {
            velocity_orders: 1,
            ..analytics::anomalies::Settings::default()
        },
        policy: Policy::default(),
        transactions: Stream::Transactions.to_string(),
        pages_kept_days: 365,
    };
    let lineage = MemoryLineage {
        stream: &stream,
        chaos: &chaos,
    };
    let anomalies = Anomalies::new(
        StreamJob::new(&hanging, lineage),
        &marks,
        &checkpoint,
        &alerts,
        settings,
    );
    let shard = &stream.shards[0];
    let now = Timestamp::from_ms(START_MS + 4_000).unwrap();
    let handle = |records: &[Record]| {
        let batch = serde_json::from_value(stream.batch(shard, records)).unwrap();
        chaos.invoke(anomalies.handle(batch, now)).unwrap()
    };
    handle(&shard.records[..2]).unwrap_err();
    handle(&shard.records).unwrap();
    let (minute, verdict) = hanging.verdict.lock().unwrap().take().unwrap();
    assert!(verdict.holds);
    chaos
        .invoke(store.put_verdict("anomalies", minute, verdict))
        .unwrap()
        .unwrap();
    let findings = store.findings().into_values();
    findings.map(|finding| finding.evidence.event_ids.len()).collect()
}

#[test]
fn a_verdict_of_a_dead_invocation_that_lands_late_changes_nothing() {
    assert_eq!(found(Guard::Whole, None), [3]);
    let mut without = found(Guard::NoConditionalMark, None);
    without.sort_unstable();
    assert_eq!(without, [2, 3], "the test does not notice that the guard is gone");
}

#[test]
fn batches_go_on_beside_a_checkpoint_that_cannot_be_read() {
    for bytes in [&b""[..], b"\xFF", b"\x03damaged"] {
        assert_eq!(found(Guard::Whole, Some(bytes)), [3]);
    }
}
