//! What a comparison comes to, for people and for scripts.

use std::collections::BTreeMap;

use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use serde::Serialize;

use super::Sent;
use super::anomalies::Detector;
use crate::args::Output;

const SCHEMA_VERSION: u32 = 1;

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What is compared: a job, and what of it.
    pub name: String,
    /// What was sent.
    pub expected: i64,
    /// What the system holds.
    pub found: i64,
    /// Found less expected.
    pub difference: i64,
}

/// All comparisons.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    schema_version: u32,
    /// Whether nothing differs.
    pub ok: bool,
    checks: Vec<Check>,
    /// How well the rules on purchases have found what was injected; empty without the job `anomalies`.
    detectors: Vec<Detector>,
    /// Events that the producer gave up without knowing whether they arrived. Where there are any, differences of as many
    /// events prove nothing.
    uncertain: u64,
    /// Second copies in the archive: a producer sent an event again, on purpose or after a lost answer. They are counted once.
    resent: u64,
}

/// How many cells there are, and how many of them are equal on both sides; a cell too many counts against it.
pub(super) fn cells_check<K: Ord, V: PartialEq>(
    name: String,
    expected: &BTreeMap<K, V>,
    found: &BTreeMap<K, V>,
) -> Check {
    let equal = expected
        .iter()
        .filter(|(key, value)| found.get(key) == Some(value))
        .count();
    let surplus = found.keys().filter(|key| !expected.contains_key(key)).count();
    Check::new(name, signed(expected.len()), signed(equal) - signed(surplus))
}

pub(super) fn signed(n: impl TryInto<i64>) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}

impl Check {
    pub(super) fn new(name: String, expected: i64, found: i64) -> Self {
        Self {
            name,
            expected,
            found,
            difference: found - expected,
        }
    }
}

impl Verdict {
    /// Of these checks: whether nothing differs.
    pub(super) fn new(sent: &Sent, checks: Vec<Check>, detectors: Vec<Detector>, resent: u64) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            ok: checks.iter().all(|check| check.difference == 0),
            checks,
            detectors,
            uncertain: sent.uncertain,
            resent,
        }
    }

    /// The verdict in the form asked for.
    #[must_use]
    pub fn render(&self, output: Output) -> String {
        match output {
            Output::Json => serde_json::to_string_pretty(self).expect("a verdict has only string keys"),
            Output::Human => self.to_table(),
        }
    }

    fn to_table(&self) -> String {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY);
        table.set_header(["check", "expected", "found", "difference"]);
        let right = |n: i64| Cell::new(n).set_alignment(CellAlignment::Right);
        for check in &self.checks {
            let name = Cell::new(&check.name);
            table.add_row([
                name,
                right(check.expected),
                right(check.found),
                right(check.difference),
            ]);
        }
        let different = self.checks.iter().filter(|check| check.difference != 0).count();
        let mut lines = vec![table.to_string()];
        if !self.detectors.is_empty() {
            lines.push(detector_table(&self.detectors).to_string());
        }
        if self.resent > 0 {
            lines.push(format!(
                "{} second copies in the archive, sent again on purpose or after a lost answer: counted once",
                self.resent
            ));
        }
        if self.uncertain > 0 {
            lines.push(format!(
                "{} events were given up without an answer: they may or may not have arrived",
                self.uncertain
            ));
        }
        lines.push(if self.ok {
            format!("OK: {} checks, nothing differs: sent = counted = stored", self.checks.len())
        } else {
            format!(
                "DIFFERENT: {different} of {} checks. Minutes are compared whole: if somebody else sent events in them, give \
                 that ledger, too",
                self.checks.len()
            )
        });
        lines.join("\n")
    }
}

fn right(n: impl ToString) -> Cell {
    Cell::new(n).set_alignment(CellAlignment::Right)
}

fn detector_table(detectors: &[Detector]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header([
        "purchases",
        "injected",
        "found",
        "true positives",
        "precision",
        "recall",
    ]);
    let share = |share: Option<f64>| {
        right(share.map_or_else(|| "-".to_owned(), |share| format!("{:.2} %", 100.0 * share)))
    };
    for detector in detectors {
        table.add_row([
            Cell::new(detector.kind),
            right(detector.injected),
            right(detector.found),
            right(detector.true_positives),
            share(detector.precision),
            share(detector.recall),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::generator::Anomaly;

    fn verdict(found: i64) -> Verdict {
        let detector = Detector {
            kind: Anomaly::HighValue,
            injected: 4,
            found: 3,
            true_positives: 3,
            precision: Some(1.0),
            recall: Some(0.75),
        };
        let missed = Detector {
            kind: Anomaly::Velocity,
            injected: 0,
            found: 0,
            true_positives: 0,
            precision: None,
            recall: None,
        };
        let checks = vec![Check::new("sales orders".to_owned(), 3, found)];
        Verdict::new(&Sent::default(), checks, vec![detector, missed], 2)
    }

    #[test]
    fn scripts_find_checks_and_detectors() {
        let read = |found| -> Value { serde_json::from_str(&verdict(found).render(Output::Json)).unwrap() };
        assert_eq!(
            read(2),
            json!({
                "schema_version": 1,
                "ok": false,
                "checks": [{ "name": "sales orders", "expected": 3, "found": 2, "difference": -1 }],
                "detectors": [
                    {
                        "kind": "high_value", "injected": 4, "found": 3, "true_positives": 3,
                        "precision": 1.0, "recall": 0.75
                    },
                    {
                        "kind": "velocity", "injected": 0, "found": 0, "true_positives": 0,
                        "precision": null, "recall": null
                    },
                ],
                "uncertain": 0,
                "resent": 2,
            })
        );
        assert_eq!(read(3)["ok"], json!(true));
    }

    #[test]
    fn people_read_the_detectors_under_the_checks() {
        let text = verdict(2).render(Output::Human);
        let place = |word: &str| text.find(word).unwrap_or_else(|| panic!("no {word} in\n{text}"));
        assert!(place("sales orders") < place("high_value") && place("high_value") < place("DIFFERENT"));
        assert!(text.contains("100.00 %") && text.contains("75.00 %"), "{text}");
        assert!(verdict(3).render(Output::Human).contains("OK: 1 checks"));
    }

    #[test]
    fn a_cell_too_many_counts_against_those_that_are_equal() {
        let cells = |of: &[(u8, u8)]| -> BTreeMap<u8, u8> { of.iter().copied().collect() };
        let check = |found: &[(u8, u8)]| {
            cells_check("cells".to_owned(), &cells(&[(1, 1), (2, 2)]), &cells(found)).difference
        };
        assert_eq!(check(&[(1, 1), (2, 2)]), 0);
        assert_eq!(check(&[(1, 1)]), -1);
        assert_eq!(check(&[(1, 1), (2, 3)]), -1);
        assert_eq!(check(&[(1, 1), (2, 2), (3, 3)]), -1);
    }
}
