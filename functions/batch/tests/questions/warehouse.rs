//! A small warehouse, each table as its writer writes it and under its own key. The tables need not agree with each other.

use std::collections::BTreeMap;

use batch::etl::{Ended, Etl};
use bytes::Bytes;
use events::{Event, Line, Stream, Timestamp, Uuid};
use testkit::{Chaos, Guard, MemoryBucket, purchase, refund};
use warehouse::tables::{
    AnalyticsTable, CustomerSegmentRow, ForecastErrorRow, ForecastRow, ProductPerformanceRow, RegionMonthRow,
    SalesTrendRow, SegmentMigrationRow, SumColumns, encode_customer_segments, encode_product_performance,
    encode_sales_by_region, encode_sales_forecast, encode_sales_forecast_error, encode_sales_trends,
    encode_segment_migration,
};
use warehouse::{
    ArchivedEvent, CatalogProduct, CatalogTable, analytics_key, archive_key, catalog_key, encode,
    encode_products,
};

/// Objects by key.
pub(crate) type Objects = BTreeMap<String, Bytes>;

const SHARD: &str = "shardId-000000000000";

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn day(date: &str) -> i32 {
    Timestamp::of_date(date).unwrap().day()
}

/// An order of so many lines, each of another product.
fn order(user_id: u64, at: &str, lines: u64) -> Event {
    let line = |product_id| Line {
        product_id,
        category: "lamps".into(),
        quantity: 1,
        unit_price_minor: 1_000,
    };
    purchase(user_id, time(at).as_ms(), (6..6 + lines).map(line).collect())
}

fn given_back(order: Event, at: &str) -> Event {
    let mut event = order;
    event.envelope.event_id = Uuid::from_u128(event.envelope.event_id.as_u128() + 1);
    event.envelope.occurred_at = time(at);
    event.body = refund(event.sale().unwrap().clone());
    event
}

/// The star schema of some orders, and of a catalog with the products 1, 3, 5 and 7.
pub(crate) fn star() -> Objects {
    let first = |user_id| order(user_id, "2025-11-10T12:00:00Z", 1);
    let events = [
        // Twice in the first month counts once.
        first(1),
        order(1, "2025-11-20T12:00:00Z", 1),
        order(1, "2025-12-03T12:00:00Z", 1),
        order(1, "2026-02-01T00:00:00Z", 1),
        order(2, "2025-11-30T23:59:59.999Z", 1),
        order(2, "2026-01-01T00:00:00Z", 1),
        order(2, "2026-02-28T23:59:59.999Z", 1),
        // To give something back is not to come back.
        first(3),
        given_back(first(3), "2025-12-09T12:00:00Z"),
        order(4, "2025-12-14T12:00:00Z", 3),
        order(4, "2026-02-20T12:00:00Z", 2),
        // Who has no order is no customer.
        given_back(first(5), "2025-11-12T12:00:00Z"),
    ];
    let arrived_at = time("2026-03-01T00:00:00Z");
    let rows: Vec<ArchivedEvent<'_>> = events
        .iter()
        .map(|event| ArchivedEvent {
            event,
            arrived_at,
            shard_id: SHARD,
            sequence_number: "1",
        })
        .collect();
    let products = [1, 3, 5, 7].map(|product_id| CatalogProduct {
        product_id,
        name: format!("product {product_id}"),
        category: "lamps",
        brand: "b",
        price_minor: 1_000,
        cost_minor: 500,
        launched_on: arrived_at,
        initial_stock: 1,
    });
    let chaos = Chaos::calm();
    let bucket = MemoryBucket::new(&chaos, Guard::Whole);
    bucket.insert(
        catalog_key(CatalogTable::Products, 0),
        encode_products(products.into_iter()).unwrap(),
    );
    bucket.insert(
        archive_key(Stream::Transactions, arrived_at, SHARD, "0000"),
        encode(Stream::Transactions, &rows).unwrap().bytes,
    );
    let run = chaos.invoke(Etl::new(&bucket, 0).run(None, || false));
    assert!(matches!(run, Some(Ok(Ended::Done(rebuilt))) if rebuilt.pending == 0));
    bucket.objects()
}

fn object(table: AnalyticsTable, snapshot: &str, bytes: Vec<u8>) -> (String, Bytes) {
    let snapshot = Timestamp::of_date(snapshot).unwrap();
    (analytics_key(table, snapshot), bytes.into())
}

/// The analytical tables that are asked.
pub(crate) fn tables() -> Objects {
    [
        segments("2026-02-28", &[(1, 1, 1_000, "New"), (7, 1, 1_000, "Loyal")]),
        segments(
            "2026-03-01",
            &[
                (1, 3, 60_000, "Champions"),
                (2, 2, 15_050, "Champions"),
                (3, 1, 10_000, "Hibernating"),
                (4, 1, 0, "Hibernating"),
                (5, 1, -50, "Hibernating"),
                (6, 1, 15_001, "New"),
            ],
        ),
        migration("2026-02-28", &[(Some("Champions"), Some("Loyal"), 9)]),
        migration(
            "2026-03-01",
            &[
                (Some("Champions"), Some("Champions"), 5),
                (Some("Champions"), Some("Loyal"), 2),
                (Some("Champions"), Some("At Risk"), 1),
                (Some("Loyal"), Some("Champions"), 3),
                (Some("Loyal"), Some("Hibernating"), 2),
                (Some("Loyal"), None, 5),
                (Some("Can't Lose"), Some("At Risk"), 1),
                (None, Some("New"), 4),
            ],
        ),
        products(),
        regions(),
        trends(),
        forecast(),
        forecast_error(Some(ForecastErrorRow {
            days: 28,
            mean_absolute_error_minor: 12_345.6,
            scaled_error: Some(0.876_54),
        })),
    ]
    .into()
}

