//! How long it takes until an event can be read in the metrics, measured from outside.
//!
//! Kinesis tells the shard and the sequence number of every record that it acknowledges, and every page of the metrics
//! tells up to which sequence number its shard is folded in. So an event is readable in a job's metrics when the mark of its
//! minute and shard has reached it, and looking often enough shows when. What is measured runs from the time of the event to
//! the end of the look that first saw it: queueing, sending, the mapping, the function and the write are all in it. An event
//! that several jobs count is measured in each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws::Sequence;
use aws::job::window;
use events::Timestamp;
use hdrhistogram::Histogram;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::account::latencies_us;
use crate::deployment::Deployment;
use crate::jobs::Jobs;
use crate::report::{Measured, Quantiles};
use crate::run::Freshness;
use crate::sink::Acked;

/// How often to look. What is measured is at most this much, and the look itself, too long.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long to go on looking when the run is over.
const PATIENCE: Duration = Duration::from_secs(30);

/// Events that were acknowledged and not seen yet, by window and writer.
type Awaited = BTreeMap<(String, String), BTreeMap<Sequence, Vec<Timestamp>>>;

/// Starts to watch a deployment's metrics.
#[must_use]
pub fn watch(deployment: Arc<Deployment>, jobs: Jobs) -> Freshness {
    let (acked, receiver) = unbounded_channel();
    Freshness {
        acked,
        result: tokio::spawn(measure(deployment, jobs, receiver)),
    }
}

async fn measure(deployment: Arc<Deployment>, jobs: Jobs, mut acked: UnboundedReceiver<Acked>) -> Measured {
    let mut awaited = Awaited::new();
    let mut seen_us = latencies_us();
    let mut looks = interval(INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut over: Option<Instant> = None;
    loop {
        tokio::select! {
            received = acked.recv(), if over.is_none() => match received {
                Some(acked) => await_one(&jobs, &mut awaited, &acked),
                None => over = Some(Instant::now()),
            },
            _ = looks.tick() => {
                look(&deployment, &mut awaited, &mut seen_us).await;
                if over.is_some_and(|over| awaited.is_empty() || over.elapsed() > PATIENCE) {
                    let unseen = awaited.values().flat_map(BTreeMap::values).map(Vec::len).sum::<usize>() as u64;
                    return Measured { freshness_ms: Quantiles::of_us(&seen_us), unseen };
                }
            }
        }
    }
}

fn await_one(jobs: &Jobs, awaited: &mut Awaited, acked: &Acked) {
    let Ok(sequence) = Sequence::parse(&acked.sequence_number) else {
        return;
    };
    for job in jobs.iter().filter(|job| job.counts(acked.event_type)) {
        let key = (
            window(job.as_str(), acked.minute),
            format!("{}/{}", acked.event_type.stream(), acked.shard_id),
        );
        let by_sequence = awaited.entry(key).or_default();
        by_sequence.entry(sequence).or_default().push(acked.occurred_at);
    }
}

async fn look(deployment: &Deployment, awaited: &mut Awaited, seen_us: &mut Histogram<u64>) {
    for ((window, writer), of_writer) in &mut *awaited {
        // A look that fails sees nothing; the next one makes up for it.
        let Ok(Some(mark)) = deployment.metrics().read_mark(window, writer).await else {
            continue;
        };
        let now_us = i64::try_from(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_micros(),
        );
        let now_us = now_us.unwrap_or(i64::MAX);
        let unseen = of_writer.split_off(&mark);
        let before_mark = std::mem::replace(of_writer, unseen);
        let at_mark = of_writer.remove(&mark);
        for occurred_at in before_mark.into_values().chain(at_mark).flatten() {
            let waited_us = now_us.saturating_sub(occurred_at.as_ms().saturating_mul(1_000));
            seen_us.saturating_record(u64::try_from(waited_us).unwrap_or(0));
        }
    }
    awaited.retain(|_, of_writer| !of_writer.is_empty());
}
