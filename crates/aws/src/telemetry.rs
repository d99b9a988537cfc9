//! Logs as JSON lines and metrics as CloudWatch's embedded metric format, both on standard output.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

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

/// What one invocation counted, by metric and by one dimension beside the function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<(&'static str, String), BTreeMap<&'static str, u64>>);

impl Counts {
    /// Adds `n` to `metric` under `dimension` = `value`.
    pub fn add(&mut self, dimension: &'static str, value: &dyn ToString, metric: &'static str, n: usize) {
        if n > 0 {
            *self
                .0
                .entry((dimension, value.to_string()))
                .or_default()
                .entry(metric)
                .or_default() += n as u64;
        }
    }

    /// Writes them, for the named function.
    pub fn emit(&self, function: &str) {
        let now_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_millis());
        self.lines(function, u64::try_from(now_ms).unwrap_or(u64::MAX))
            .for_each(|line| println!("{line}"));
    }

    fn lines(&self, function: &str, now_ms: u64) -> impl Iterator<Item = Value> {
        self.0.iter().map(move |((dimension, value), metrics)| {
            let names: Vec<Value> = metrics
                .keys()
                .map(|name| json!({ "Name": name, "Unit": "Count" }))
                .collect();
            let directive =
                json!({ "Namespace": NAMESPACE, "Dimensions": [["Function", dimension]], "Metrics": names });
            let mut line = json!({
                "_aws": { "Timestamp": now_ms, "CloudWatchMetrics": [directive] },
                "Function": function,
            });
            line[*dimension] = json!(value);
            for (name, count) in metrics {
                line[*name] = json!(count);
            }
            line
        })
    }
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
        let lines: Vec<Value> = counts.lines("globalmart-dev-archive", 7).collect();
        assert_eq!(
            lines,
            [json!({
                "_aws": { "Timestamp": 7, "CloudWatchMetrics": [{
                    "Namespace": "GlobalMart", "Dimensions": [["Function", "Rule"]],
                    "Metrics": [{ "Name": "Quarantined", "Unit": "Count" }],
                }] },
                "Function": "globalmart-dev-archive", "Rule": "not_json", "Quarantined": 3,
            })]
        );
    }
}