/// A snapshot of customers: user, orders, net and segment.
pub(crate) fn segments(snapshot: &str, customers: &[(i64, i64, i64, &'static str)]) -> (String, Bytes) {
    let row = |&(user_id, frequency, monetary_minor, segment)| CustomerSegmentRow {
        user_id,
        snapshot_day: day(snapshot),
        recency_days: 1,
        frequency,
        monetary_minor,
        r: 1,
        f: 1,
        m: 1,
        segment,
    };
    let bytes = encode_customer_segments(customers.iter().map(row)).unwrap();
    object(AnalyticsTable::CustomerSegments, snapshot, bytes)
}

type Move = (Option<&'static str>, Option<&'static str>, i64);

fn migration(snapshot: &str, moves: &[Move]) -> (String, Bytes) {
    let row = |&(from_segment, to_segment, customers)| SegmentMigrationRow {
        snapshot_day: day(snapshot),
        previous_day: Some(day(snapshot) - 1),
        from_segment,
        to_segment,
        customers,
    };
    let bytes = encode_segment_migration(moves.iter().map(row)).unwrap();
    object(AnalyticsTable::SegmentMigration, snapshot, bytes)
}

fn products() -> (String, Bytes) {
    let rows = [
        (1, Some("lamps"), 100_000, "A", Some(-0.5)),
        (2, None, 0, "C", Some(-1.0)),
        (3, Some("lamps"), 50_000, "B", None),
        (4, Some("rugs"), 60_000, "A", Some(0.25)),
        (5, Some("rugs"), 1_234, "C", Some(-1.0)),
        (6, Some("lamps"), 999, "C", Some(-1.204_56)),
        (7, Some("lamps"), 999, "C", Some(0.0)),
    ];
    let row = |(product_id, category, net_revenue_minor, abc_class, trend)| ProductPerformanceRow {
        product_id,
        category,
        as_of_day: day("2026-02-28"),
        orders: 1,
        units: 1,
        net_units: 1,
        gross_minor: 1,
        discount_minor: 0,
        refunded_minor: 0,
        net_revenue_minor,
        views: 1,
        margin_minor: None,
        margin_rate: None,
        conversion: None,
        refund_rate: None,
        rank_in_category: 1,
        abc_class,
        trend,
    };
    let bytes = encode_product_performance(rows.into_iter().map(row)).unwrap();
    object(AnalyticsTable::ProductPerformance, "2026-03-01", bytes)
}

fn regions() -> (String, Bytes) {
    let rows = [
        ("2025-12-01", "DE", 50_000, Some(0.4)),
        ("2025-12-01", "JP", 75_000, Some(0.6)),
        ("2026-01-01", "DE", 100_000, Some(1.010_1)),
        ("2026-01-01", "FR", -1_000, Some(-0.010_1)),
        ("2026-02-01", "DE", 150_000, Some(0.75)),
        ("2026-02-01", "FR", 5_000, Some(0.025)),
        ("2026-02-01", "JP", 45_000, Some(0.225)),
        ("2026-03-01", "DE", -10, None),
    ];
    let row = |(month, country, net_revenue_minor, share)| RegionMonthRow {
        month_start_day: day(month),
        country,
        sums: SumColumns {
            orders: 3,
            net_revenue_minor,
            ..SumColumns::default()
        },
        buyers: 2,
        share,
    };
    let bytes = encode_sales_by_region(rows.into_iter().map(row)).unwrap();
    object(AnalyticsTable::SalesByRegion, "2026-03-01", bytes)
}

/// The first month and the last are incomplete. A day and a week begin when a month does.
fn trends() -> (String, Bytes) {
    let rows = [
        ("day", "2026-02-01", false),
        ("week", "2026-02-01", false),
        ("month", "2025-12-01", false),
        ("month", "2026-01-01", true),
        ("month", "2026-02-01", true),
        ("month", "2026-03-01", false),
    ];
    let row = |(grain, start, is_complete)| SalesTrendRow {
        grain,
        start_day: day(start),
        is_complete,
        sums: SumColumns::default(),
        buyers: None,
        average_order_value_minor: None,
        trailing_7_net_minor: None,
        trailing_28_net_minor: None,
        wow: None,
        mom: None,
        yoy: None,
    };
    let bytes = encode_sales_trends(rows.into_iter().map(row)).unwrap();
    object(AnalyticsTable::SalesTrends, "2026-03-01", bytes)
}

fn forecast() -> (String, Bytes) {
    let rows = [("2026-03-01", 123_456), ("2026-03-02", -50)];
    let row = |(date, net_revenue_minor)| ForecastRow {
        day: day(date),
        net_revenue_minor,
    };
    let bytes = encode_sales_forecast(rows.into_iter().map(row)).unwrap();
    object(AnalyticsTable::SalesForecast, "2026-03-01", bytes)
}

/// How far forecasts were off; none before they can be tested.
pub(crate) fn forecast_error(error: Option<ForecastErrorRow>) -> (String, Bytes) {
    let bytes = encode_sales_forecast_error(error.into_iter()).unwrap();
    object(AnalyticsTable::SalesForecastError, "2026-03-01", bytes)
}
