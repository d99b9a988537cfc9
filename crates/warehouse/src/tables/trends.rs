//! Sales by day, week and month, and what should come next.

use arrow::array::{BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, StringArray};

use super::{AnalyticsTable, SumColumns, sums};
use crate::EncodeError;
use crate::table_file::{column, encode};

/// A row of `sales_trends`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SalesTrendRow<'a> {
    /// `day`, `week` or `month`.
    pub grain: &'a str,
    /// The period's first day, also where the data begins later.
    pub start_day: i32,
    /// Whether all of its days are in, and complete.
    pub is_complete: bool,
    /// What was sold and refunded in it.
    pub sums: SumColumns,
    /// Different users who purchased; of days only.
    pub buyers: Option<i64>,
    /// Goods less discounts of an order.
    pub average_order_value_minor: Option<f64>,
    /// Mean net revenue of the 7 days up to and with this one; of days only.
    pub trailing_7_net_minor: Option<f64>,
    /// Mean net revenue of the 28 days up to and with this one; of days only.
    pub trailing_28_net_minor: Option<f64>,
    /// Change of net revenue, week over week; of days and weeks.
    pub wow: Option<f64>,
    /// Change of net revenue, month over month; of months.
    pub mom: Option<f64>,
    /// Change of net revenue, year over year; of days and months.
    pub yoy: Option<f64>,
}

/// A row of `sales_weekday_index`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeekdayIndexRow {
    /// From 1, Monday, to 7, Sunday.
    pub weekday: i32,
    /// Mean net revenue of the weekday / that of all days.
    pub weekday_index: f64,
}

/// A row of `sales_forecast`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForecastRow {
    /// The day.
    pub day: i32,
    /// What it should bring.
    pub net_revenue_minor: i64,
}

/// The row of `sales_forecast_error`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForecastErrorRow {
    /// How many days were forecast.
    pub days: i64,
    /// The mean distance of a day's net revenue from its forecast.
    pub mean_absolute_error_minor: f64,
    /// That, over the same of forecasts by the day before.
    pub scaled_error: Option<f64>,
}

/// Writes `sales_trends`.
pub fn encode_sales_trends<'a>(
    rows: impl Iterator<Item = SalesTrendRow<'a>>,
) -> Result<Vec<u8>, EncodeError> {
    encode(AnalyticsTable::SalesTrends.schema(), rows, |rows| {
        let key = [
            column::<StringArray, _, _>(rows, |row| Some(row.grain)),
            column::<Date32Array, _, _>(rows, |row| Some(row.start_day)),
            column::<BooleanArray, _, _>(rows, |row| Some(row.is_complete)),
        ];
        let rest = [
            column::<Int64Array, _, _>(rows, |row| row.buyers),
            column::<Float64Array, _, _>(rows, |row| row.average_order_value_minor),
            column::<Float64Array, _, _>(rows, |row| row.trailing_7_net_minor),
            column::<Float64Array, _, _>(rows, |row| row.trailing_28_net_minor),
            column::<Float64Array, _, _>(rows, |row| row.wow),
            column::<Float64Array, _, _>(rows, |row| row.mom),
            column::<Float64Array, _, _>(rows, |row| row.yoy),
        ];
        let sums = sums::columns(rows, |row| &row.sums);
        key.into_iter().chain(sums).chain(rest).collect()
    })
}

/// Writes `sales_weekday_index`.
pub fn encode_weekday_index(rows: impl Iterator<Item = WeekdayIndexRow>) -> Result<Vec<u8>, EncodeError> {
    encode(AnalyticsTable::SalesWeekdayIndex.schema(), rows, |rows| {
        vec![
            column::<Int32Array, _, _>(rows, |row| Some(row.weekday)),
            column::<Float64Array, _, _>(rows, |row| Some(row.weekday_index)),
        ]
    })
}

/// Writes `sales_forecast`.
pub fn encode_sales_forecast(rows: impl Iterator<Item = ForecastRow>) -> Result<Vec<u8>, EncodeError> {
    encode(AnalyticsTable::SalesForecast.schema(), rows, |rows| {
        vec![
            column::<Date32Array, _, _>(rows, |row| Some(row.day)),
            column::<Int64Array, _, _>(rows, |row| Some(row.net_revenue_minor)),
        ]
    })
}

/// Writes `sales_forecast_error`.
pub fn encode_sales_forecast_error(
    rows: impl Iterator<Item = ForecastErrorRow>,
) -> Result<Vec<u8>, EncodeError> {
    encode(AnalyticsTable::SalesForecastError.schema(), rows, |rows| {
        vec![
            column::<Int64Array, _, _>(rows, |row| Some(row.days)),
            column::<Float64Array, _, _>(rows, |row| Some(row.mean_absolute_error_minor)),
            column::<Float64Array, _, _>(rows, |row| row.scaled_error),
        ]
    })
}
