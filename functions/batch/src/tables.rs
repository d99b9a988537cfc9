//! The analytical tables, each as one Parquet file, with its rows by key.

use analytics::retail::products::ProductPerformance;
use analytics::retail::rfm::{Customers, MigrationMatrix, Segment, Segmentation};
use analytics::retail::trends::{SalesTrends, TrendRow};
use analytics::retail::{Overflow, SalesFigures};
use warehouse::EncodeError;
use warehouse::star::{CalendarDay, StarError};
use warehouse::tables::{
    AnalyticsTable, CustomerSegmentRow, ForecastErrorRow, ForecastRow, ProductPerformanceRow, RegionMonthRow,
    RfmCutPointRow, SalesTrendRow, SegmentMigrationRow, SumColumns, WeekdayIndexRow,
    encode_customer_segments, encode_product_performance, encode_rfm_cut_points, encode_sales_by_region,
    encode_sales_forecast, encode_sales_forecast_error, encode_sales_trends, encode_segment_migration,
    encode_weekday_index,
};

use crate::{Catalog, SalesFacts, Snapshot};

/// A table and its file.
pub type TableFile = (AnalyticsTable, Vec<u8>);

/// Tables cannot be made of the facts.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A figure does not fit its column.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// The last complete day is not in the calendar.
    #[error(transparent)]
    Day(#[from] StarError),
    /// A table cannot be written.
    #[error("{}: {error}", .table.as_str())]
    Encode {
        /// Which.
        table: AnalyticsTable,
        /// Why.
        #[source]
        error: EncodeError,
    },
}

fn file(table: AnalyticsTable, bytes: Result<Vec<u8>, EncodeError>) -> Result<TableFile, TableError> {
    bytes
        .map(|bytes| (table, bytes))
        .map_err(|error| TableError::Encode { table, error })
}

/// All tables. `views` tells how often products were looked at; `previous` is the snapshot that customers come from.
/// Fails if a figure does not fit its column.
pub fn all(
    facts: SalesFacts,
    catalog: &Catalog,
    views: impl IntoIterator<Item = (i64, i64)>,
    previous: &Snapshot,
) -> Result<Vec<TableFile>, TableError> {
    let mut tables = vec![sales_by_region(&facts)?];
    tables.extend(of_trends(&facts)?);
    let SalesFacts {
        customers,
        mut products,
        as_of_day,
        ..
    } = facts;
    tables.extend(of_customers(customers, previous)?);
    for (product_id, views) in views {
        products.add_views(product_id, views);
    }
    let performance = products.performance(|product_id| catalog.get(product_id))?;
    tables.push(product_performance(&performance, as_of_day)?);
    Ok(tables)
}

/// Segments, cut points and migration. Without customers, all three are empty.
pub fn of_customers(customers: Customers, previous: &Snapshot) -> Result<[TableFile; 3], TableError> {
    let segmentation = customers.segments()?;
    Ok([
        customer_segments(&segmentation)?,
        rfm_cut_points(&segmentation)?,
        segment_migration(&segmentation, previous)?,
    ])
}

fn customer_segments(segmentation: &Segmentation) -> Result<TableFile, TableError> {
    let rows = segmentation.customers().map(|customer| CustomerSegmentRow {
        user_id: customer.user_id,
        snapshot_day: customer.snapshot_day,
        recency_days: customer.recency_days,
        frequency: customer.frequency,
        monetary_minor: customer.monetary_minor,
        r: customer.r,
        f: customer.f,
        m: customer.m,
        segment: customer.segment.as_str(),
    });
    file(AnalyticsTable::CustomerSegments, encode_customer_segments(rows))
}

fn rfm_cut_points(segmentation: &Segmentation) -> Result<TableFile, TableError> {
    let cuts = &segmentation.cut_points;
    let measures = [
        ("recency", cuts.recency_days),
        ("frequency", cuts.frequency),
        ("monetary", cuts.monetary_minor),
    ];
    let rows = segmentation.snapshot_day.into_iter().flat_map(|snapshot_day| {
        measures.into_iter().flat_map(move |(measure, values)| {
            (1..).zip(values).map(move |(score, value)| RfmCutPointRow {
                snapshot_day,
                measure,
                score,
                value,
            })
        })
    });
    file(AnalyticsTable::RfmCutPoints, encode_rfm_cut_points(rows))
}

fn segment_migration(segmentation: &Segmentation, previous: &Snapshot) -> Result<TableFile, TableError> {
    let before = previous.customers.iter().copied();
    let after = segmentation
        .customers()
        .map(|customer| (customer.user_id, customer.segment));
    let matrix = MigrationMatrix::between(before, after);
    let rows = segmentation.snapshot_day.into_iter().flat_map(|snapshot_day| {
        matrix
            .cells()
            .map(move |(from, to, customers)| SegmentMigrationRow {
                snapshot_day,
                previous_day: previous.day,
                from_segment: from.map(Segment::as_str),
                to_segment: to.map(Segment::as_str),
                customers: i64::try_from(customers).unwrap_or(i64::MAX),
            })
    });
    file(AnalyticsTable::SegmentMigration, encode_segment_migration(rows))
}

