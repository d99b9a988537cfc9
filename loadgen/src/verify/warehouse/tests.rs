mod shop;

use arrow::compute::concat_batches;
use events::{Body, Event, Search};
use warehouse::analytics_key;

use self::shop::{
    Bucket, CUSTOMERS, DAY, NET, ORDERS, bucket, customers, fact_files, fact_key, keys, ledger, more, ours,
    pick, rewrite, rows, sale, start_of, table_key, trends,
};
use super::super::tests::{at, differing, envelope};
use super::super::witness;
use super::*;

const TABLES: [&str; 4] = [
    "sales_trends",
    "sales_by_region",
    "product_performance",
    "customer_segments",
];

fn compare_with(sent: &Sent, bucket: &Bucket) -> (Vec<(String, i64)>, Option<String>) {
    let mut reading = Reading::new(sent);
    for (key, part) in reading.parts(&keys(bucket)) {
        reading.add(part, bucket[&key].clone()).unwrap();
    }
    let (checks, advice) = reading.checks();
    (differing(checks), advice)
}

/// What differs.
fn compare(bucket: &Bucket) -> Vec<(String, i64)> {
    let (differing, advice) = compare_with(&ledger(&ours()), bucket);
    assert_eq!(differing.is_empty(), advice.is_none());
    differing
}

