//! What a day of sales must agree with before it is published: the archive, counted another way, and itself, read back.

use std::thread;

use arrow::array::{Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use bytes::Bytes;
use events::{EventType, MS_PER_DAY, Uuid};
use foldhash::{HashSet, HashSetExt as _};
use warehouse::star::{CalendarDay, DayFile};

use crate::FileProblem;
use warehouse::read::{ReadError, halves, required, rows};

/// What the archive says of a day, by other columns than those that facts are made of: each event once, and what was paid.
pub(super) struct Control {
    day: i32,
    event_ids: HashSet<u128>,
    /// Σ total of purchases − Σ total of refunds.
    paid_minor: i128,
}

const ARCHIVE_COLUMNS: &[&str] = &["event_id", "event_type", "occurred_at", "total_minor"];
const FACT_COLUMNS: &[&str] = &[
    "event_id",
    "line_number",
    "net_minor",
    "shipping_minor",
    "tax_minor",
    "date_key",
];

/// What a file holds, counted anew.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    orders: u64,
    rows: u64,
    net_minor: i128,
    paid_minor: i128,
}

impl Control {
    /// Of a day since 1970-01-01.
    pub(super) fn new(day: i32) -> Self {
        Self {
            day,
            event_ids: HashSet::new(),
            paid_minor: 0,
        }
    }

    /// Counts an archive object.
    pub(super) fn add(&mut self, object: Bytes) -> Result<(), FileProblem> {
        for batch in rows(object, ARCHIVE_COLUMNS)? {
            let batch = batch?;
            let event_ids: &StringArray = required(&batch, "event_id")?;
            let event_types: &StringArray = required(&batch, "event_type")?;
            let occurred_at: &TimestampMillisecondArray = required(&batch, "occurred_at")?;
            let totals: &Int64Array = required(&batch, "total_minor")?;
            for row in 0..batch.num_rows() {
                let day = occurred_at.value(row).div_euclid(MS_PER_DAY);
                if day != i64::from(self.day) || !self.event_ids.insert(number(event_ids.value(row))?) {
                    continue;
                }
                let total_minor = i128::from(totals.value(row));
                let is_refund = event_types.value(row) == EventType::Refund.as_str();
                self.paid_minor += if is_refund { -total_minor } else { total_minor };
            }
        }
        Ok(())
    }

    /// Why a file may not be published, if it may not.
    pub(super) fn objection(&self, file: &DayFile) -> Result<Option<String>, FileProblem> {
        let counted = match read_back(&file.bytes, self.day)? {
            Ok(counted) => counted,
            Err(objection) => return Ok(Some(objection)),
        };
        let totals = &file.totals;
        let checks = [
            ("orders", self.event_ids.len() as i128, i128::from(counted.orders)),
            ("paid_minor", self.paid_minor, counted.paid_minor),
            ("rows", i128::from(totals.rows), i128::from(counted.rows)),
            ("net_minor", totals.net_minor, counted.net_minor),
        ];
        let wrong = checks.into_iter().find(|(_, expected, found)| expected != found);
        Ok(wrong.map(|(name, expected, found)| format!("{name} should be {expected} and is {found}")))
    }
}

fn number(event_id: &str) -> Result<u128, FileProblem> {
    let id = Uuid::try_parse(event_id).map_err(|_| ReadError::Value {
        column: "event_id",
        found: event_id.to_owned(),
    })?;
    Ok(id.as_u128())
}

/// Counts a file's rows, a half of them on a thread of its own; lines must be numbered from 1, order by order, and be of the day.
fn read_back(file: &Bytes, day: i32) -> Result<Result<Counted, String>, FileProblem> {
    let date_key = CalendarDay::new(day)?.date_key();
    let [first, second] = halves(file, FACT_COLUMNS)?;
    let (first, second) = thread::scope(|scope| {
        let second = scope.spawn(|| count(second, Lines::after_others(), date_key));
        let first = count(first, Lines::from_the_first(), date_key);
        (first, second.join().expect("counting does not panic"))
    });
    let ((mut counted, mut lines), (more, others)) = match (first?, second?) {
        (Ok(first), Ok(second)) => (first, second),
        (Err(objection), _) | (_, Err(objection)) => return Ok(Err(objection)),
    };
    if let Err(objection) = lines.follow(&others) {
        return Ok(Err(objection));
    }
    counted.orders = lines.orders;
    counted.rows += more.rows;
    counted.net_minor += more.net_minor;
    counted.paid_minor += more.paid_minor;
    Ok(Ok(counted))
}

