//! Folding purchases, judging the new ones together with their shoppers' others, and learning what is usual.
//!
//! What was judged is remembered by a mark of each shard. A batch that comes again after its mark moved is judged no more; one
//! that comes again before is judged anew, with the same findings, which then take their own places.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use analytics::Partial;
use analytics::alerts::{AlertType, Policy, Sighting, Signal};
use analytics::anomalies::{self, AnomaliesPartial, Baselines, PurchaseFact, detect};
use aws::alerts::{AlertStore, FindingsStore, Verdict, tell};
use aws::batch::{self, ShardBatch};
use aws::job::{Folded, StreamJob, window};
use aws::journal::Journal;
use aws::marks::Marks;
use aws::partials::{PartialStore, Writer};
use aws::sweep::{self, CheckpointStore, Swept, Timing, Unreadable, sweep};
use aws::telemetry::Counts;
use aws::{InvocationError, Lineage, Saved, Sequence, StoreError};
use aws_lambda_events::event::kinesis::KinesisEvent;
use events::{MS_PER_MINUTE, Minute, Stream, Timestamp};
use futures::{StreamExt, TryStreamExt, stream};

use crate::changes::{Changes, changes};
use crate::history::History;
use crate::learning::Learned;

const FAMILY: &str = AnomaliesPartial::FAMILY;
/// Minutes that are read at the same time.
const CONCURRENT_READS: usize = 16;
/// Verdicts stored at a time.
const CONCURRENT_VERDICTS: usize = 8;
/// How long what was learned is used before it is looked for again: as long as a sweep takes to come.
const BASELINES_KEPT_MS: i64 = MS_PER_MINUTE;
/// Purchases that are remembered of all shards together, some 100 bytes each. Beyond that, only those of the shard at hand.
const MAX_REMEMBERED: usize = 1_000_000;
/// How often a batch is judged anew because another environment was at work on its shard.
const MAX_ATTEMPTS: usize = 8;

/// What the function is set to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The detectors' thresholds.
    pub detectors: anomalies::Settings,
    /// When alerts belong together.
    pub policy: Policy,
    /// The name of the stream of transactions.
    pub transactions: String,
    /// Days after which pages expire.
    pub pages_kept_days: u32,
}

/// The function: folds and judges batches, and sweeps.
#[derive(Debug)]
pub struct Anomalies<S, L, M, C, A> {
    job: StreamJob<AnomaliesPartial, S, L>,
    marks: M,
    checkpoint: C,
    alerts: A,
    settings: Settings,
    histories: Mutex<BTreeMap<String, History>>,
    learned: Mutex<Option<(i64, Arc<Baselines>)>>,
}