fn expect(found: &[(String, i64)], expected: &[(&str, i64)]) {
    let expected: Vec<(String, i64)> = expected
        .iter()
        .map(|(name, n)| ((*name).to_owned(), *n))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_warehouse_of_what_was_sent_and_of_other_sales_is_right() {
    expect(&compare(&bucket()), &[]);
    let sent = ledger(&ours());
    let mut reading = Reading::new(&sent);
    let bucket = bucket();
    let parts = reading.parts(&keys(&bucket));
    let days: Vec<Part> = parts.iter().take(3).map(|(_, part)| *part).collect();
    assert_eq!(
        days,
        [Part::Facts(DAY), Part::Facts(DAY + 1), Part::Facts(DAY - 3)]
    );
    for (key, part) in parts {
        reading.add(part, bucket[&key].clone()).unwrap();
    }
    let (checks, _) = reading.checks();
    let of = |name: &str| checks.iter().find(|check| check.name == name).unwrap().found;
    // 2,200 + 60 for the first order, less 1,000, and 800 + 60.
    assert_eq!(
        (of("fact_sales orders"), of("fact_sales revenue_minor")),
        (2, 2_120)
    );
    assert_eq!(
        (
            of("sales_trends orders"),
            of("customer_segments customers"),
            of("customer_segments snapshot_date")
        ),
        (ORDERS, 4, 20_241_006)
    );
}

#[test]
fn the_facts_of_a_run_are_those_of_its_ledger() {
    let records = witness::records();
    let sent = witness::sent(&records);
    let mut reading = Reading::new(&sent);
    for (key, file) in fact_files(witness::events(&records)) {
        let [(_, part)] = reading.parts(&[key])[..] else {
            panic!("a file of facts is one part")
        };
        reading.add(part, file).unwrap();
    }
    assert_eq!(differing(reading.facts.checks()), []);
    assert!(reading.facts.totals().orders > 500);
}

#[test]
fn a_line_that_is_missing_is_found() {
    let mut first = bucket();
    // The lines of the first order, the refund, and somebody else's three lines, in the order of the archive.
    rewrite(&mut first, DAY, |batch| pick(&batch, &[1, 2, 3, 4, 5]));
    expect(
        &compare(&first),
        &[
            ("fact_sales orders", -1),
            ("fact_sales units", -2),
            ("fact_sales gross_minor", -2_000),
            ("fact_sales discount_minor", -240),
            ("fact_sales shipping_minor", -32),
            ("fact_sales tax_minor", -16),
            ("fact_sales minutes × countries equal", -1),
            ("fact_sales revenue_minor", -1_808),
            ("fact_sales minutes × countries with equal revenue", -1),
            ("fact_sales products equal", -1),
            ("fact_sales minutes × types with the very events", -1),
            ("fact_sales lines out of order", 1),
            ("sales_trends net_revenue_minor", 1_760),
            ("sales_trends orders", 1),
            ("sales_by_region net_revenue_minor", 1_760),
            ("sales_by_region orders", 1),
            ("product_performance net_revenue_minor", 1_760),
            ("product_performance net_units", 2),
            ("customer_segments frequency", 1),
            ("customer_segments monetary_minor", 1_760),
        ],
    );
}

#[test]
fn lines_and_orders_that_are_there_twice_are_found() {
    let differs = |places: &[usize], expected: &[(&str, i64)]| {
        let mut twice = bucket();
        rewrite(&mut twice, DAY, |batch| pick(&batch, places));
        let found = compare(&twice);
        for expected in expected {
            let found = found.iter().find(|(name, _)| name == expected.0);
            assert_eq!(found.map_or(0, |(_, by)| *by), expected.1, "{}", expected.0);
        }
    };
    differs(
        &[0, 1, 1, 2, 3, 4, 5],
        &[
            ("fact_sales units", 1),
            ("fact_sales lines out of order", 1),
            ("fact_sales events twice", 0),
            ("product_performance net_units", -1),
        ],
    );
    differs(
        &[0, 1, 0, 1, 2, 3, 4, 5],
        &[
            ("fact_sales orders", 1),
            ("fact_sales units", 3),
            ("fact_sales lines out of order", 0),
            ("fact_sales events twice", 1),
            ("sales_trends orders", -1),
        ],
    );
    // The lines of two orders in turn.
    differs(
        &[0, 2, 1, 3, 4, 5],
        &[("fact_sales units", 0), ("fact_sales lines out of order", 1)],
    );
}

#[test]
fn a_cent_between_net_and_its_parts_is_found() {
    let mut cent = bucket();
    rewrite(&mut cent, DAY, |batch| more(&batch, 2, "net_minor", -1));
    expect(
        &compare(&cent),
        &[
            ("fact_sales revenue_minor", -1),
            ("fact_sales minutes × countries with equal revenue", -1),
            ("sales_trends net_revenue_minor", 1),
            ("sales_by_region net_revenue_minor", 1),
            ("product_performance net_revenue_minor", 1),
            ("customer_segments monetary_minor", 1),
        ],
    );
}

#[test]
fn an_event_in_two_days_files_is_found_whoever_the_other_day_belongs_to() {
    for other_day in [DAY - 3, DAY + 1] {
        let mut twice = bucket();
        let refund = rows(&twice, DAY).slice(2, 1);
        rewrite(&mut twice, other_day, |batch| {
            concat_batches(&batch.schema(), [&batch, &refund]).unwrap()
        });
        let found = compare(&twice);
        let of = |name: &str| found.iter().find(|(of, _)| of == name).map(|(_, by)| *by);
        assert_eq!(of("fact_sales events twice"), Some(1), "{found:?}");
        let is_ours = other_day == DAY + 1;
        assert_eq!(of("fact_sales rows in another day's file"), is_ours.then_some(1));
        assert_eq!(of("fact_sales refunds"), is_ours.then_some(1));
    }
}

#[test]
fn an_order_in_two_files_is_out_of_order() {
    let mut split = bucket();
    let last_line = rows(&split, DAY).slice(1, 1);
    rewrite(&mut split, DAY, |batch| pick(&batch, &[2, 3, 4, 5, 0]));
    rewrite(&mut split, DAY + 1, |batch| {
        concat_batches(&batch.schema(), [&last_line, &batch]).unwrap()
    });
    expect(
        &compare(&split),
        &[
            ("fact_sales lines out of order", 1),
            ("fact_sales rows in another day's file", 1),
        ],
    );
}

#[test]
fn a_cent_a_customer_and_a_date_in_the_tables_are_found() {
    let differs = |table, file, expected: &[(&str, i64)]| {
        let mut bucket = bucket();
        bucket.insert(table_key(table), file);
        expect(&compare(&bucket), expected);
    };
    differs(
        AnalyticsTable::SalesTrends,
        trends(NET + 1),
        &[("sales_trends net_revenue_minor", 1)],
    );
    let [first, second, third, fourth] = CUSTOMERS;
    differs(
        AnalyticsTable::CustomerSegments,
        customers(DAY + 3, &[first, second, third, fourth]),
        &[("customer_segments snapshot_date", 1)],
    );
    differs(
        AnalyticsTable::CustomerSegments,
        customers(DAY + 2, &[first, second, third, (4, 0, -600), fourth]),
        &[
            ("customer_segments customers", 1),
            ("customer_segments monetary_minor", -600),
        ],
    );
    differs(
        AnalyticsTable::CustomerSegments,
        customers(DAY + 2, &[]),
        &[
            ("customer_segments customers", -4),
            ("customer_segments frequency", -5),
            ("customer_segments monetary_minor", -5_100),
            ("customer_segments snapshot_date", -20_241_006),
        ],
    );
    // A later snapshot than there should be is the latest one.
    let mut later = bucket();
    later.insert(
        analytics_key(AnalyticsTable::CustomerSegments, at(start_of(DAY + 3))),
        customers(DAY + 3, &CUSTOMERS),
    );
    expect(&compare(&later), &[("customer_segments snapshot_date", 1)]);
}

#[test]
fn what_is_not_there_is_named_with_what_makes_it() {
    let sent = ledger(&ours());
    let mut without = bucket();
    without.remove(&table_key(AnalyticsTable::ProductPerformance));
    let (differing, advice) = compare_with(&sent, &without);
    expect(&differing, &[("product_performance is there", -1)]);
    let advice = advice.unwrap();
    assert!(
        advice.starts_with("there is no product_performance: `make batch`, or"),
        "{advice}"
    );

    let (differing, advice) = compare_with(&sent, &Bucket::new());
    let names: Vec<String> = ["fact_sales"]
        .iter()
        .chain(&TABLES)
        .map(|name| format!("{name} is there"))
        .collect();
    assert_eq!(
        differing,
        names.into_iter().map(|name| (name, -1)).collect::<Vec<_>>()
    );
    assert!(
        advice
            .unwrap()
            .starts_with("there is no fact_sales, no sales_trends, no ")
    );

    // A day that no run has made is a difference, not a table that is missing.
    let mut behind = bucket();
    behind.remove(&fact_key(DAY + 1));
    let (differing, advice) = compare_with(&sent, &behind);
    assert_eq!(differing[0], ("fact_sales orders".to_owned(), -1));
    assert!(
        advice
            .unwrap()
            .starts_with("the warehouse is as it was made last: `make batch`")
    );
}

#[test]
fn where_nothing_was_sold_nothing_has_to_be_there() {
    let refund = sale(2, 1, start_of(DAY), &[(1, 1_000)], 0, true);
    let facts = fact_files([&refund].into_iter());
    assert_eq!(compare_with(&ledger(&[refund]), &facts), (Vec::new(), None));
    let view = Event {
        envelope: envelope(9, 0),
        body: Body::Search(Search {
            query: "x".into(),
            results: 0,
        }),
    };
    assert_eq!(compare_with(&ledger(&[view]), &Bucket::new()), (Vec::new(), None));
}

#[test]
fn a_file_of_another_version_is_told_and_no_panic() {
    let sent = ledger(&ours());
    let mut reading = Reading::new(&sent);
    let error = reading.add(Part::Facts(DAY), trends(NET)).unwrap_err();
    assert!(error.to_string().contains("no column `line_number`"), "{error}");
    let error = reading
        .add(Part::Table(AnalyticsTable::SalesTrends), Bytes::new())
        .unwrap_err();
    assert!(error.to_string().contains("Parquet"), "{error}");
}
