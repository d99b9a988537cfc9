//! What was used, by whom, and what that comes to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::prices::{Charge, SERVICES};

/// Who uses something, and for what: a job, and a kind of request of its own.
pub(crate) type Use = (&'static str, String);

/// What was used.
#[derive(Debug, Default)]
pub(crate) struct Bill {
    charged: BTreeMap<(Use, Charge), f64>,
    /// How often.
    times: BTreeMap<Use, u64>,
}

impl Bill {
    /// Adds so many pieces, used at once.
    pub(crate) fn charge(&mut self, job: &'static str, what: &str, charge: Charge, pieces: f64) {
        let used = (job, what.to_owned());
        *self.times.entry(used.clone()).or_default() += 1;
        *self.charged.entry((used, charge)).or_default() += pieces;
    }

    /// Adds an invocation of a function with so much memory. Time is rounded up to the millisecond.
    pub(crate) fn invocation(&mut self, job: &'static str, memory_mb: u32, took: Duration) {
        let seconds = took.as_millis().saturating_add(1) as f64 / 1_000.0;
        let gb = f64::from(memory_mb) / 1_024.0;
        self.charge(job, "invocations", Charge::Invocation, 1.0);
        self.charge(job, "GB-s", Charge::GbSecond, seconds * gb);
    }

    /// What a million events cost, where this is what `events` took.
    pub(crate) fn per_million(&self, events: u64) -> f64 {
        self.charged
            .iter()
            .map(|((_, charge), pieces)| pieces * charge.dollars())
            .sum::<f64>()
            * 1e6
            / events as f64
    }

    /// A table by job and service, and one by use, in dollars a million events.
    pub(crate) fn tables(&self, events: u64) -> String {
        let scale = 1e6 / events as f64;
        let mut by_service: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
        let mut by_use: BTreeMap<&Use, f64> = BTreeMap::new();
        for ((used, charge), pieces) in &self.charged {
            let dollars = pieces * charge.dollars() * scale;
            let job = by_service.entry(used.0).or_default();
            *job.entry(charge.service()).or_default() += dollars;
            *by_use.entry(used).or_default() += dollars;
        }
        let mut text = format!("{:<12}", "$ / million");
        for service in SERVICES {
            write!(text, " {service:>15}").expect(INFALLIBLE);
        }
        writeln!(text, " {:>9}", "all").expect(INFALLIBLE);
        let mut all: BTreeMap<&str, f64> = BTreeMap::new();
        for (job, services) in &by_service {
            line(&mut text, job, services);
            for (service, dollars) in services {
                *all.entry(service).or_default() += dollars;
            }
        }
        line(&mut text, "all", &all);
        let mut uses: Vec<_> = by_use.into_iter().collect();
        uses.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        writeln!(
            text,
            "\n{:<12} {:<34} {:>12} {:>12} {:>9}",
            "job", "for", "times / M", "pieces / M", "$ / M"
        )
        .expect(INFALLIBLE);
        for (used, dollars) in uses {
            let pieces: f64 = self
                .charged
                .iter()
                .filter(|((of, _), _)| of == used)
                .map(|(_, pieces)| pieces)
                .sum();
            writeln!(
                text,
                "{:<12} {:<34} {:>12.0} {:>12.1} {dollars:>9.5}",
                used.0,
                used.1,
                self.times[used] as f64 * scale,
                pieces * scale
            )
            .expect(INFALLIBLE);
        }
        text
    }
}

const INFALLIBLE: &str = "a String takes every write";

fn line(text: &mut String, name: &str, services: &BTreeMap<&str, f64>) {
    write!(text, "{name:<12}").expect(INFALLIBLE);
    for service in SERVICES {
        let dollars = services.get(service).copied().unwrap_or(0.0);
        write!(text, " {dollars:>15.5}").expect(INFALLIBLE);
    }
    writeln!(text, " {:>9.5}", services.values().sum::<f64>()).expect(INFALLIBLE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_is_pieces_times_prices() {
        let mut bill = Bill::default();
        bill.charge("sales", "PutItem", Charge::WriteUnit, 1e6);
        bill.charge("sales", "PutItem", Charge::WriteUnit, 1e6);
        bill.invocation("sales", 512, Duration::from_micros(9_001));
        let expected = 2.0 * 0.625 + 0.2e-6 + 0.010 * 0.5 * 0.000_013_333_4;
        assert!((bill.per_million(1_000_000) - expected).abs() < 1e-9);
        assert!((bill.per_million(2_000_000) - expected / 2.0).abs() < 1e-9);
        assert!(bill.tables(1_000_000).contains("DynamoDB writes"));
    }
}
