//! How long it takes until a transaction can be read in the metrics, measured from outside.
//!
//! Kinesis tells the shard and the sequence number of every record that it acknowledges, and every page of the metrics
//! tells up to which sequence number its shard is folded in. So a transaction is readable when the mark of its minute and
//! shard has reached it, and looking often enough shows when. What is measured runs from the time of the event to the end
//! of the look that first saw it: queueing, sending, the mapping, the function and the write are all in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use analytics::sales::SalesPartial;
use aws::Sequence;
use events::{Minute, Stream, Timestamp};
use hdrhistogram::Histogram;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::account::latencies_us;
use crate::deployment::{Deployment, sales_window};
use crate::report::{Measured, Quantiles};
use crate::run::Freshness;
use crate::sink::Acked;

/// How often to look. What is measured is at most this much, and the look itself, too long.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long to go on looking when the run is over.
const PATIENCE: Duration = Duration::from_secs(30);

/// Transactions that were acknowledged and not seen yet, by minute and shard.
type Awaited = BTreeMap<(Minute, String), BTreeMap<Sequence, Vec<Timestamp>>>;

/// Starts to watch a deployment's metrics.
#[must_use]
pub fn watch(deployment: Arc<Deployment>) -> Freshness {
    let (acked, receiver) = unbounded_channel();
    Freshness {
        acked,
        result: tokio::spawn(measure(deployment, receiver)),
    }
}

async fn measure(deployment: Arc<Deployment>, mut acked: UnboundedReceiver<Acked>) -> Measured {
    let mut awaited = Awaited::new();
    let mut seen_us = latencies_us();
    let mut looks = interval(INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut over: Option<Instant> = None;
    loop {
        tokio::select! {
            received = acked.recv(), if over.is_none() => match received {
                Some(acked) => await_one(&mut awaited, acked),
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

fn await_one(awaited: &mut Awaited, acked: Acked) {
    let Ok(sequence) = Sequence::parse(&acked.sequence_number) else {
        return;
    };
    if acked.stream == Stream::Transactions {
        let of_shard = awaited.entry((acked.minute, acked.shard_id)).or_default();
        of_shard.entry(sequence).or_default().push(acked.occurred_at);
    }
}

async fn look(deployment: &Deployment, awaited: &mut Awaited, seen_us: &mut Histogram<u64>) {
    let mut minutes: Vec<Minute> = awaited.keys().map(|(minute, _)| *minute).collect();
    minutes.dedup();
    for minute in minutes {
        // A look that fails sees nothing; the next one makes up for it.
        let Ok(pages) = deployment
            .metrics()
            .read_window::<SalesPartial>(&sales_window(minute))
            .await
        else {
            continue;
        };
        let now_us = i64::try_from(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_micros(),
        );
        let now_us = now_us.unwrap_or(i64::MAX);
        for page in pages {
            let Some(of_shard) = awaited.get_mut(&(minute, page.shard_id.clone())) else {
                continue;
            };
            let unseen = of_shard.split_off(&page.mark);
            let before_mark = std::mem::replace(of_shard, unseen);
            let at_mark = of_shard.remove(&page.mark);
            for occurred_at in before_mark.into_values().chain(at_mark).flatten() {
                let waited_us = now_us.saturating_sub(occurred_at.as_ms().saturating_mul(1_000));
                seen_us.saturating_record(u64::try_from(waited_us).unwrap_or(0));
            }
        }
    }
    awaited.retain(|_, of_shard| !of_shard.is_empty());
}