fn product_performance(products: &[ProductPerformance], as_of_day: i32) -> Result<TableFile, TableError> {
    let rows = products.iter().map(|product| ProductPerformanceRow {
        product_id: product.product_id,
        category: product.category.as_deref(),
        as_of_day,
        orders: product.sales.orders,
        units: product.sales.units,
        net_units: product.net_units,
        gross_minor: product.sales.gross_minor,
        discount_minor: product.sales.discount_minor,
        refunded_minor: product.sales.refunded_minor,
        net_revenue_minor: product.sales.net_minor,
        views: product.views,
        margin_minor: product.margin_minor,
        margin_rate: product.margin_rate,
        conversion: product.conversion,
        refund_rate: product.refund_rate,
        rank_in_category: i64::try_from(product.rank_in_category).unwrap_or(i64::MAX),
        abc_class: product.abc.as_str(),
        trend: product.trend,
    });
    file(
        AnalyticsTable::ProductPerformance,
        encode_product_performance(rows),
    )
}

/// Trends, weekday index, forecast and its error. The data goes from the first day that has rows to the last one, or to
/// the last complete day if nothing was sold up to then.
fn of_trends(facts: &SalesFacts) -> Result<[TableFile; 4], TableError> {
    let as_of_day = CalendarDay::new(facts.as_of_day)?.day;
    let ends = facts.days.first_key_value().zip(facts.days.last_key_value());
    let (first_day, last_day) = match ends {
        Some(((first, _), (last, _))) => (*first, as_of_day.max(*last)),
        // No day at all.
        None => (1, 0),
    };
    let trends = SalesTrends::of(&facts.days, first_day, last_day, Some(as_of_day + 1))?;
    let index = trends.weekday_index.into_iter().flatten();
    let index = (1..).zip(index).map(|(weekday, weekday_index)| WeekdayIndexRow {
        weekday,
        weekday_index,
    });
    let forecast = trends.forecast.iter().map(|forecast| ForecastRow {
        day: forecast.day,
        net_revenue_minor: forecast.net_minor,
    });
    let error = trends.backtest.into_iter().map(|backtest| ForecastErrorRow {
        days: i64::try_from(backtest.days).unwrap_or(i64::MAX),
        mean_absolute_error_minor: backtest.mean_absolute_error_minor,
        scaled_error: backtest.scaled_error,
    });
    Ok([
        file(
            AnalyticsTable::SalesTrends,
            encode_sales_trends(trends.rows.iter().map(trend_row)),
        )?,
        file(AnalyticsTable::SalesWeekdayIndex, encode_weekday_index(index))?,
        file(AnalyticsTable::SalesForecast, encode_sales_forecast(forecast))?,
        file(
            AnalyticsTable::SalesForecastError,
            encode_sales_forecast_error(error),
        )?,
    ])
}

fn trend_row(row: &TrendRow) -> SalesTrendRow<'static> {
    SalesTrendRow {
        grain: row.grain.as_str(),
        start_day: row.start_day,
        is_complete: row.is_complete,
        sums: sums(&row.sales),
        buyers: row.buyers,
        average_order_value_minor: row.average_order_value_minor,
        trailing_7_net_minor: row.net_mean_7_days_minor,
        trailing_28_net_minor: row.net_mean_28_days_minor,
        wow: row.week_over_week,
        mom: row.month_over_month,
        yoy: row.year_over_year,
    }
}

fn sales_by_region(facts: &SalesFacts) -> Result<TableFile, TableError> {
    let months = facts.regions.months()?;
    let rows = months.iter().map(|region| {
        let key = (region.month_start_day, region.country);
        RegionMonthRow {
            month_start_day: region.month_start_day,
            country: region.country.as_str(),
            sums: sums(&region.sales),
            // Of refunds only, there are none.
            buyers: facts.region_buyers.get(&key).copied().unwrap_or_default(),
            share: region.share_of_net,
        }
    });
    file(AnalyticsTable::SalesByRegion, encode_sales_by_region(rows))
}

fn sums(sales: &SalesFigures) -> SumColumns {
    SumColumns {
        orders: sales.orders,
        units: sales.units,
        gross_minor: sales.gross_minor,
        discount_minor: sales.discount_minor,
        refunds: sales.refunds,
        refunded_units: sales.refunded_units,
        refunded_minor: sales.refunded_minor,
        net_revenue_minor: sales.net_minor,
    }
}
