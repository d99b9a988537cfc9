//! From what a run came to, to whether its thresholds were kept.

use super::{Metric, Operator, Outcome, Quantile, Threshold, Time, Unit};
use crate::report::{Measured, Quantiles};

/// What thresholds can be about.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures {
    /// Events that were due.
    pub offered: u64,
    /// Events acknowledged.
    pub acknowledged: u64,
    /// Events given up.
    pub failed: u64,
    /// Events never handed to the sink.
    pub dropped: u64,
    /// Events sent again, each time counted.
    pub retried: u64,
    /// Events acknowledged a second.
    pub achieved_rate: f64,
    /// From due to acknowledged.
    pub latency_ms: Quantiles,
    /// From due to released, if measured.
    pub lateness_ms: Option<Quantiles>,
    /// From happened to readable, if measured.
    pub freshness: Option<Measured>,
}

/// Judges each threshold. What was not measured was not kept.
#[must_use]
pub fn judge(thresholds: &[Threshold], measures: &Measures) -> Vec<Outcome> {
    thresholds
        .iter()
        .map(|threshold| threshold.judge(measures))
        .collect()
}

impl Threshold {
    fn judge(&self, measures: &Measures) -> Outcome {
        let (value, ok, finding) = match measures.value_of(self.metric) {
            Ok(value) => {
                let value = self.unit.convert(value);
                let finding = format!("{} is {}", self.metric, self.unit.written(value));
                (Some(value), self.operator.holds(value, self.limit), finding)
            }
            Err(reason) => (None, false, reason),
        };
        Outcome {
            threshold: self.to_string(),
            value,
            ok,
            finding,
        }
    }
}

impl Measures {
    /// Times in milliseconds, shares as fractions, or why there is no value.
    fn value_of(&self, metric: Metric) -> Result<f64, String> {
        match metric {
            Metric::Time(time, quantile) => self.time_ms(time).map(|times| quantile.of(&times)),
            Metric::ErrorRate => self.by_offered(self.failed + self.dropped),
            Metric::RetryRate => self.by_offered(self.retried),
            Metric::AchievedRate => self.by_offered(0).map(|_| self.achieved_rate),
        }
    }

    fn by_offered(&self, count: u64) -> Result<f64, String> {
        if self.offered == 0 {
            return Err("no event was offered".to_owned());
        }
        Ok(count as f64 / self.offered as f64)
    }

    fn time_ms(&self, time: Time) -> Result<Quantiles, String> {
        match time {
            Time::Latency if self.acknowledged == 0 => Err("no event was acknowledged".to_owned()),
            Time::Latency => Ok(self.latency_ms),
            Time::Lateness => match self.lateness_ms {
                Some(lateness_ms) => self.by_offered(0).map(|_| lateness_ms),
                None => Err("lateness was not measured".to_owned()),
            },
            Time::Freshness => match self.freshness {
                None => Err("freshness was not measured".to_owned()),
                // The quantiles know only what was seen: those that never turned up are the slowest of all.
                Some(Measured { unseen, .. }) if unseen > 0 => {
                    Err(format!("{unseen} transactions were not readable in time"))
                }
                Some(Measured { freshness_ms, .. }) if freshness_ms == Quantiles::default() => {
                    Err("no transaction was acknowledged".to_owned())
                }
                Some(Measured { freshness_ms, .. }) => Ok(freshness_ms),
            },
        }
    }
}

impl Quantile {
    const fn of(self, times: &Quantiles) -> f64 {
        match self {
            Self::P50 => times.p50,
            Self::P90 => times.p90,
            Self::P95 => times.p95,
            Self::P99 => times.p99,
            Self::P999 => times.p999,
            Self::Max => times.max,
        }
    }
}

impl Operator {
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Below => value < limit,
            Self::AtMost => value <= limit,
            Self::Above => value > limit,
            Self::AtLeast => value >= limit,
        }
    }
}

impl Unit {
    /// From milliseconds, a fraction or events a second.
    fn convert(self, value: f64) -> f64 {
        let converted = match self {
            Self::Microseconds => value * 1_000.0,
            Self::Seconds => value / 1_000.0,
            Self::Percent => value * 100.0,
            Self::Milliseconds | Self::Plain => value,
        };
        // 7 of 100 are 7 %, not 7.000000000000001 %.
        (converted * 1e9).round() / 1e9
    }

    /// A value for people: no digits that nobody measured, but enough of a small one.
    fn written(self, value: f64) -> String {
        let decimals = (1..9)
            .find(|decimals| value == 0.0 || value * 10_f64.powi(*decimals) >= 1_000.0)
            .unwrap_or(9);
        let scale = 10_f64.powi(decimals.max(3));
        let rounded = (value * scale).round() / scale;
        match self {
            Self::Plain => rounded.to_string(),
            _ => format!("{rounded} {}", self.sign()),
        }
    }
}
