//! What a day of sales must agree with before it is published: the archive, counted another way, and itself, read back.

use arrow::array::{Int32Array, Int64Array, StringArray, TimestampMillisecondArray};
use bytes::Bytes;
use events::{EventType, MS_PER_DAY, Uuid};
use foldhash::{HashSet, HashSetExt as _};
use warehouse::star::{CalendarDay, DayFile};

use crate::FileProblem;
use warehouse::read::{ReadError, required, rows};

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
        let counted = match read_back(file.bytes.clone(), self.day)? {
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

/// Counts a file's rows; lines must be numbered from 1, order by order, and be of the day.
fn read_back(file: Bytes, day: i32) -> Result<Result<Counted, String>, FileProblem> {
    let date_key = CalendarDay::new(day)?.date_key();
    let mut counted = Counted::default();
    let mut order = (String::new(), 0);
    for batch in rows(file, FACT_COLUMNS)? {
        let batch = batch?;
        let event_ids: &StringArray = required(&batch, "event_id")?;
        let line_numbers: &Int32Array = required(&batch, "line_number")?;
        let net_minor: &Int64Array = required(&batch, "net_minor")?;
        let shipping_minor: &Int64Array = required(&batch, "shipping_minor")?;
        let tax_minor: &Int64Array = required(&batch, "tax_minor")?;
        let date_keys: &Int32Array = required(&batch, "date_key")?;
        for row in 0..batch.num_rows() {
            let (event_id, line_number) = (event_ids.value(row), line_numbers.value(row));
            if line_number == 1 && order.0 != event_id {
                counted.orders += 1;
                order.0.clear();
                order.0.push_str(event_id);
                order.1 = 1;
            } else if order.0 == event_id && line_number == order.1 + 1 {
                order.1 = line_number;
            } else {
                let (before, n) = order;
                return Ok(Err(format!(
                    "line {line_number} of event {event_id} comes after line {n} of `{before}`"
                )));
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
    Ok(Ok(counted))
}
