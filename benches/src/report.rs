//! What was measured, for people and for scripts.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

/// All measurements of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

/// One measurement beside the same of a peer.
#[derive(Clone, Debug)]
pub(crate) struct Measurement {
    /// What scripts find it by.
    pub(crate) name: &'static str,
    /// What was measured.
    pub(crate) value: f64,
    /// In which unit, for the peer too.
    pub(crate) unit: &'static str,
    /// Whether more is better.
    pub(crate) higher_is_better: bool,
    /// What it is compared with.
    pub(crate) peer: &'static str,
    /// What that one came to.
    pub(crate) peer_value: f64,
    /// What it should reach, if that was set. For people: how fast the machine is decides too.
    pub(crate) target: Option<Target>,
}

/// What a measurement should reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// This value, in the measurement's unit.
    Value(f64),
    /// This many times better than the peer.
    Ratio(f64),
}

#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    value: f64,
    unit: &'static str,
    higher_is_better: bool,
    peer: &'static str,
    peer_value: f64,
    /// How many times better than the peer.
    ratio: f64,
    #[serde(skip)]
    target: Option<Target>,
}

impl Report {
    /// Adds a measurement.
    pub(crate) fn add(&mut self, measured: &Measurement) {
        let Measurement {
            name,
            value,
            unit,
            higher_is_better,
            peer,
            peer_value,
            target,
        } = *measured;
        let ratio = if higher_is_better {
            value / peer_value
        } else {
            peer_value / value
        };
        let (value, peer_value, ratio) = (rounded(value), rounded(peer_value), rounded(ratio));
        self.rows.push(Row {
            name,
            value,
            unit,
            higher_is_better,
            peer,
            peer_value,
            ratio,
            target,
        });
    }

    /// Writes `target/bench/report.json` in the repository; returns its path.
    pub(crate) fn write(&self, repository: &Path) -> anyhow::Result<PathBuf> {
        let folder = repository.join("target").join("bench");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let path = folder.join("report.json");
        let json = serde_json::to_string_pretty(&self.rows)?;
        fs::write(&path, json + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// To a thousandth: the rest is noise.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// To a tenth, or to a thousandth where that would leave next to nothing.
fn shown(value: f64) -> String {
    if value < 1.0 {
        format!("{value:.3}")
    } else {
        format!("{value:.1}")
    }
}

const HEADER: [&str; 7] = ["name", "value", "unit", "peer", "peer value", "ratio", "target"];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![HEADER.map(str::to_owned)];
        lines.extend(self.rows.iter().map(Row::cells));
        let widths: [usize; HEADER.len()] = std::array::from_fn(|column| {
            lines
                .iter()
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or(0)
        });
        for (n, line) in lines.iter().enumerate() {
            let padded: Vec<String> = line
                .iter()
                .zip(widths)
                .enumerate()
                .map(|(column, (cell, width))| match column {
                    1 | 4 | 5 => format!("{cell:>width$}"),
                    _ => format!("{cell:<width$}"),
                })
                .collect();
            let separator = if n == 0 { "" } else { "\n" };
            write!(f, "{separator}{}", padded.join("  ").trim_end())?;
        }
        Ok(())
    }
}

impl Row {
    fn cells(&self) -> [String; HEADER.len()] {
        let target = self.target.map_or_else(String::new, |target| {
            let (sign, wanted, met) = match target {
                Target::Ratio(ratio) => ("≥", format!("{ratio}×"), self.ratio >= ratio),
                Target::Value(value) if self.higher_is_better => {
                    ("≥", value.to_string(), self.value >= value)
                }
                Target::Value(value) => ("≤", value.to_string(), self.value <= value),
            };
            format!("{sign} {wanted} {}", if met { "met" } else { "MISSED" })
        });
        [
            self.name.to_owned(),
            shown(self.value),
            self.unit.to_owned(),
            self.peer.to_owned(),
            shown(self.peer_value),
            format!("{:.1}×", self.ratio),
            target,
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> Report {
        let lower = Measurement {
            name: "start_ms",
            value: 12.5,
            unit: "ms",
            higher_is_better: false,
            peer: "Python",
            peer_value: 250.0,
            target: Some(Target::Value(10.0)),
        };
        let higher = Measurement {
            name: "events_per_s",
            value: 300.0,
            higher_is_better: true,
            peer_value: 200.0,
            target: Some(Target::Ratio(1.5)),
            ..lower.clone()
        };
        let mut report = Report::default();
        report.add(&lower);
        report.add(&higher);
        report
    }

    #[test]
    fn the_ratio_says_how_many_times_better() {
        assert_eq!(
            serde_json::to_value(report().rows).unwrap(),
            json!([
                { "name": "start_ms", "value": 12.5, "unit": "ms", "higher_is_better": false,
                  "peer": "Python", "peer_value": 250.0, "ratio": 20.0 },
                { "name": "events_per_s", "value": 300.0, "unit": "ms", "higher_is_better": true,
                  "peer": "Python", "peer_value": 200.0, "ratio": 1.5 },
            ])
        );
    }

    #[test]
    fn columns_are_aligned_and_what_became_of_a_target_is_plain() {
        assert_eq!(
            report().to_string(),
            "name          value  unit  peer    peer value  ratio  target\n\
             start_ms       12.5  ms    Python       250.0  20.0×  ≤ 10 MISSED\n\
             events_per_s  300.0  ms    Python       200.0   1.5×  ≥ 1.5× met"
        );
    }
}