impl<S, L, M, C, A> Anomalies<S, L, M, C, A>
where
    S: PartialStore<AnomaliesPartial> + Journal + FindingsStore,
    L: Lineage,
    M: Marks,
    C: CheckpointStore,
    A: AlertStore,
{
    /// Folds by `job`, remembers in `marks` what was judged, learns in `checkpoint`, and tells of findings in `alerts`.
    pub fn new(
        job: StreamJob<AnomaliesPartial, S, L>,
        marks: M,
        checkpoint: C,
        alerts: A,
        settings: Settings,
    ) -> Self {
        Self {
            job,
            marks,
            checkpoint,
            alerts,
            settings,
            histories: Mutex::default(),
            learned: Mutex::default(),
        }
    }

    /// Folds and judges a batch.
    pub async fn handle(&self, event: KinesisEvent, now: Timestamp) -> Result<Counts, InvocationError> {
        let mut counts = Counts::default();
        for batch in batch::decode(event)? {
            let Some(folded) = self.job.fold(&batch, &mut counts).await? else {
                continue;
            };
            self.judge_batch(&batch, &folded, now, &mut counts).await?;
            self.job.note(&folded, now).await?;
        }
        Ok(counts)
    }

    async fn judge_batch(
        &self,
        batch: &ShardBatch,
        folded: &Folded,
        now: Timestamp,
        counts: &mut Counts,
    ) -> Result<(), StoreError> {
        let log = format!("{FAMILY}#{}", folded.writer.name);
        for _ in 0..MAX_ATTEMPTS {
            let mark = self.marks.mark(&log).await?;
            let all: Vec<(&Sequence, PurchaseFact)> = batch.entries.iter().filter_map(purchase_of).collect();
            let is_new = |sequence: &Sequence| mark.as_ref().is_none_or(|mark| sequence > mark);
            let new: Vec<PurchaseFact> = all
                .iter()
                .filter(|(sequence, _)| is_new(sequence))
                .map(|(_, purchase)| *purchase)
                .collect();
            if new.is_empty() {
                return Ok(());
            }
            let mut history = self.take_history(&log);
            history.check(mark.as_ref());
            self.fill(&mut history, &folded.writer, &new).await?;
            history.add(&all.iter().map(|(_, purchase)| *purchase).collect::<Vec<_>>());
            let baselines = self.baselines(now).await?;
            let changes = changes(&history, &new, &baselines, &self.settings.detectors, detect);
            self.tell(&changes, folded.last).await?;
            if self.marks.advance(&log, mark.as_ref(), &folded.last).await? == Saved::Written {
                for (_, finding) in &changes.found {
                    counts.add("Rule", &finding.rule, "Findings", 1);
                }
                self.keep_history(log, history, &new, &folded.last);
                return Ok(());
            }
        }
        Err(StoreError::new(
            "conditional write",
            log,
            "another environment judged this shard at the same time, again and again",
        ))
    }

    /// Reads the minutes around new purchases that are not remembered, of the shard and of those that it descends from.
    async fn fill(
        &self,
        history: &mut History,
        writer: &Writer,
        new: &[PurchaseFact],
    ) -> Result<(), StoreError> {
        let missing = history.missing(new, self.around_ms());
        let read: Vec<(Minute, Vec<PurchaseFact>)> = stream::iter(missing)
            .map(|minute| async move {
                let name = window(FAMILY, minute);
                let mut purchases = Vec::new();
                for of in std::iter::once(&writer.name).chain(&writer.ancestors) {
                    let pages = self.job.store().load(&name, of, 0).await?;
                    purchases.extend(
                        pages
                            .iter()
                            .flat_map(|page| analytics::Facts::facts(&page.partial))
                            .copied(),
                    );
                }
                Ok::<_, StoreError>((minute, purchases))
            })
            .buffered(CONCURRENT_READS)
            .try_collect()
            .await?;
        for (minute, purchases) in read {
            history.remember(minute, purchases);
        }
        Ok(())
    }

    /// Tells what changed with the records up to one.
    async fn tell(&self, changes: &Changes, as_of: Sequence) -> Result<(), StoreError> {
        let gone = changes.gone.iter().map(|filed| (filed, false));
        let found = changes.found.iter().map(|filed| (filed, true));
        // Each is an item of its own, so in any order.
        stream::iter(gone.chain(found))
            .map(|((minute, finding), holds)| {
                let finding = Sighting::from(finding.clone());
                let verdict = Verdict {
                    finding,
                    holds,
                    as_of,
                };
                self.job.store().put_verdict(FAMILY, *minute, verdict)
            })
            .buffer_unordered(CONCURRENT_VERDICTS)
            .try_collect::<()>()
            .await?;
        let found = changes.found.iter().map(|(_, finding)| finding.clone());
        let signals: Vec<Signal> = found.map(|finding| Signal::Raise(finding.into())).collect();
        tell(&self.alerts, &signals, &self.settings.policy)
            .await
            .map(drop)
    }

    /// What was learned until the last sweep or the one before it.
    async fn baselines(&self, now: Timestamp) -> Result<Arc<Baselines>, StoreError> {
        let known = self.learned().clone();
        if let Some((at_ms, baselines)) = known
            && now.as_ms() - at_ms < BASELINES_KEPT_MS
            && *baselines != Baselines::default()
        {
            return Ok(baselines);
        }
        let baselines = match sweep::load::<Learned, Vec<Signal>>(&self.checkpoint).await {
            Ok(loaded) => loaded.map(|(checkpoint, _)| checkpoint.state.baselines),
            // The sweep fails of it, and says so; the other rules need no baseline, and batches have to go on.
            Err(error) if error.source.is::<Unreadable>() => None,
            Err(error) => return Err(error),
        };
        let baselines = Arc::new(baselines.unwrap_or_default());
        *self.learned() = Some((now.as_ms(), baselines.clone()));
        Ok(baselines)
    }

    /// Learns from what is new, and judges the minutes that are over.
    pub async fn sweep(&self, now: Timestamp) -> Result<Counts, StoreError> {
        let timing = Timing {
            now_ms: now.as_ms(),
            pages_kept_days: self.settings.pages_kept_days,
        };
        let streams = [(Stream::Transactions, self.settings.transactions.clone())];
        let writers = self.job.writers(&streams).await?;
        let advance = |learned: &mut Learned, facts: Vec<_>| {
            let purchases = facts.iter().map(|(_, purchase)| purchase);
            let signals = learned.advance(purchases, now, &self.settings.detectors);
            (!(facts.is_empty() && signals.is_empty())).then_some(signals)
        };
        let carry_out = async |signals: &Vec<Signal>, _| {
            for signal in signals {
                if let Signal::Raise(sighting) = signal
                    && sighting.alert_type == AlertType::UnusualValue
                {
                    let verdict = Verdict {
                        finding: sighting.clone(),
                        holds: true,
                        // It is of minutes, not of records.
                        as_of: Sequence::before_all(),
                    };
                    let minute = sighting.seen_at.minute();
                    self.job.store().put_verdict(FAMILY, minute, verdict).await?;
                }
            }
            tell(&self.alerts, signals, &self.settings.policy).await.map(drop)
        };
        let store = self.job.store();
        let swept =
            sweep::<AnomaliesPartial, _, _>(store, &self.checkpoint, &writers, timing, advance, carry_out)
                .await?;
        let mut counts = Counts::default();
        if let Swept::Done { facts } = swept {
            counts.add("Sweep", &FAMILY, "Facts", facts);
        }
        Ok(counts)
    }

    /// A run of purchases goes on at its own pace beyond the rule's window, so what is looked at is twice as long.
    fn around_ms(&self) -> i64 {
        2 * self.settings.detectors.longest_within_ms()
    }

    /// Taken out, so that whoever fails or dies on the way leaves nothing behind that may be wrong.
    fn take_history(&self, log: &str) -> History {
        self.histories().remove(log).unwrap_or_default()
    }

    fn keep_history(&self, log: String, mut history: History, new: &[PurchaseFact], mark: &Sequence) {
        let latest_ms = new.iter().map(|purchase| purchase.occurred_at_ms).max();
        let forget_before = latest_ms.and_then(|ms| Timestamp::from_ms(ms - self.around_ms()));
        if let Some(forget_before) = forget_before {
            history.move_on(*mark, forget_before);
            let mut histories = self.histories();
            let others: usize = histories.values().map(History::len).sum();
            if others + history.len() > MAX_REMEMBERED {
                histories.clear();
            }
            histories.insert(log, history);
        }
    }

    fn histories(&self) -> MutexGuard<'_, BTreeMap<String, History>> {
        self.histories.lock().expect("nothing panics while it holds this")
    }

    fn learned(&self) -> MutexGuard<'_, Option<(i64, Arc<Baselines>)>> {
        self.learned.lock().expect("nothing panics while it holds this")
    }
}

fn purchase_of(entry: &batch::Entry) -> Option<(&Sequence, PurchaseFact)> {
    let event = entry.outcome.as_ref().ok()?;
    Some((&entry.sequence, PurchaseFact::of(event)?))
}
