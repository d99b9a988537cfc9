//! `fact_sales`: what it holds of the ledgers' minutes, and what it comes to in all.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use arrow::array::{
    BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use bytes::Bytes;
use events::{Country, EventType, Minute, Timestamp, Uuid};
use warehouse::read::{ReadError, required, rows};

use super::super::inventory::Units;
use super::super::report::{Check, cells_check};
use super::super::sales::{self, SalesCells};
use super::super::{EventCells, Sent};
use crate::ledger::SalesFacts;

/// What is read of every day.
const COLUMNS: &[&str] = &[
    "event_id",
    "line_number",
    "user_id",
    "quantity",
    "net_minor",
    "is_refund",
];
/// What is read of the days of the ledgers besides.
const SENT_COLUMNS: &[&str] = &[
    "occurred_at",
    "country",
    "product_id",
    "gross_minor",
    "discount_minor",
    "shipping_minor",
    "tax_minor",
];

/// Minor units by minute and country.
type Money = BTreeMap<(Minute, Country), i64>;

/// The facts of all days, being read.
pub(super) struct Facts<'a> {
    sent: &'a Sent,
    /// The days of the ledgers' minutes, counted from 1970-01-01.
    days: BTreeSet<i32>,
    found: Found,
    lines: Lines,
    totals: Totals,
}

/// What is found of the ledgers' minutes.
#[derive(Default)]
struct Found {
    events: EventCells,
    sales: SalesCells,
    revenue: Money,
    units: Units,
    /// Rows that happened on another day than their file's.
    elsewhere: i64,
}

/// Whether each event is there once, line by line.
#[derive(Default)]
struct Lines {
    /// The events of the ledgers' days.
    events: HashSet<Uuid>,
    /// The row before in its file.
    before: Option<(Uuid, i32)>,
    /// Lines that are not the first, and don't follow the one before.
    out_of_order: i64,
    /// Events of the ledgers' days that begin again, in whichever file.
    again: i64,
}

/// What all facts come to, and so must the tables that are made of them.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) orders: i64,
    /// Σ net of all rows.
    pub(super) net_minor: i64,
    /// Units sold less units given back.
    pub(super) net_units: i64,
    /// Users with an order.
    pub(super) customers: HashSet<i64>,
    /// Σ net of all rows of customers.
    pub(super) customers_net_minor: i64,
    /// Day of the last order, counted from 1970-01-01.
    pub(super) last_order_day: Option<i32>,
    /// Σ net of users of whom no order has come so far.
    without_order: HashMap<i64, i64>,
}

impl<'a> Facts<'a> {
    /// None yet.
    pub(super) fn new(sent: &'a Sent) -> Self {
        let minutes = sent.minutes.iter().filter_map(|minute| minute.start());
        Self {
            sent,
            days: minutes.map(Timestamp::day).collect(),
            found: Found::default(),
            lines: Lines::default(),
            totals: Totals::default(),
        }
    }

    /// Whether a day has minutes of the ledgers. Such days must be read before the others.
    pub(super) fn is_in_question(&self, day: i32) -> bool {
        self.days.contains(&day)
    }

    /// Reads the file of a day.
    pub(super) fn add_file(&mut self, day: i32, file: Bytes) -> Result<(), ReadError> {
        let in_question = self.is_in_question(day);
        let besides = if in_question { SENT_COLUMNS } else { &[] };
        self.lines.before = None;
        for batch in rows(file, &[COLUMNS, besides].concat())? {
            let batch = batch?;
            self.totals.add(day, &batch)?;
            self.lines.add(in_question, &batch)?;
            if in_question {
                self.found.add(self.sent, day, &batch)?;
            }
        }
        Ok(())
    }

    /// What the days read so far come to.
    pub(super) const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Compares them with the ledgers.
    pub(super) fn checks(&self) -> Vec<Check> {
        let Self {
            sent, found, lines, ..
        } = self;
        let mut checks = sales::checks("fact_sales", &sent.sales, &found.sales);
        let revenue = sent.sales.iter();
        let revenue: Money = revenue.map(|(cell, of)| (*cell, revenue_minor(of))).collect();
        let sum = |cells: &Money| cells.values().sum();
        checks.push(Check::new(
            "fact_sales revenue_minor".to_owned(),
            sum(&revenue),
            sum(&found.revenue),
        ));
        checks.push(cells_check(
            "fact_sales minutes × countries with equal revenue".to_owned(),
            &revenue,
            &found.revenue,
        ));
        checks.push(cells_check(
            "fact_sales products equal".to_owned(),
            &sent.product_units,
            &found.units,
        ));
        let is_sale = |event_type| matches!(event_type, EventType::Purchase | EventType::Refund);
        let events = sent.events.iter();
        let events = events.filter(|((_, event_type), _)| is_sale(*event_type));
        checks.push(cells_check(
            "fact_sales minutes × types with the very events".to_owned(),
            &events.map(|(cell, count)| (*cell, *count)).collect(),
            &found.events,
        ));
        checks.extend(
            [
                ("lines out of order", lines.out_of_order),
                ("events twice", lines.again),
                ("rows in another day's file", found.elsewhere),
            ]
            .map(|(what, n)| Check::new(format!("fact_sales {what}"), 0, n)),
        );
        checks
    }
}

