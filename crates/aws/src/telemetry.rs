//! Logs as JSON lines and metrics as CloudWatch's embedded metric format, both on standard output.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use events::Timestamp;
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

const NAMESPACE: &str = "GlobalMart";

/// Starts logging, at the level that `RUST_LOG` names (`info` if it names none).
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        .without_time()
        .with_env_filter(filter)
        .init();
}

/// Logs why an invocation failed, with the causes behind it.
pub fn log_failure(error: &(impl Error + 'static)) {
    let causes =
        std::iter::successors(error.source(), |&cause| cause.source()).map(|cause| format!(": {cause}"));
    tracing::error!("{error}{}", causes.collect::<String>());
}

/// What one invocation counted and measured, by metric and by one dimension beside the function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<(&'static str, String), BTreeMap<&'static str, Metric>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Metric {
    Count(u64),
    Milliseconds(Durations),
}

/// How often each duration was seen, in milliseconds of two binary digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations(BTreeMap<u64, u64>);

impl Durations {
    /// Adds one. What is negative, as clocks differ, counts as 0.
    pub fn add(&mut self, ms: i64) {
        let ms = rounded(u64::try_from(ms).unwrap_or(0));
        *self.0.entry(ms).or_default() += 1;
    }
}

impl Counts {
    /// Adds `n` to `metric` under `dimension` = `value`.
    pub fn add(&mut self, dimension: &'static str, value: &dyn ToString, metric: &'static str, n: usize) {
        if n == 0 {
            return;
        }
        if let Metric::Count(count) = self.metric(dimension, value, metric, || Metric::Count(0)) {
            *count += n as u64;
        }
    }

    /// Adds durations to those of `metric` under `dimension` = `value`.
    pub fn observe(
        &mut self,
        dimension: &'static str,
        value: &dyn ToString,
        metric: &'static str,
        durations: &Durations,
    ) {
        let none = || Metric::Milliseconds(Durations::default());
        if durations.0.is_empty() {
            return;
        }
        if let Metric::Milliseconds(all) = self.metric(dimension, value, metric, none) {
            for (ms, n) in &durations.0 {
                *all.0.entry(*ms).or_default() += n;
            }
        }
    }

    /// What `metric` came to under `dimension` = `value`; 0 if it is none that counts.
    #[must_use]
    pub fn count(&self, dimension: &'static str, value: &dyn ToString, metric: &str) -> u64 {
        let metrics = self.0.get(&(dimension, value.to_string()));
        match metrics.and_then(|metrics| metrics.get(metric)) {
            Some(Metric::Count(count)) => *count,
            _ => 0,
        }
    }

    fn metric(
        &mut self,
        dimension: &'static str,
        value: &dyn ToString,
        metric: &'static str,
        none: impl FnOnce() -> Metric,
    ) -> &mut Metric {
        let metrics = self.0.entry((dimension, value.to_string())).or_default();
        metrics.entry(metric).or_insert_with(none)
    }

    /// Writes them, for the named function.
    pub fn emit(&self, function: &str) {
        self.lines(function, now_ms()).for_each(|line| println!("{line}"));
    }

    fn lines(&self, function: &str, now_ms: i64) -> impl Iterator<Item = Value> {
        self.0.iter().map(move |((dimension, value), metrics)| {
            let names: Vec<Value> = metrics
                .iter()
                .map(|(name, metric)| json!({ "Name": name, "Unit": metric.unit() }))
                .collect();
            let directive =
                json!({ "Namespace": NAMESPACE, "Dimensions": [["Function", dimension]], "Metrics": names });
            let mut line = json!({
                "_aws": { "Timestamp": now_ms, "CloudWatchMetrics": [directive] },
                "Function": function,
            });
            line[*dimension] = json!(value);
            for (name, metric) in metrics {
                line[*name] = metric.value();
            }
            line
        })
    }
}

impl Metric {
    const fn unit(&self) -> &'static str {
        match self {
            Self::Count(_) => "Count",
            Self::Milliseconds(_) => "Milliseconds",
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Count(count) => json!(count),
            Self::Milliseconds(Durations(durations)) => {
                let (values, counts): (Vec<&u64>, Vec<&u64>) = durations.iter().unzip();
                json!({ "Values": values, "Counts": counts })
            }
        }
    }
}

/// To two binary digits, so that a metric has at most a hundred different values, as the format allows, up to 2^33 ms.
const fn rounded(ms: u64) -> u64 {
    let digits = u64::BITS - ms.leading_zeros();
    if digits <= 2 {
        ms
    } else {
        ms >> (digits - 2) << (digits - 2)
    }
}

/// Now, by this machine's clock.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_ms(now_ms()).expect("the clock shows a time before the year 9999")
}

/// Milliseconds since the epoch, by this machine's clock.
#[must_use]
pub fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_lines_of_the_embedded_metric_format() {
        let mut counts = Counts::default();
        counts.add("Rule", &"not_json", "Quarantined", 1);
        counts.add("Rule", &"not_json", "Quarantined", 2);
        counts.add("Rule", &"no_lines", "Quarantined", 0);
        let mut lateness = Durations::default();
        [1_000, 1_001, -5].into_iter().for_each(|ms| lateness.add(ms));
        counts.observe("Stream", &"transactions", "Lateness", &lateness);
        let lines: Vec<Value> = counts.lines("globalmart-dev-archive", 7).collect();
        assert_eq!(
            lines,
            [
                json!({
                    "_aws": { "Timestamp": 7, "CloudWatchMetrics": [{
                        "Namespace": "GlobalMart", "Dimensions": [["Function", "Rule"]],
                        "Metrics": [{ "Name": "Quarantined", "Unit": "Count" }],
                    }] },
                    "Function": "globalmart-dev-archive", "Rule": "not_json", "Quarantined": 3,
                }),
                json!({
                    "_aws": { "Timestamp": 7, "CloudWatchMetrics": [{
                        "Namespace": "GlobalMart", "Dimensions": [["Function", "Stream"]],
                        "Metrics": [{ "Name": "Lateness", "Unit": "Milliseconds" }],
                    }] },
                    "Function": "globalmart-dev-archive", "Stream": "transactions",
                    "Lateness": { "Values": [0, 768], "Counts": [1, 2] },
                })
            ]
        );
    }
}
