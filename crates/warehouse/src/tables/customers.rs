//! Customers: segments, the scores' cut points, and migration.

use arrow::array::{Date32Array, Int32Array, Int64Array, StringArray};

use super::AnalyticsTable;
use crate::EncodeError;
use crate::table_file::{column, encode};

/// A row of `customer_segments`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomerSegmentRow<'a> {
    /// Who.
    pub user_id: i64,
    /// The day as of which this holds.
    pub snapshot_day: i32,
    /// Days since the last order.
    pub recency_days: i64,
    /// Number of orders.
    pub frequency: i64,
    /// Spend net of refunds.
    pub monetary_minor: i64,
    /// Score of recency, from 1 to 5.
    pub r: u8,
    /// Score of frequency, from 1 to 5.
    pub f: u8,
    /// Score of spend, from 1 to 5.
    pub m: u8,
    /// The segment's name.
    pub segment: &'a str,
}

/// A row of `rfm_cut_points`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RfmCutPointRow<'a> {
    /// The day as of which this holds.
    pub snapshot_day: i32,
    /// `recency`, in days; `frequency`, in orders; or `monetary`, in minor units.
    pub measure: &'a str,
    /// From 1 to 5.
    pub score: u8,
    /// The worst value that has the score; none where nobody has it.
    pub value: Option<i64>,
}

/// A row of `segment_migration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentMigrationRow<'a> {
    /// The later snapshot.
    pub snapshot_day: i32,
    /// The snapshot before; none for the first one.
    pub previous_day: Option<i32>,
    /// The segment then; none for those who had not ordered.
    pub from_segment: Option<&'a str>,
    /// The segment now; none for those who are no longer there.
    pub to_segment: Option<&'a str>,
    /// How many went that way.
    pub customers: i64,
}

/// Writes `customer_segments`.
pub fn encode_customer_segments<'a>(
    rows: impl Iterator<Item = CustomerSegmentRow<'a>>,
) -> Result<Vec<u8>, EncodeError> {
    encode(AnalyticsTable::CustomerSegments.schema(), rows, |rows| {
        vec![
            column::<Int64Array, _, _>(rows, |row| Some(row.user_id)),
            column::<Date32Array, _, _>(rows, |row| Some(row.snapshot_day)),
            column::<Int64Array, _, _>(rows, |row| Some(row.recency_days)),
            column::<Int64Array, _, _>(rows, |row| Some(row.frequency)),
            column::<Int64Array, _, _>(rows, |row| Some(row.monetary_minor)),
            column::<Int32Array, _, _>(rows, |row| Some(i32::from(row.r))),
            column::<Int32Array, _, _>(rows, |row| Some(i32::from(row.f))),
            column::<Int32Array, _, _>(rows, |row| Some(i32::from(row.m))),
            column::<StringArray, _, _>(rows, |row| Some(row.segment)),
        ]
    })
}

/// Writes `rfm_cut_points`.
pub fn encode_rfm_cut_points<'a>(
    rows: impl Iterator<Item = RfmCutPointRow<'a>>,
) -> Result<Vec<u8>, EncodeError> {
    encode(AnalyticsTable::RfmCutPoints.schema(), rows, |rows| {
        vec![
            column::<Date32Array, _, _>(rows, |row| Some(row.snapshot_day)),
            column::<StringArray, _, _>(rows, |row| Some(row.measure)),
            column::<Int32Array, _, _>(rows, |row| Some(i32::from(row.score))),
            column::<Int64Array, _, _>(rows, |row| row.value),
        ]
    })
}

/// Writes `segment_migration`.
pub fn encode_segment_migration<'a>(
    rows: impl Iterator<Item = SegmentMigrationRow<'a>>,
) -> Result<Vec<u8>, EncodeError> {
    encode(AnalyticsTable::SegmentMigration.schema(), rows, |rows| {
        vec![
            column::<Date32Array, _, _>(rows, |row| Some(row.snapshot_day)),
            column::<Date32Array, _, _>(rows, |row| row.previous_day),
            column::<StringArray, _, _>(rows, |row| row.from_segment),
            column::<StringArray, _, _>(rows, |row| row.to_segment),
            column::<Int64Array, _, _>(rows, |row| Some(row.customers)),
        ]
    })
}
