//! The report as a table.

use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_BORDERS_ONLY};

use super::{Measured, Quantiles, Report, shards};

impl Report {
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
        if let Some(seed) = self.seed {
            row("seed", seed.to_string());
        }
        if let Some(recording) = &self.recording {
            row("recording", format!("{} at {}", recording.file, recording.speed));
            for (name, count) in recording.rejected.rows() {
                row(&name, grouped(count));
            }
        }
        row("event time", format!("{} to {}", self.start, self.end));
        row("elapsed", format!("{:.2} s", self.elapsed_s));
        if let Some(target_rate) = self.target_rate {
            row("target rate", format!("{} events/s", grouped(target_rate)));
        }
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
        if self.dropped > 0 {
            row("dropped: never sent", grouped(self.dropped));
        }
        row("retried", grouped(self.retried));
        if self.possible_duplicates > 0 {
            row("maybe stored twice", grouped(self.possible_duplicates));
        }
        if self.calls > 0 {
            row("calls", grouped(self.calls));
            row("entries sent", grouped(self.attempts));
            row("bytes sent", grouped(self.wire_bytes));
        }
        row("bytes of JSON", grouped(self.bytes));
        for (event_type, count) in &self.events_by_type {
            row(&format!("  {event_type}"), grouped(*count));
        }
        for (name, count) in [
            ("sent again on purpose", self.duplicates_sent),
            ("bad on purpose", self.bad_sent),
        ] {
            if count > 0 {
                row(&format!("  {name}"), grouped(count));
            }
        }
        if self.blocked_s > 0.0 {
            row("held up by the sink", format!("{:.1} s", self.blocked_s));
            row(
                "largest backlog",
                format!("{} bytes", grouped(self.largest_backlog_bytes)),
            );
        }
        for line in shards::lines(&self.shards, &self.hottest_shards) {
            row(&line.name, line.value);
        }
        let quantiles = |of: &Quantiles| {
            format!(
                "p50 {:.1}  p90 {:.1}  p95 {:.1}  p99 {:.1}  p99.9 {:.1}  max {:.1} ms",
                of.p50, of.p90, of.p95, of.p99, of.p999, of.max
            )
        };
        row("start lateness", quantiles(&self.start_lateness_ms));
        row("latency from due time", quantiles(&self.latency_ms));
        if let Some(Measured { freshness_ms, unseen }) = &self.freshness {
            row("freshness", quantiles(freshness_ms));
            if *unseen > 0 {
                row("  not readable in time", grouped(*unseen));
            }
        }
        for outcome in &self.thresholds {
            let mark = if outcome.ok { "✓" } else { "✗" };
            row(&format!("{mark} {}", outcome.threshold), outcome.finding.clone());
        }
        table.to_string()
    }
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
