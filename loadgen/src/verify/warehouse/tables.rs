//! The analytical tables against the facts that they are made of.

use std::collections::BTreeSet;

use arrow::array::{BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use bytes::Bytes;
use warehouse::read::{ReadError, required, rows};
use warehouse::star::CalendarDay;
use warehouse::tables::AnalyticsTable;

use super::super::report::{Check, signed};
use super::facts::Totals;

/// The tables that are compared; the others say of the same sums what is usual, where scores begin, and what comes next.
pub(super) const COMPARED: [AnalyticsTable; 4] = [
    AnalyticsTable::SalesTrends,
    AnalyticsTable::SalesByRegion,
    AnalyticsTable::ProductPerformance,
    AnalyticsTable::CustomerSegments,
];

/// A column, and what it should add up to.
type Sum = (&'static str, i64);

/// Compares a file of one of the tables that are [`COMPARED`].
pub(super) fn checks(table: AnalyticsTable, file: Bytes, facts: &Totals) -> Result<Vec<Check>, ReadError> {
    let net = ("net_revenue_minor", facts.net_minor);
    let orders = ("orders", facts.orders);
    match table {
        AnalyticsTable::SalesTrends => {
            let batches = rows(file, &["grain", net.0, orders.0])?;
            sum_checks(table, batches.map(|batch| of_days(&batch?)), [net, orders])
        }
        AnalyticsTable::CustomerSegments => customer_checks(file, facts),
        AnalyticsTable::ProductPerformance => {
            let units = ("net_units", facts.net_units);
            sum_checks(table, rows(file, &[net.0, units.0])?, [net, units])
        }
        _ => sum_checks(table, rows(file, &[net.0, orders.0])?, [net, orders]),
    }
}

fn sum_checks<const N: usize>(
    table: AnalyticsTable,
    batches: impl Iterator<Item = Result<RecordBatch, ReadError>>,
    expected: [Sum; N],
) -> Result<Vec<Check>, ReadError> {
    let mut checks = expected.map(|(column, expected)| (column, expected, 0));
    for batch in batches {
        let batch = batch?;
        for (column, _, found) in &mut checks {
            *found += sum(&batch, column)?;
        }
    }
    let checks = checks.map(|(column, expected, found)| check(table, column, expected, found));
    Ok(checks.into())
}

/// The latest snapshot: each customer is there once, with all orders.
fn customer_checks(file: Bytes, facts: &Totals) -> Result<Vec<Check>, ReadError> {
    let (mut customers, mut orders, mut net_minor) = (0, 0, 0);
    let mut dates = BTreeSet::new();
    for batch in rows(file, &["snapshot_date", "frequency", "monetary_minor"])? {
        let batch = batch?;
        customers += batch.num_rows();
        orders += sum(&batch, "frequency")?;
        net_minor += sum(&batch, "monetary_minor")?;
        let column: &Date32Array = required(&batch, "snapshot_date")?;
        dates.extend(column.values());
    }
    let expected_date = facts.last_order_day.map(|day| day + 1);
    let date = match dates.into_iter().collect::<Vec<_>>()[..] {
        [date] => Some(date),
        _ => None,
    };
    let check = |what, expected, found| check(AnalyticsTable::CustomerSegments, what, expected, found);
    Ok(vec![
        check("customers", signed(facts.customers.len()), signed(customers)),
        check("frequency", facts.orders, orders),
        check("monetary_minor", facts.customers_net_minor, net_minor),
        check("snapshot_date", date_key(expected_date), date_key(date)),
    ])
}

/// The rows of days: weeks and months hold the same sales again.
fn of_days(batch: &RecordBatch) -> Result<RecordBatch, ReadError> {
    let grain: &StringArray = required(batch, "grain")?;
    let are_days: BooleanArray = grain.iter().map(|grain| Some(grain == Some("day"))).collect();
    Ok(filter_record_batch(batch, &are_days)?)
}

fn sum(batch: &RecordBatch, column: &'static str) -> Result<i64, ReadError> {
    let column: &Int64Array = required(batch, column)?;
    Ok(column.values().iter().sum())
}

/// A day since 1970-01-01 as `yyyymmdd`, the key that it has in `dim_date`; 0 for none.
fn date_key(day: Option<i32>) -> i64 {
    let day = day.and_then(|day| CalendarDay::new(day).ok());
    day.map_or(0, |day| day.date_key().into())
}

fn check(table: AnalyticsTable, what: &str, expected: i64, found: i64) -> Check {
    Check::new(format!("{} {what}", table.as_str()), expected, found)
}
