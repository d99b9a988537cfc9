//! What a run came to, for people and for scripts.

mod shards;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use events::{EventType, Timestamp};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

pub use self::shards::{HottestShard, ShardLoad};
pub(crate) use self::table::grouped;
use crate::account::Account;
use crate::flow::Flow;
use crate::pacer::Paced;
use crate::plan::Plan;
use crate::replay::Replayed;
use crate::sink::shards::Shards;
use crate::threshold::{Measures, Outcome};

/// The form of the JSON report.
pub const SCHEMA_VERSION: u32 = 1;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The form of this report.
    pub schema_version: u32,
    /// The seed, if the events were generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The deployment.
    pub stage: String,
    /// Where the events went.
    pub sink: String,
    /// The time of the first event.
    pub start: Timestamp,
    /// The time of the last event offered.
    pub end: Timestamp,
    /// Records due by the schedule. They are acknowledged, failed or dropped.
    pub offered: u64,
    /// Records that the sink acknowledged.
    pub acknowledged: u64,
    /// Records handed to the sink and given up.
    pub failed: u64,
    /// Records never handed to the sink: the run was stopped, or the sink had no room for them until too long after the end.
    pub dropped: u64,
    /// Those of the failed that may be in the stream all the same, as an answer was lost.
    pub uncertain: u64,
    /// The failed by error code.
    pub failures_by_code: BTreeMap<String, u64>,
    /// Calls to the service.
    pub calls: u64,
    /// Entries of those calls, a record or an aggregate each, sent again or not.
    pub attempts: u64,
    /// Records sent again, each time counted.
    pub retried: u64,
    /// Acknowledged records that may be in the stream twice, as an earlier answer was lost.
    pub possible_duplicates: u64,
    /// JSON of the acknowledged records.
    pub bytes: u64,
    /// Data and partition keys of all entries sent.
    pub wire_bytes: u64,
    /// Acknowledged events, each for the first time.
    pub events_by_type: BTreeMap<EventType, u64>,
    /// Acknowledged events that had been sent before, on purpose.
    pub duplicates_sent: u64,
    /// Acknowledged records that break the contract, on purpose.
    pub bad_sent: u64,
    /// From the start to the last settled record, and at least the length of the schedule.
    pub elapsed_s: f64,
    /// Records due a second, if they were generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_rate: Option<u64>,
    /// Records acknowledged a second.
    pub achieved_rate: f64,
    /// From the time a record was due to its being handed to the sink.
    pub start_lateness_ms: Quantiles,
    /// How long the sink held records up, for want of room.
    pub blocked_s: f64,
    /// The most memory that records in flight took; bounded, so that a slow sink shows in the latency.
    pub largest_backlog_bytes: u64,
    /// From the time a record was due to its acknowledgement.
    pub latency_ms: Quantiles,
    /// What each shard took. Empty for sinks without shards.
    pub shards: Vec<ShardLoad>,
    /// The shard of each stream that took the most.
    pub hottest_shards: Vec<HottestShard>,
    /// From the time a transaction happened until it was readable in the metrics, if measured.
    #[serde(flatten)]
    pub freshness: Option<Measured>,
    /// The recording, if one was replayed.
    #[serde(flatten)]
    pub recording: Option<Replayed>,
    /// What became of the thresholds, if there were any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Outcome>,
}

/// Quantiles of a time, in milliseconds. All 0 if there was nothing to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// The median.
    pub p50: f64,
    /// Nine of ten are at most this.
    pub p90: f64,
    /// 95 of 100 are at most this.
    pub p95: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// 999 of 1,000 are at most this.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

/// What measuring freshness came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Of the transactions that were seen.
    pub freshness_ms: Quantiles,
    /// Transactions that were not readable by the time that looking ended.
    pub unseen: u64,
}

impl Quantiles {
    /// Of times in microseconds.
    #[must_use]
    pub fn of_us(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max() as f64 / 1_000.0,
        }
    }
}

impl Report {
    /// The report of a run that took `elapsed`.
    #[must_use]
    pub(crate) fn new(
        plan: &Plan,
        elapsed: Duration,
        flow: &Flow,
        account: &Account,
        paced: &Paced,
        listed: &[Arc<Shards>],
    ) -> Self {
        let elapsed_s = elapsed
            .as_secs_f64()
            .max(schedule_s(flow.offered, paced.last_due));
        let acknowledged = account.acknowledged_total();
        let generation = plan.generation();
        let start = generation.map_or(plan.began_at, |generation| generation.config.start);
        let shards = shards::loads(account, listed);
        Self {
            schema_version: SCHEMA_VERSION,
            seed: generation.map(|generation| generation.config.seed),
            stage: plan.stage.clone(),
            sink: plan.sink_name().to_owned(),
            start,
            end: paced.latest_event.unwrap_or(start),
            offered: flow.offered,
            acknowledged,
            failed: account.failed_total(),
            dropped: flow.dropped,
            uncertain: account.uncertain,
            failures_by_code: account.failed.clone(),
            calls: account.calls,
            attempts: account.attempts,
            retried: account.retried,
            possible_duplicates: account.possible_duplicates,
            bytes: account.bytes,
            wire_bytes: account.wire_bytes,
            events_by_type: account.events_by_type.clone(),
            duplicates_sent: account.duplicates,
            bad_sent: account.bad,
            elapsed_s: rounded(elapsed_s),
            target_rate: generation.map(|generation| generation.rate),
            achieved_rate: if elapsed_s > 0.0 {
                rounded(acknowledged as f64 / elapsed_s)
            } else {
                0.0
            },
            start_lateness_ms: Quantiles::of_us(&paced.lateness_us),
            blocked_s: rounded(flow.blocked.as_secs_f64()),
            largest_backlog_bytes: flow.largest_backlog_bytes,
            latency_ms: Quantiles::of_us(&account.latency_us),
            hottest_shards: shards::hottest(&shards),
            shards,
            freshness: None,
            recording: None,
            thresholds: Vec::new(),
        }
    }

    /// What thresholds are about.
    #[must_use]
    pub fn measures(&self) -> Measures {
        Measures {
            offered: self.offered,
            acknowledged: self.acknowledged,
            failed: self.failed,
            dropped: self.dropped,
            retried: self.retried,
            achieved_rate: self.achieved_rate,
            latency_ms: self.latency_ms,
            lateness_ms: Some(self.start_lateness_ms),
            freshness: self.freshness,
        }
    }

    /// One JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report has only string keys and finite numbers")
    }
}

pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// How long a schedule is: until its last record, and the time that each of them has.
fn schedule_s(offered: u64, last_due: Duration) -> f64 {
    if offered < 2 {
        return 0.0;
    }
    last_due.as_secs_f64() * offered as f64 / (offered - 1) as f64
}
