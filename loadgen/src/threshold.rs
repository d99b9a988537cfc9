//! What a run must keep to: `--threshold 'p99<250ms'`. Reading and judging; no clock, no I/O.

mod judge;
mod read;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::judge::{Measures, judge};
pub(crate) use self::read::metrics;

/// A bound for one number of the report. Its text reads back as itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// What is measured.
    pub metric: Metric,
    /// How it compares to the limit.
    pub operator: Operator,
    /// The number as it was written, in `unit`; finite and not negative.
    pub limit: f64,
    /// What the limit and the value are counted in.
    pub unit: Unit,
}

/// A number of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A quantile of a time.
    Time(Time, Quantile),
    /// Events failed or dropped, of those offered.
    ErrorRate,
    /// Events sent again, each time counted, by events offered.
    RetryRate,
    /// Events acknowledged a second.
    AchievedRate,
}

/// A time that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// From due to acknowledged.
    Latency,
    /// From due to released.
    Lateness,
    /// From happened to readable in the metrics.
    Freshness,
}

/// Which quantile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantile {
    /// The median.
    P50,
    /// Nine of ten are at most this.
    P90,
    /// 95 of 100 are at most this.
    P95,
    /// 99 of 100 are at most this.
    P99,
    /// 999 of 1,000 are at most this.
    P999,
    /// The longest.
    Max,
}

/// How a value compares to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

/// What a number is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `us` or `µs`
    Microseconds,
    /// `ms`
    Milliseconds,
    /// `s`
    Seconds,
    /// `%`
    Percent,
    /// None: a fraction of 1, or events a second.
    Plain,
}

/// What became of a threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The threshold.
    pub threshold: String,
    /// What was measured, in the threshold's own unit; `None` if there was nothing to measure.
    pub value: Option<f64>,
    /// Whether it was kept.
    pub ok: bool,
    /// The finding in words: `p99 is 312.4 ms`.
    pub finding: String,
}

impl Outcome {
    /// The broken ones, a line each; `None` if all were kept.
    #[must_use]
    pub fn broken(outcomes: &[Self]) -> Option<String> {
        let lines: Vec<String> = outcomes
            .iter()
            .filter(|outcome| !outcome.ok)
            .map(|outcome| format!("{}: broken, {}", outcome.threshold, outcome.finding))
            .collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

impl Quantile {
    const ALL: &[Self] = &[Self::P50, Self::P90, Self::P95, Self::P99, Self::P999, Self::Max];

    const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
            Self::Max => "max",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(Time::Latency, quantile) => f.write_str(quantile.name()),
            Self::Time(Time::Lateness, quantile) => write!(f, "lateness_{}", quantile.name()),
            Self::Time(Time::Freshness, quantile) => write!(f, "freshness_{}", quantile.name()),
            Self::ErrorRate => f.write_str("error_rate"),
            Self::RetryRate => f.write_str("retry_rate"),
            Self::AchievedRate => f.write_str("achieved_rate"),
        }
    }
}

impl Operator {
    const fn sign(self) -> &'static str {
        match self {
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
        }
    }
}

impl Unit {
    const fn sign(self) -> &'static str {
        match self {
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Percent => "%",
            Self::Plain => "",
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            metric,
            operator,
            limit,
            unit,
        } = self;
        write!(f, "{metric}{}{limit}{}", operator.sign(), unit.sign())
    }
}

#[cfg(test)]
mod tests;
