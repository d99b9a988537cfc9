//! Analytical tables: what batch jobs make of the sales facts. Each has a row type and a function that writes rows as
//! one Parquet file.
//!
//! The measures are those of `analytics::retail`. Amounts are in minor units, days are counted from 1970-01-01 and
//! stored as dates, a ratio that has no meaning is null. Rows are written in the order given, which should be that of
//! the key:
//!
//! | table | a row is | key |
//! |---|---|---|
//! | `customer_segments` | a customer with scores and segment | user |
//! | `rfm_cut_points` | where a score begins | measure (recency, frequency, monetary), score |
//! | `segment_migration` | how many customers went from a segment to another | both; null is in no segment |
//! | `product_performance` | a product | product |
//! | `sales_trends` | a day, week or month | grain (day, week, month), first day |
//! | `sales_weekday_index` | what share of a mean day a weekday brings | weekday, from 1, Monday |
//! | `sales_forecast` | what a day should bring | date |
//! | `sales_forecast_error` | how far such forecasts were off; one row, or none where there are too few days | |
//! | `sales_by_region` | a country's month | month, country |
//!
//! The errors of the forecast are a table of their own: they are of the method, not of a day, and there is a forecast
//! before there is enough to test it on.

mod customers;
mod products;
mod regions;
mod rows;
mod sums;
mod trends;

#[cfg(test)]
mod tests;

pub use customers::{
    CustomerSegmentRow, RfmCutPointRow, SegmentMigrationRow, encode_customer_segments, encode_rfm_cut_points,
    encode_segment_migration,
};
pub use products::{ProductPerformanceRow, encode_product_performance};
pub use regions::{RegionMonthRow, encode_sales_by_region};
pub use rows::encode_rows;
pub use sums::SumColumns;
pub use trends::{
    ForecastErrorRow, ForecastRow, SalesTrendRow, WeekdayIndexRow, encode_sales_forecast,
    encode_sales_forecast_error, encode_sales_trends, encode_weekday_index,
};

use arrow::datatypes::{DataType, Field, Schema};

use crate::schema::{optional, required};

/// A table that batch analytics writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnalyticsTable {
    /// Customers by recency, frequency and monetary value.
    CustomerSegments,
    /// Where the scores of those begin.
    RfmCutPoints,
    /// Who went from which segment to which.
    SegmentMigration,
    /// How products perform.
    ProductPerformance,
    /// Sales by day, week and month.
    SalesTrends,
    /// What a week usually looks like.
    SalesWeekdayIndex,
    /// What the next days should bring.
    SalesForecast,
    /// How far forecasts were off.
    SalesForecastError,
    /// Sales by month and country.
    SalesByRegion,
}

impl AnalyticsTable {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::CustomerSegments,
        Self::RfmCutPoints,
        Self::SegmentMigration,
        Self::ProductPerformance,
        Self::SalesTrends,
        Self::SalesWeekdayIndex,
        Self::SalesForecast,
        Self::SalesForecastError,
        Self::SalesByRegion,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CustomerSegments => "customer_segments",
            Self::RfmCutPoints => "rfm_cut_points",
            Self::SegmentMigration => "segment_migration",
            Self::ProductPerformance => "product_performance",
            Self::SalesTrends => "sales_trends",
            Self::SalesWeekdayIndex => "sales_weekday_index",
            Self::SalesForecast => "sales_forecast",
            Self::SalesForecastError => "sales_forecast_error",
            Self::SalesByRegion => "sales_by_region",
        }
    }

    /// Its Arrow schema.
    #[must_use]
    pub fn schema(self) -> Schema {
        let date = |name| required(name, DataType::Date32);
        let number = |name| required(name, DataType::Int64);
        let small = |name| required(name, DataType::Int32);
        let text = |name| required(name, DataType::Utf8);
        let ratio = |name| optional(name, DataType::Float64);
        Schema::new(match self {
            Self::CustomerSegments => vec![
                number("user_id"),
                date("snapshot_date"),
                number("recency_days"),
                number("frequency"),
                number("monetary_minor"),
                small("r"),
                small("f"),
                small("m"),
                text("segment"),
            ],
            Self::RfmCutPoints => vec![
                date("snapshot_date"),
                text("measure"),
                small("score"),
                optional("value", DataType::Int64),
            ],
            Self::SegmentMigration => vec![
                date("snapshot_date"),
                optional("previous_date", DataType::Date32),
                optional("from_segment", DataType::Utf8),
                optional("to_segment", DataType::Utf8),
                number("customers"),
            ],
            Self::ProductPerformance => product_fields(),
            Self::SalesTrends => trend_fields(),
            Self::SalesWeekdayIndex => vec![small("weekday"), required("weekday_index", DataType::Float64)],
            Self::SalesForecast => vec![date("date"), number("net_revenue_minor")],
            Self::SalesForecastError => vec![
                number("days"),
                required("mean_absolute_error_minor", DataType::Float64),
                ratio("scaled_error"),
            ],
            Self::SalesByRegion => {
                let key = [date("month"), text("country")];
                let rest = [number("buyers"), ratio("share")];
                key.into_iter().chain(sums::fields()).chain(rest).collect()
            }
        })
    }
}

fn product_fields() -> Vec<Field> {
    let number = |name| required(name, DataType::Int64);
    let ratio = |name| optional(name, DataType::Float64);
    vec![
        number("product_id"),
        optional("category", DataType::Utf8),
        required("as_of_date", DataType::Date32),
        number("orders"),
        number("units"),
        number("net_units"),
        number("gross_minor"),
        number("discount_minor"),
        number("refunded_minor"),
        number("net_revenue_minor"),
        number("views"),
        optional("margin_minor", DataType::Int64),
        ratio("margin_rate"),
        ratio("conversion"),
        ratio("refund_rate"),
        number("rank_in_category"),
        required("abc_class", DataType::Utf8),
        ratio("trend"),
    ]
}

fn trend_fields() -> Vec<Field> {
    let key = [
        required("grain", DataType::Utf8),
        required("period_start", DataType::Date32),
        required("is_complete", DataType::Boolean),
    ];
    let ratio = |name| optional(name, DataType::Float64);
    let rest = [
        optional("buyers", DataType::Int64),
        ratio("average_order_value_minor"),
        ratio("trailing_7_net_minor"),
        ratio("trailing_28_net_minor"),
        ratio("wow"),
        ratio("mom"),
        ratio("yoy"),
    ];
    key.into_iter().chain(sums::fields()).chain(rest).collect()
}
