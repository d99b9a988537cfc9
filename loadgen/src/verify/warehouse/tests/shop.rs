//! A warehouse made by hand, of two days of a ledger and two of others.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::compute::concat_batches;
use bytes::Bytes;
use events::{
    Body, Envelope, Event, Line, MS_PER_DAY, MS_PER_MINUTE, PaymentMethod, Refund, Sale, Stream, Uuid,
};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use warehouse::star::{DayFacts, Keys, StarTable, transactions_reader};
use warehouse::tables::{
    AnalyticsTable, CustomerSegmentRow, ProductPerformanceRow, RegionMonthRow, SalesTrendRow, SumColumns,
    encode_customer_segments, encode_product_performance, encode_sales_by_region, encode_sales_trends,
};
use warehouse::{ArchivedEvent, analytics_key, encode, star_key};

use crate::generator::Planned;
use crate::source::Content;
use crate::verify::Sent;
use crate::verify::tests::{at, envelope};
use crate::verify::witness::sent;

/// The day of the first event of the ledger; the second one is on the day after.
pub(super) const DAY: i32 = 20_000;
/// What the tables come to.
pub(super) const NET: i64 = 4_500;
pub(super) const ORDERS: i64 = 5;

pub(super) type Bucket = BTreeMap<String, Bytes>;

pub(super) fn start_of(day: i32) -> i64 {
    i64::from(day) * MS_PER_DAY
}

pub(super) fn sale(
    n: u128,
    user_id: u64,
    ms: i64,
    lines: &[(i64, i64)],
    discount_minor: i64,
    is_refund: bool,
) -> Event {
    let lines: Vec<Line> = (1..)
        .zip(lines)
        .map(|(product_id, (quantity, unit_price_minor))| Line {
            product_id,
            category: "home".into(),
            quantity: *quantity,
            unit_price_minor: *unit_price_minor,
        })
        .collect();
    let goods: i64 = lines
        .iter()
        .map(|line| line.quantity * line.unit_price_minor)
        .sum();
    let sale = Sale {
        transaction_id: Uuid::from_u128(100 + n),
        cart_id: Uuid::from_u128(200 + n),
        lines,
        discount_minor,
        shipping_minor: 40,
        tax_minor: 20,
        total_minor: goods - discount_minor + 60,
        currency: "USD".into(),
        payment_method: PaymentMethod::CreditCard,
    };
    let body = if is_refund {
        Body::Refund(Refund {
            refunded_transaction_id: Uuid::from_u128(101),
            sale,
        })
    } else {
        Body::Purchase(sale)
    };
    let envelope = Envelope {
        user_id,
        ..envelope(n, ms)
    };
    Event { envelope, body }
}

/// The events of the ledger: over two days, a refund among them.
pub(super) fn ours() -> Vec<Event> {
    let last_minute = start_of(DAY + 1) - MS_PER_MINUTE;
    vec![
        sale(1, 1, last_minute - 1, &[(2, 1_000), (1, 500)], 300, false),
        sale(2, 1, last_minute, &[(1, 1_000)], 0, true),
        sale(3, 2, last_minute + MS_PER_MINUTE, &[(1, 900)], 100, false),
    ]
}

/// Somebody else's: earlier, and on a day of the ledger, but not in its minutes.
fn others() -> Vec<Event> {
    vec![
        sale(4, 3, start_of(DAY - 3), &[(1, 1_700)], 0, false),
        sale(5, 4, start_of(DAY - 3) + 1, &[(1, 600)], 0, true),
        sale(6, 3, start_of(DAY) + 5, &[(1, 800), (2, 200)], 0, false),
        // Of this user, the day with the refund is read before the one with the order.
        sale(7, 5, start_of(DAY) + 6, &[(1, 100)], 0, true),
        sale(8, 5, start_of(DAY - 3) + 2, &[(1, 300)], 0, false),
    ]
}

struct OneKey;

impl Keys for OneKey {
    fn product_key(&self, _: i64) -> Option<i64> {
        Some(1)
    }

    fn user_key(&self, _: i64) -> Option<i64> {
        Some(1)
    }

    fn category_key(&self, _: &str) -> Option<i64> {
        Some(1)
    }
}

/// The days' files of events, as the job writes them.
pub(super) fn fact_files<'a>(events: impl Iterator<Item = &'a Event>) -> Bucket {
    let mut days: BTreeMap<i32, Vec<ArchivedEvent<'_>>> = BTreeMap::new();
    for event in events.filter(|event| event.body.event_type().stream() == Stream::Transactions) {
        let day = event.envelope.occurred_at.day();
        days.entry(day).or_default().push(ArchivedEvent {
            event,
            arrived_at: event.envelope.occurred_at,
            shard_id: "shardId-0",
            sequence_number: "1",
        });
    }
    let file = |(day, rows): (i32, Vec<ArchivedEvent<'_>>)| {
        let archived = encode(Stream::Transactions, &rows).unwrap().bytes;
        let mut facts = DayFacts::new(day, &OneKey).unwrap();
        for batch in transactions_reader(archived.into()).unwrap() {
            facts.add(&batch.unwrap()).unwrap();
        }
        (fact_key(day), facts.finish().unwrap().bytes)
    };
    days.into_iter().map(file).collect()
}

pub(super) fn fact_key(day: i32) -> String {
    star_key(StarTable::FactSales, Some(at(start_of(day))))
}

