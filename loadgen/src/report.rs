//! What a run came to, for people and for scripts.

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use events::{EventType, Timestamp};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::plan::Plan;

/// The form of the JSON report.
pub const SCHEMA_VERSION: u32 = 1;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The form of this report.
    pub schema_version: u32,
    /// The seed.
    pub seed: u64,
    /// The deployment.
    pub stage: String,
    /// Where the events went.
    pub sink: String,
    /// The time of the first event.
    pub start: Timestamp,
    /// The time of the last event offered.
    pub end: Timestamp,
    /// Events handed to the sink.
    pub offered: u64,
    /// Events that the sink acknowledged.
    pub acknowledged: u64,
    /// Events given up. Offered is acknowledged and failed together.
    pub failed: u64,
    /// Those of the failed that may be in the stream all the same, as an answer was lost.
    pub uncertain: u64,
    /// The failed by error code.
    pub failures_by_code: BTreeMap<String, u64>,
    /// Events sent again, each time counted.
    pub retried: u64,
    /// Acknowledged events that may be in the stream twice, as an earlier answer was lost.
    pub possible_duplicates: u64,
    /// JSON of the acknowledged events.
    pub bytes: u64,
    /// Acknowledged events.
    pub events_by_type: BTreeMap<EventType, u64>,
    /// From the start to the last settled event, and at least the length of the schedule.
    pub elapsed_s: f64,
    /// Events due a second.
    pub target_rate: u64,
    /// Events acknowledged a second.
    pub achieved_rate: f64,
    /// From the time an event was due to its acknowledgement.
    pub latency_ms: Quantiles,
    /// From the time a transaction happened until it was readable in the metrics, if measured.
    #[serde(flatten)]
    pub freshness: Option<Measured>,
}

/// Quantiles of a time, in milliseconds. All 0 if there was nothing to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// The median.
    pub p50: f64,
    /// Nine of ten are at most this.
    pub p90: f64,
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
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max() as f64 / 1_000.0,
        }
    }
}

impl Report {
    /// The report of a run that took `elapsed`.
    #[must_use]
    pub fn new(plan: &Plan, offered: u64, elapsed: Duration, account: &Account) -> Self {
        let elapsed_s = elapsed
            .as_secs_f64()
            .max(offered as f64 / plan.events.rate as f64);
        let acknowledged = account.acknowledged_total();
        Self {
            schema_version: SCHEMA_VERSION,
            seed: plan.events.seed,
            stage: plan.stage.clone(),
            sink: plan.sink_name().to_owned(),
            start: plan.events.start,
            end: plan.events.occurred_at(offered.saturating_sub(1)),
            offered,
            acknowledged,
            failed: account.failed_total(),
            uncertain: account.uncertain,
            failures_by_code: account.failed.clone(),
            retried: account.retried,
            possible_duplicates: account.possible_duplicates,
            bytes: account.bytes,
            events_by_type: account.acknowledged.clone(),
            elapsed_s: rounded(elapsed_s),
            target_rate: plan.events.rate,
            achieved_rate: if elapsed_s > 0.0 {
                rounded(acknowledged as f64 / elapsed_s)
            } else {
                0.0
            },
            latency_ms: Quantiles::of_us(&account.latency_us),
            freshness: None,
        }
    }

    /// One JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report has only string keys and finite numbers")
    }

    /// A table.
    #[must_use]
    pub fn to_table(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY);
        let mut row = |name: &str, value: String| {
            table.add_row([
                Cell::new(name),
                Cell::new(value).set_alignment(CellAlignment::Right),
            ]);
        };
        row("sink", format!("{} (stage {})", self.sink, self.stage));
        row("seed", self.seed.to_string());
        row("event time", format!("{} to {}", self.start, self.end));
        row("elapsed", format!("{:.2} s", self.elapsed_s));
        row("target rate", format!("{} events/s", grouped(self.target_rate)));
        row("achieved rate", format!("{:.1} events/s", self.achieved_rate));
        row("offered", grouped(self.offered));
        row("acknowledged", grouped(self.acknowledged));
        row("failed", grouped(self.failed));
        for (code, count) in &self.failures_by_code {
            row(&format!("  {code}"), grouped(*count));
        }
        if self.uncertain > 0 {
            row("  of these maybe stored", grouped(self.uncertain));
        }
        row("retried", grouped(self.retried));
        if self.possible_duplicates > 0 {
            row("maybe stored twice", grouped(self.possible_duplicates));
        }
        row("bytes", grouped(self.bytes));
        for (event_type, count) in &self.events_by_type {
            row(&format!("  {event_type}"), grouped(*count));
        }
        let quantiles = |of: &Quantiles| {
            format!(
                "p50 {:.1}  p90 {:.1}  p99 {:.1}  p99.9 {:.1}  max {:.1} ms",
                of.p50, of.p90, of.p99, of.p999, of.max
            )
        };
        row("latency from due time", quantiles(&self.latency_ms));
        if let Some(Measured { freshness_ms, unseen }) = &self.freshness {
            row("freshness", quantiles(freshness_ms));
            if *unseen > 0 {
                row("  not readable in time", grouped(*unseen));
            }
        }
        table.to_string()
    }
}

pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// 1234567 as 1,234,567.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