/// Counts rows, all but the orders.
fn count(
    rows: impl Iterator<Item = Result<RecordBatch, ReadError>>,
    mut lines: Lines,
    date_key: i32,
) -> Result<Result<(Counted, Lines), String>, FileProblem> {
    let mut counted = Counted::default();
    for batch in rows {
        let batch = batch?;
        let event_ids: &StringArray = required(&batch, "event_id")?;
        let line_numbers: &Int32Array = required(&batch, "line_number")?;
        let net_minor: &Int64Array = required(&batch, "net_minor")?;
        let shipping_minor: &Int64Array = required(&batch, "shipping_minor")?;
        let tax_minor: &Int64Array = required(&batch, "tax_minor")?;
        let date_keys: &Int32Array = required(&batch, "date_key")?;
        for row in 0..batch.num_rows() {
            let event_id = event_ids.value(row);
            if let Err(objection) = lines.take(event_id, line_numbers.value(row)) {
                return Ok(Err(objection));
            }
            if date_keys.value(row) != date_key {
                return Ok(Err(format!(
                    "event {event_id} is of the day {}",
                    date_keys.value(row)
                )));
            }
            let net = i128::from(net_minor.value(row));
            counted.rows += 1;
            counted.net_minor += net;
            counted.paid_minor +=
                net + i128::from(shipping_minor.value(row)) + i128::from(tax_minor.value(row));
        }
    }
    Ok(Ok((counted, lines)))
}

/// Lines of orders, one after the other.
struct Lines {
    /// How many orders began.
    orders: u64,
    /// The event and number of the line before; `None` if that is for others to know.
    last: Option<(String, i32)>,
    /// The first line, whose predecessor others know.
    first: Option<(String, i32)>,
}

impl Lines {
    fn from_the_first() -> Self {
        Self {
            orders: 0,
            last: Some((String::new(), 0)),
            first: None,
        }
    }

    fn after_others() -> Self {
        Self {
            orders: 0,
            last: None,
            first: None,
        }
    }

    /// Takes the next line; fails if it can't come after the one before.
    fn take(&mut self, event_id: &str, line_number: i32) -> Result<(), String> {
        let Some((order, last_number)) = &mut self.last else {
            self.first = Some((event_id.to_owned(), line_number));
            self.last.clone_from(&self.first);
            return Ok(());
        };
        if line_number == 1 && order != event_id {
            self.orders += 1;
            order.clear();
            order.push_str(event_id);
        } else if order != event_id || line_number != *last_number + 1 {
            return Err(format!(
                "line {line_number} of event {event_id} comes after line {last_number} of `{order}`"
            ));
        }
        *last_number = line_number;
        Ok(())
    }

    /// Takes the lines that come next, which were taken by themselves.
    fn follow(&mut self, others: &Self) -> Result<(), String> {
        if let Some((event_id, line_number)) = &others.first {
            self.take(event_id, *line_number)?;
        }
        self.orders += others.orders;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of orders, whichever way the lines are cut in two.
    fn orders(all: &[(&str, i32)]) -> Vec<Result<u64, String>> {
        let counted = |cut: usize| {
            let (before, after) = all.split_at(cut);
            let (mut lines, mut others) = (Lines::from_the_first(), Lines::after_others());
            before
                .iter()
                .try_for_each(|(event_id, n)| lines.take(event_id, *n))?;
            after
                .iter()
                .try_for_each(|(event_id, n)| others.take(event_id, *n))?;
            lines.follow(&others)?;
            Ok(lines.orders)
        };
        let mut found: Vec<_> = (0..=all.len()).map(counted).collect();
        found.dedup();
        found
    }

    #[test]
    fn lines_are_in_order_whichever_half_they_are_in() {
        assert_eq!(orders(&[]), [Ok(0)]);
        let lines = [("a", 1), ("a", 2), ("b", 1), ("c", 1), ("c", 2), ("c", 3)];
        assert_eq!(orders(&lines), [Ok(3)]);
        for wrong in [
            [("a", 1), ("a", 3)],
            [("a", 1), ("b", 2)],
            [("a", 1), ("a", 1)],
            [("a", 2), ("b", 1)],
        ] {
            let (event_id, n) = if wrong[0].1 == 1 { wrong[1] } else { wrong[0] };
            let found = orders(&wrong);
            let message = format!("line {n} of event {event_id} comes after");
            let is_named =
                |found: &Result<u64, String>| found.as_ref().is_err_and(|why| why.starts_with(&message));
            assert!(found.iter().all(is_named), "{found:?}");
        }
    }
}
