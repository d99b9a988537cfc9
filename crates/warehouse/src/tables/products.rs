//! How products perform.

use arrow::array::{Date32Array, Float64Array, Int64Array, StringArray};

use super::AnalyticsTable;
use crate::EncodeError;
use crate::table_file::{column, encode};

/// A row of `product_performance`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProductPerformanceRow<'a> {
    /// The product.
    pub product_id: i64,
    /// Its category; none if it was only viewed and the catalog doesn't have it.
    pub category: Option<&'a str>,
    /// The last complete day, which ends the latest 28 days of the trend.
    pub as_of_day: i32,
    /// Orders with the product.
    pub orders: i64,
    /// Units ordered.
    pub units: i64,
    /// Units ordered less units given back.
    pub net_units: i64,
    /// Price of the goods ordered.
    pub gross_minor: i64,
    /// Taken off their price.
    pub discount_minor: i64,
    /// Price of the goods given back, net of their discount.
    pub refunded_minor: i64,
    /// Gross less discount and refunds.
    pub net_revenue_minor: i64,
    /// How often it was looked at.
    pub views: i64,
    /// What the shop earned with it, where its cost is known.
    pub margin_minor: Option<i64>,
    /// Margin / net revenue.
    pub margin_rate: Option<f64>,
    /// Orders / views.
    pub conversion: Option<f64>,
    /// Units given back / units ordered.
    pub refund_rate: Option<f64>,
    /// 1 for the product with the most net revenue in its category.
    pub rank_in_category: i64,
    /// `A`, `B` or `C`.
    pub abc_class: &'a str,
    /// Change of net revenue, the latest 28 days against the 28 before.
    pub trend: Option<f64>,
}

/// Writes `product_performance`.
pub fn encode_product_performance<'a>(
    rows: impl Iterator<Item = ProductPerformanceRow<'a>>,
) -> Result<Vec<u8>, EncodeError> {
    encode(AnalyticsTable::ProductPerformance.schema(), rows, |rows| {
        vec![
            column::<Int64Array, _, _>(rows, |row| Some(row.product_id)),
            column::<StringArray, _, _>(rows, |row| row.category),
            column::<Date32Array, _, _>(rows, |row| Some(row.as_of_day)),
            column::<Int64Array, _, _>(rows, |row| Some(row.orders)),
            column::<Int64Array, _, _>(rows, |row| Some(row.units)),
            column::<Int64Array, _, _>(rows, |row| Some(row.net_units)),
            column::<Int64Array, _, _>(rows, |row| Some(row.gross_minor)),
            column::<Int64Array, _, _>(rows, |row| Some(row.discount_minor)),
            column::<Int64Array, _, _>(rows, |row| Some(row.refunded_minor)),
            column::<Int64Array, _, _>(rows, |row| Some(row.net_revenue_minor)),
            column::<Int64Array, _, _>(rows, |row| Some(row.views)),
            column::<Int64Array, _, _>(rows, |row| row.margin_minor),
            column::<Float64Array, _, _>(rows, |row| row.margin_rate),
            column::<Float64Array, _, _>(rows, |row| row.conversion),
            column::<Float64Array, _, _>(rows, |row| row.refund_rate),
            column::<Int64Array, _, _>(rows, |row| Some(row.rank_in_category)),
            column::<StringArray, _, _>(rows, |row| Some(row.abc_class)),
            column::<Float64Array, _, _>(rows, |row| row.trend),
        ]
    })
}