impl Found {
    fn add(&mut self, sent: &Sent, day: i32, batch: &RecordBatch) -> Result<(), ReadError> {
        let number = |name| required::<Int64Array>(batch, name).map(Int64Array::values);
        let occurred_at: &TimestampMillisecondArray = required(batch, "occurred_at")?;
        let event_id: &StringArray = required(batch, "event_id")?;
        let line_number: &Int32Array = required(batch, "line_number")?;
        let country: &StringArray = required(batch, "country")?;
        let is_refund: &BooleanArray = required(batch, "is_refund")?;
        let (product_id, quantity) = (number("product_id")?, number("quantity")?);
        let (gross_minor, discount_minor) = (number("gross_minor")?, number("discount_minor")?);
        let (net_minor, shipping_minor) = (number("net_minor")?, number("shipping_minor")?);
        let tax_minor = number("tax_minor")?;
        for row in 0..batch.num_rows() {
            let ms = occurred_at.value(row);
            let at = Timestamp::from_ms(ms).ok_or_else(|| wrong("occurred_at", &ms))?;
            self.elsewhere += i64::from(at.day() != day);
            let minute = at.minute();
            if !sent.minutes.contains(&minute) {
                continue;
            }
            let code = country.value(row);
            let cell = (minute, code.parse().map_err(|_| wrong("country", code))?);
            let product =
                u64::try_from(product_id[row]).map_err(|_| wrong("product_id", &product_id[row]))?;
            let is_first = line_number.value(row) == 1;
            let sales = self.sales.entry(cell).or_default();
            let revenue = self.revenue.entry(cell).or_default();
            let units = self.units.entry(product).or_default();
            *revenue += net_minor[row];
            let event_type = if is_refund.value(row) {
                sales.refunds += i64::from(is_first);
                sales.refunded_units -= quantity[row];
                sales.refunded_minor -= gross_minor[row] - discount_minor[row];
                units.returned -= quantity[row];
                EventType::Refund
            } else {
                sales.orders += i64::from(is_first);
                sales.units += quantity[row];
                sales.gross_minor += gross_minor[row];
                sales.discount_minor += discount_minor[row];
                sales.shipping_minor += shipping_minor[row];
                sales.tax_minor += tax_minor[row];
                units.sold += quantity[row];
                *revenue += shipping_minor[row] + tax_minor[row];
                EventType::Purchase
            };
            if is_first {
                let events = self.events.entry((minute, event_type)).or_default();
                events.add(id(event_id.value(row))?);
            }
        }
        Ok(())
    }
}

impl Lines {
    fn add(&mut self, in_question: bool, batch: &RecordBatch) -> Result<(), ReadError> {
        let event_ids: &StringArray = required(batch, "event_id")?;
        let line_numbers: &Int32Array = required(batch, "line_number")?;
        for row in 0..batch.num_rows() {
            let (event_id, line_number) = (id(event_ids.value(row))?, line_numbers.value(row));
            let follows = self
                .before
                .is_some_and(|(event, line)| event == event_id && line + 1 == line_number);
            if !follows && line_number == 1 {
                let is_new = if in_question {
                    self.events.insert(event_id)
                } else {
                    !self.events.contains(&event_id)
                };
                self.again += i64::from(!is_new);
            } else if !follows {
                self.out_of_order += 1;
            }
            self.before = Some((event_id, line_number));
        }
        Ok(())
    }
}

impl Totals {
    fn add(&mut self, day: i32, batch: &RecordBatch) -> Result<(), ReadError> {
        let number = |name| required::<Int64Array>(batch, name).map(Int64Array::values);
        let line_number: &Int32Array = required(batch, "line_number")?;
        let is_refund: &BooleanArray = required(batch, "is_refund")?;
        let (user_id, quantity, net_minor) = (number("user_id")?, number("quantity")?, number("net_minor")?);
        for row in 0..batch.num_rows() {
            let (user_id, net_minor) = (user_id[row], net_minor[row]);
            self.net_minor += net_minor;
            self.net_units += quantity[row];
            if !is_refund.value(row) {
                self.orders += i64::from(line_number.value(row) == 1);
                self.last_order_day = self.last_order_day.max(Some(day));
                if self.customers.insert(user_id) {
                    self.customers_net_minor += self.without_order.remove(&user_id).unwrap_or(0);
                }
            }
            if self.customers.contains(&user_id) {
                self.customers_net_minor += net_minor;
            } else {
                *self.without_order.entry(user_id).or_default() += net_minor;
            }
        }
        Ok(())
    }
}

/// What was paid for purchases, shipping and taxes included, less the goods given back; the ledger does not know of what
/// refunds give back besides.
const fn revenue_minor(of: &SalesFacts) -> i64 {
    of.gross_minor - of.discount_minor + of.shipping_minor + of.tax_minor - of.refunded_minor
}

fn id(text: &str) -> Result<Uuid, ReadError> {
    text.parse().map_err(|_| wrong("event_id", text))
}

fn wrong(column: &'static str, found: &(impl ToString + ?Sized)) -> ReadError {
    ReadError::Value {
        column,
        found: found.to_string(),
    }
}
