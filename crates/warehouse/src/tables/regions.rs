//! Sales by month and country.

use arrow::array::{Date32Array, Float64Array, Int64Array, StringArray};

use super::{AnalyticsTable, SumColumns, sums};
use crate::EncodeError;
use crate::table_file::{column, encode};

/// A row of `sales_by_region`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegionMonthRow<'a> {
    /// The month's first day.
    pub month_start_day: i32,
    /// The country's code.
    pub country: &'a str,
    /// What was sold and refunded there.
    pub sums: SumColumns,
    /// Different users who purchased.
    pub buyers: i64,
    /// Its share of the month's net revenue.
    pub share: Option<f64>,
}

/// Writes `sales_by_region`.
pub fn encode_sales_by_region<'a>(
    rows: impl Iterator<Item = RegionMonthRow<'a>>,
) -> Result<Vec<u8>, EncodeError> {
    encode(AnalyticsTable::SalesByRegion.schema(), rows, |rows| {
        let key = [
            column::<Date32Array, _, _>(rows, |row| Some(row.month_start_day)),
            column::<StringArray, _, _>(rows, |row| Some(row.country)),
        ];
        let rest = [
            column::<Int64Array, _, _>(rows, |row| Some(row.buyers)),
            column::<Float64Array, _, _>(rows, |row| row.share),
        ];
        let sums = sums::columns(rows, |row| &row.sums);
        key.into_iter().chain(sums).chain(rest).collect()
    })
}
