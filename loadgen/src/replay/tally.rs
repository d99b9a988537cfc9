//! What became of the lines of a recording.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use events::{Rejection, Timestamp};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// Bad lines that are told one by one; the others are counted by rule.
const MAX_LINES: usize = 20;
/// The longest detail that is kept of a bad line, in characters.
const MAX_DETAIL: usize = 300;

/// What became of the lines so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// The earliest time of the valid events.
    pub earliest: Option<Timestamp>,
    /// The lines that were no valid events.
    pub rejected: Rejected,
    /// What ended the reading before the end: at which line, and why.
    pub broken_off: Option<(u64, String)>,
}

/// The lines that were no valid events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// How many.
    pub rejected: u64,
    /// How many by the rule that they break first.
    pub rejected_by_rule: BTreeMap<String, u64>,
    /// The first of them.
    pub rejected_lines: Vec<BadLine>,
}

/// A line that is no valid event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadLine {
    /// Its number, from 1 on.
    pub line: u64,
    /// The rule that it breaks first.
    pub rule: String,
    /// What was found, and what is allowed.
    pub detail: String,
}

/// A tally that the source writes and the report reads.
#[derive(Clone, Debug, Default)]
pub struct SharedTally(Arc<Mutex<Tally>>);

impl SharedTally {
    /// The tally, for as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, Tally> {
        // Counts stay true if a holder panicked: the panic itself is reported.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    pub(super) fn accept(&mut self, occurred_at: Timestamp) {
        self.earliest = Some(
            self.earliest
                .map_or(occurred_at, |earliest| earliest.min(occurred_at)),
        );
    }

    pub(super) fn reject(&mut self, line: u64, rejection: &Rejection) {
        let rejected = &mut self.rejected;
        rejected.rejected += 1;
        let rule = rejection.rule.as_str();
        match rejected.rejected_by_rule.get_mut(rule) {
            Some(count) => *count += 1,
            None => drop(rejected.rejected_by_rule.insert(rule.to_owned(), 1)),
        }
        if rejected.rejected_lines.len() < MAX_LINES {
            rejected.rejected_lines.push(BadLine {
                line,
                rule: rule.to_owned(),
                detail: harmless(&rejection.detail),
            });
        }
    }

    pub(super) fn break_off(&mut self, line: u64, error: &io::Error) {
        self.broken_off = Some((line, error.to_string()));
    }
}

/// Details quote what was found: whatever that is, it stays on its line and does nothing to a terminal.
fn harmless(detail: &str) -> String {
    let mut text = String::new();
    for c in detail.chars().take(MAX_DETAIL) {
        if c.is_control() {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
    text
}

impl Tally {
    /// Fails if the reading ended before the end of `file`.
    pub fn check_end(&self, file: &str) -> Result<(), Failure> {
        match &self.broken_off {
            Some((line, error)) => Err(Failure::run(format!(
                "cannot read {file} from line {line} on: {error}; what comes before was replayed"
            ))),
            None => Ok(()),
        }
    }
}

impl Rejected {
    /// The rows of a table.
    pub fn rows(&self) -> impl Iterator<Item = (String, u64)> {
        let by_rule = self.rejected_by_rule.iter();
        std::iter::once(("rejected lines".to_owned(), self.rejected))
            .chain(by_rule.map(|(rule, count)| (format!("  {rule}"), *count)))
    }

    /// The bad lines of `file` for people, a line each and one for the rest; `None` if all lines were good.
    #[must_use]
    pub fn told(&self, file: &str) -> Option<String> {
        let mut text = String::new();
        for BadLine { line, rule, detail } in &self.rejected_lines {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{file}:{line}: {rule}: {detail}");
        }
        let more = self.rejected - self.rejected_lines.len() as u64;
        if more > 0 {
            let by_rule: Vec<String> = self
                .rejected_by_rule
                .iter()
                .map(|(rule, count)| format!("{rule} {count}"))
                .collect();
            let _ = writeln!(
                text,
                "{file}: and {more} more, {} in all: {}",
                self.rejected,
                by_rule.join(", ")
            );
        }
        text.pop();
        (self.rejected > 0).then_some(text)
    }
}
