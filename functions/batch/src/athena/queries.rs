//! What is asked.

use warehouse::tables::AnalyticsTable;

/// What the facts hold, by day.
pub(super) const DAYS: &str = "\
select cast(dt as date) as day,
       count_if(not is_refund and line_number = 1) as orders,
       count_if(is_refund and line_number = 1) as refunds,
       cast(sum(gross_minor - discount_minor) as bigint) as net_minor
from fact_sales
group by cast(dt as date)
";

/// A table's query as of a day, `YYYY-MM-DD`. Without comments: a semicolon in one may count as a statement's end.
pub(super) fn select(table: AnalyticsTable, as_of_date: &str) -> String {
    let lines = text(table).lines().filter(|line| !line.starts_with("--"));
    let select: String = lines.flat_map(|line| [line, "\n"]).collect();
    select.replace("${as_of_date}", as_of_date)
}

const fn text(table: AnalyticsTable) -> &'static str {
    match table {
        AnalyticsTable::CustomerSegments => {
            include_str!("../../../../infra/athena/batch/customer_segments.sql")
        }
        AnalyticsTable::RfmCutPoints => include_str!("../../../../infra/athena/batch/rfm_cut_points.sql"),
        AnalyticsTable::SegmentMigration => {
            include_str!("../../../../infra/athena/batch/segment_migration.sql")
        }
        AnalyticsTable::ProductPerformance => {
            include_str!("../../../../infra/athena/batch/product_performance.sql")
        }
        AnalyticsTable::SalesTrends => include_str!("../../../../infra/athena/batch/sales_trends.sql"),
        AnalyticsTable::SalesWeekdayIndex => {
            include_str!("../../../../infra/athena/batch/sales_weekday_index.sql")
        }
        AnalyticsTable::SalesForecast => include_str!("../../../../infra/athena/batch/sales_forecast.sql"),
        AnalyticsTable::SalesForecastError => {
            include_str!("../../../../infra/athena/batch/sales_forecast_error.sql")
        }
        AnalyticsTable::SalesByRegion => include_str!("../../../../infra/athena/batch/sales_by_region.sql"),
    }
}