pub(super) fn table_key(table: AnalyticsTable) -> String {
    analytics_key(table, at(start_of(DAY + 2)))
}

pub(super) fn trends(net_revenue_minor: i64) -> Bytes {
    let row = |grain, net_revenue_minor, orders| SalesTrendRow {
        grain,
        start_day: DAY,
        is_complete: true,
        sums: SumColumns {
            orders,
            net_revenue_minor,
            ..SumColumns::default()
        },
        buyers: None,
        average_order_value_minor: None,
        trailing_7_net_minor: None,
        trailing_28_net_minor: None,
        wow: None,
        mom: None,
        yoy: None,
    };
    let days = [
        row("day", 700, 1),
        row("day", net_revenue_minor - 700, ORDERS - 1),
    ];
    let rows = days.into_iter().chain([row("week", 9, 9), row("month", 9, 9)]);
    encode_sales_trends(rows).unwrap().into()
}

fn regions() -> Bytes {
    let row = |country, net_revenue_minor, orders| RegionMonthRow {
        month_start_day: DAY,
        country,
        sums: SumColumns {
            orders,
            net_revenue_minor,
            ..SumColumns::default()
        },
        buyers: 0,
        share: None,
    };
    let rows = [row("DE", NET + 1, ORDERS), row("US", -1, 0)];
    encode_sales_by_region(rows.into_iter()).unwrap().into()
}

fn products() -> Bytes {
    let row = |product_id, net_units, net_revenue_minor| ProductPerformanceRow {
        product_id,
        category: None,
        as_of_day: DAY,
        orders: 0,
        units: 0,
        net_units,
        gross_minor: 0,
        discount_minor: 0,
        refunded_minor: 0,
        net_revenue_minor,
        views: 0,
        margin_minor: None,
        margin_rate: None,
        conversion: None,
        refund_rate: None,
        rank_in_category: 1,
        abc_class: "A",
        trend: None,
    };
    let rows = [row(1, 3, NET - 1), row(2, 3, 1)];
    encode_product_performance(rows.into_iter()).unwrap().into()
}

/// The customers by user, orders and spending. The user 4 has only brought something back.
pub(super) const CUSTOMERS: [(i64, i64, i64); 4] = [(1, 1, 1_200), (2, 1, 800), (3, 2, 2_900), (5, 1, 200)];

pub(super) fn customers(snapshot_day: i32, customers: &[(i64, i64, i64)]) -> Bytes {
    let rows = customers
        .iter()
        .map(|(user_id, frequency, monetary_minor)| CustomerSegmentRow {
            user_id: *user_id,
            snapshot_day,
            recency_days: 1,
            frequency: *frequency,
            monetary_minor: *monetary_minor,
            r: 1,
            f: 1,
            m: 1,
            segment: "New",
        });
    encode_customer_segments(rows).unwrap().into()
}

/// A bucket in which all is as it should be. An earlier snapshot and other tables don't matter.
pub(super) fn bucket() -> Bucket {
    let mut bucket = fact_files(ours().iter().chain(&others()));
    bucket.extend([
        (table_key(AnalyticsTable::SalesTrends), trends(NET)),
        (table_key(AnalyticsTable::SalesByRegion), regions()),
        (table_key(AnalyticsTable::ProductPerformance), products()),
        (
            table_key(AnalyticsTable::CustomerSegments),
            customers(DAY + 2, &CUSTOMERS),
        ),
        (
            analytics_key(AnalyticsTable::CustomerSegments, at(start_of(DAY - 2))),
            customers(DAY - 2, &CUSTOMERS[2..]),
        ),
        (star_key(StarTable::DimUser, None), Bytes::new()),
        (table_key(AnalyticsTable::SalesForecast), Bytes::new()),
    ]);
    bucket
}

pub(super) fn keys(bucket: &Bucket) -> Vec<String> {
    bucket.keys().cloned().collect()
}

pub(super) fn ledger(events: &[Event]) -> Sent {
    let content = |event: &Event| {
        Content::Event(Planned {
            index: 0,
            event: event.clone(),
            anomaly: None,
            late: false,
            cart_steps: Some(1),
        })
    };
    sent(&events.iter().map(content).collect::<Vec<_>>())
}

/// The facts of a day, with other rows.
pub(super) fn rewrite(bucket: &mut Bucket, day: i32, change: impl Fn(RecordBatch) -> RecordBatch) {
    let batch = change(rows(bucket, day));
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    bucket.insert(fact_key(day), writer.into_inner().unwrap().into());
}

/// The facts of a day.
pub(super) fn rows(bucket: &Bucket, day: i32) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bucket[&fact_key(day)].clone()).unwrap();
    reader.build().unwrap().next().unwrap().unwrap()
}

/// Some rows, in this order.
pub(super) fn pick(batch: &RecordBatch, places: &[usize]) -> RecordBatch {
    let rows: Vec<RecordBatch> = places.iter().map(|place| batch.slice(*place, 1)).collect();
    concat_batches(&batch.schema(), &rows).unwrap()
}

/// Adds to a number of a row.
pub(super) fn more(batch: &RecordBatch, row: usize, name: &str, more: i64) -> RecordBatch {
    let place = batch.schema().index_of(name).unwrap();
    let mut columns = batch.columns().to_vec();
    let column: &Int64Array = columns[place].as_any().downcast_ref().unwrap();
    let mut values = column.values().to_vec();
    values[row] += more;
    columns[place] = Arc::new(Int64Array::from(values));
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}
