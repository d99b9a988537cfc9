//! What a comparison comes to, for people and for scripts.

use std::collections::BTreeMap;

use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use events::{MS_PER_MINUTE, Timestamp};
use serde::Serialize;

use super::Sent;
use super::anomalies::Detector;
use crate::args::Output;
use crate::failure::Failure;

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
    /// If it differs by nothing but what the system cannot know yet: until when.
    #[serde(skip)]
    pub not_due_until: Option<Timestamp>,
}

/// What the jobs' comparisons come to.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) checks: Vec<Check>,
    pub(super) detectors: Vec<Detector>,
    /// Second copies in the archive.
    pub(super) resent: u64,
    /// What to do about the warehouse, if it differs.
    pub(super) advice: Option<String>,
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
    /// If nothing differs but what is not due yet: until when.
    not_due_until: Option<Timestamp>,
    #[serde(skip)]
    advice: Option<String>,
    #[serde(skip)]
    now: Timestamp,
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
            not_due_until: None,
        }
    }
}

impl Verdict {
    /// Of comparisons made `now`.
    pub(super) fn new(sent: &Sent, compared: Compared, now: Timestamp) -> Self {
        let Compared {
            checks,
            detectors,
            resent,
            advice,
        } = compared;
        let open = || checks.iter().filter(|check| check.difference != 0);
        let all_wait = open().all(|check| check.not_due_until.is_some());
        let latest = open().filter_map(|check| check.not_due_until).max();
        Self {
            schema_version: SCHEMA_VERSION,
            ok: open().next().is_none(),
            not_due_until: latest.filter(|_| all_wait),
            checks,
            detectors,
            uncertain: sent.uncertain,
            resent,
            advice,
            now,
        }
    }

    /// Fails unless all is as it was sent.
    pub fn check(&self) -> Result<(), Failure> {
        if self.ok {
            return Ok(());
        }
        if let Some(until) = self.not_due_until {
            return Err(Failure::run(format!(
                "it is not known yet whether all that was sent is what the deployment holds: verify again after {until}"
            )));
        }
        let advice = self.advice.iter().map(|advice| format!(": {advice}"));
        Err(Failure::run(format!(
            "what was sent is not what the deployment holds{}",
            advice.collect::<String>()
        )))
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
        lines.extend(self.advice.clone());
        lines.push(self.conclusion());
        lines.join("\n")
    }

    fn conclusion(&self) -> String {
        let open = || self.checks.iter().filter(|check| check.difference != 0);
        let (all, waiting) = (
            self.checks.len(),
            open().filter(|check| check.not_due_until.is_some()).count(),
        );
        if self.ok {
            return format!("OK: {all} checks, nothing differs: sent = counted = stored");
        }
        if let Some(until) = self.not_due_until {
            // A minute more, as what is due then takes a moment.
            let minutes = (until.as_ms() - self.now.as_ms()).div_euclid(MS_PER_MINUTE) + 2;
            return format!(
                "NOT DUE YET: {waiting} of {all} checks cannot hold before {until}, the others do. --wait {minutes}m waits for them"
            );
        }
        let and_waiting = match waiting {
            0 => String::new(),
            _ => format!(", {waiting} more are not due yet"),
        };
        format!(
            "DIFFERENT: {} of {all} checks{and_waiting}. Minutes are compared whole: if somebody else sent events in them, give \
             that ledger, too",
            open().count() - waiting
        )
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

    use super::super::tests::at;
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
        let compared = Compared {
            checks: vec![Check::new("sales orders".to_owned(), 3, found)],
            detectors: vec![detector, missed],
            resent: 2,
            advice: None,
        };
        Verdict::new(&Sent::default(), compared, at(0))
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
                "not_due_until": null,
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
    fn what_is_not_due_yet_is_no_difference_and_not_verified_either() {
        let check = |name: &str, found, not_due_until| Check {
            not_due_until,
            ..Check::new(name.to_owned(), 3, found)
        };
        let verdict = |checks| {
            let compared = Compared {
                checks,
                ..Compared::default()
            };
            Verdict::new(&Sent::default(), compared, at(0))
        };
        let until = |minute| Some(at(MS_PER_MINUTE * minute));
        let waiting = || {
            vec![
                check("orders", 3, None),
                check("abandoned", 1, until(31)),
                check("minutes", 2, until(30)),
            ]
        };
        let not_due = verdict(waiting());
        let text = not_due.render(Output::Human);
        let conclusion = "NOT DUE YET: 2 of 3 checks cannot hold before 1970-01-01T00:31:00.000Z, the others do. --wait 33m ";
        assert!(!not_due.ok && text.contains(conclusion), "{text}");
        let failure = not_due.check().unwrap_err();
        assert!(
            failure.exit_code() == 1 && failure.to_string().contains("after 1970-01-01T00:31"),
            "{failure}"
        );
        let json: Value = serde_json::from_str(&not_due.render(Output::Json)).unwrap();
        assert_eq!(json["not_due_until"], json!("1970-01-01T00:31:00.000Z"));

        let mut checks = waiting();
        checks.push(check("refunds", 4, None));
        let different = verdict(checks);
        let text = different.render(Output::Human);
        assert!(
            text.contains("DIFFERENT: 1 of 4 checks, 2 more are not due yet. "),
            "{text}"
        );
        assert!(
            different
                .check()
                .unwrap_err()
                .to_string()
                .starts_with("what was sent is not")
        );
        assert_eq!(different.not_due_until, None);
        assert!(verdict(vec![check("orders", 3, None)]).check().is_ok());
    }

    #[test]
    fn what_to_do_about_the_warehouse_is_said_with_the_difference() {
        let compared = Compared {
            checks: vec![Check::new("sales_trends is there".to_owned(), 1, 0)],
            advice: Some("there is no sales_trends".to_owned()),
            ..Compared::default()
        };
        let verdict = Verdict::new(&Sent::default(), compared, at(0));
        let text = verdict.render(Output::Human);
        assert!(
            text.contains("\nthere is no sales_trends\nDIFFERENT: 1 of 1 checks."),
            "{text}"
        );
        let failure = verdict.check().unwrap_err();
        assert!(
            failure.to_string().ends_with("holds: there is no sales_trends"),
            "{failure}"
        );
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
