//! Reading of the facts: odd files, odd rows, and what the two ways to read have in common.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod shop;

use std::sync::Arc;

use analytics::retail::Overflow;
use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::{DataType, Field, Schema};
use batch::tables::{self, TableError};
use batch::{Catalog, FactFile, FileError, FileProblem, SalesFacts, Snapshot, read_customers, read_sales};
use bytes::Bytes;
use shop::{Row, Shop, fact_file, fact_files, parquet};
use warehouse::read::ReadError;

const DAY: i32 = 20_574;

const SHOP: Shop = Shop {
    seed: 7,
    days: 70,
    orders_a_day: 5,
    refund_percent: 20,
    users: 40,
    products: 9,
    ..Shop::usual(DAY)
};

/// A line of the first order, by user 1, of 10 units of product 1 for 1,000 less 100.
fn line(line_number: i32) -> Row {
    Row {
        transaction: 1,
        line_number,
        user_id: 1,
        product_id: 1,
        category: "home".to_owned(),
        country: "DE",
        quantity: 10,
        gross_minor: 1_000,
        discount_minor: 100,
        is_refund: false,
    }
}

fn sales_of(lines: &[Row]) -> SalesFacts {
    read_sales([fact_file(DAY, lines)], DAY).unwrap()
}

fn all_tables(facts: SalesFacts) -> Result<Vec<tables::TableFile>, TableError> {
    tables::all(facts, &Catalog::default(), [], &Snapshot::default())
}

fn problem<T: std::fmt::Debug>(result: Result<T, FileError>) -> (String, FileProblem) {
    let error = result.unwrap_err();
    (error.file, error.problem)
}

#[test]
fn customers_are_the_same_by_themselves_as_among_all_aggregates() {
    let days = SHOP.lines();
    let customers = read_customers(fact_files(&days)).unwrap();
    let facts = read_sales(fact_files(&days), DAY).unwrap();
    assert_eq!(customers, facts.customers);
    assert!(customers.segments().unwrap().customers().len() > 20);
}

#[test]
fn tables_are_the_same_bytes_each_time() {
    let files = || fact_files(&SHOP.lines());
    let tables = || all_tables(read_sales(files(), DAY + 60).unwrap()).unwrap();
    let first = tables();
    // Which thread reads which day differs from time to time.
    assert!((0..20).all(|_| tables() == first));
}

#[test]
fn an_order_with_two_lines_of_a_product_counts_once_also_for_the_product() {
    let lines = [
        line(1),
        Row {
            product_id: 2,
            ..line(2)
        },
        line(3),
    ];
    let facts = sales_of(&lines);
    let products = facts.products.performance(|_| None).unwrap();
    let counts: Vec<(i64, i64, i64)> = products
        .iter()
        .map(|product| (product.product_id, product.sales.orders, product.sales.units))
        .collect();
    assert_eq!(counts, [(1, 1, 20), (2, 1, 10)]);
    let day = facts.days[&DAY];
    assert_eq!((day.sales.orders, day.sales.units, day.buyers), (1, 30, 1));
    let customers = facts.customers.segments().unwrap();
    let spent = customers
        .customers()
        .map(|customer| (customer.frequency, customer.monetary_minor));
    assert_eq!(spent.collect::<Vec<_>>(), [(1, 2_700)]);
}

#[test]
fn orders_count_once_also_where_their_rows_are_read_in_two_batches() {
    // More rows than are read at a time, in orders that don't end with them.
    let lines: Vec<Row> = (0..30_000)
        .map(|row| Row {
            transaction: row / 7,
            user_id: i64::try_from(row / 7 % 2).unwrap(),
            ..line(i32::try_from(row % 7 + 1).unwrap())
        })
        .collect();
    let orders = i64::try_from(lines.iter().filter(|line| line.line_number == 1).count()).unwrap();
    let facts = sales_of(&lines);
    let products = facts.products.performance(|_| None).unwrap();
    assert_eq!(products[0].sales.orders, orders);
    let customers = facts.customers.segments().unwrap();
    let spent: Vec<(i64, i64)> = customers
        .customers()
        .map(|customer| (customer.frequency, customer.monetary_minor))
        .collect();
    let sum = |of: fn(&(i64, i64)) -> i64| spent.iter().map(of).sum::<i64>();
    assert_eq!(
        (sum(|(orders, _)| *orders), sum(|(_, minor)| *minor)),
        (orders, 27_000_000)
    );
}

#[test]
fn buyers_are_counted_once_a_day_and_once_a_month_and_country() {
    // 20 days before the end of a month, in two of its countries.
    let file = |day: i32, users: &[(i64, &'static str)]| {
        let lines: Vec<Row> = users
            .iter()
            .map(|(user_id, country)| Row {
                user_id: *user_id,
                country,
                ..line(1)
            })
            .collect();
        fact_file(day, &lines)
    };
    let facts = read_sales(
        [
            file(DAY, &[(1, "DE"), (1, "DE"), (2, "DE"), (1, "FR")]),
            file(DAY + 1, &[(2, "DE"), (3, "DE")]),
            file(DAY + 31, &[(1, "DE")]),
        ],
        DAY,
    )
    .unwrap();
    let a_day: Vec<i64> = facts.days.values().map(|day| day.buyers).collect();
    assert_eq!(a_day, [2, 2, 1]);
    let a_month: Vec<(i32, String, i64)> = facts
        .region_buyers
        .iter()
        .map(|((month, country), buyers)| (*month, country.to_string(), *buyers))
        .collect();
    let expected = [(DAY, "DE", 3), (DAY, "FR", 1), (DAY + 31, "DE", 1)];
    assert_eq!(
        a_month,
        expected.map(|(month, country, buyers)| (month, country.to_owned(), buyers))
    );
}

#[test]
fn without_files_and_without_rows_tables_are_empty() {
    let none: [FactFile<Bytes>; 0] = [];
    let facts = || read_sales(none.clone(), DAY).unwrap();
    assert!(facts().days.is_empty());
    let tables = all_tables(facts()).unwrap();
    assert_eq!(tables.len(), 9);
    assert!(tables == all_tables(sales_of(&[])).unwrap());
}

#[test]
fn refunds_only_make_no_customers_and_no_buyers() {
    let refund = Row {
        is_refund: true,
        quantity: -10,
        gross_minor: -1_000,
        discount_minor: -100,
        ..line(1)
    };
    let facts = sales_of(&[refund]);
    let day = facts.days[&DAY];
    assert_eq!(
        (day.sales.refunds, day.sales.net_minor(), day.buyers),
        (1, -900, 0)
    );
    assert!(facts.region_buyers.is_empty());
    assert_eq!(facts.customers.clone().segments().unwrap().snapshot_day, None);
    all_tables(facts).unwrap();
}

#[test]
fn sums_that_fit_no_column_are_named() {
    let most = Row {
        gross_minor: i64::MAX,
        discount_minor: 0,
        ..line(1)
    };
    let facts = sales_of(&[
        most.clone(),
        Row {
            line_number: 2,
            ..most
        },
    ]);
    let error = tables::of_customers(facts.customers.clone(), &Snapshot::default()).unwrap_err();
    assert!(
        matches!(&error, TableError::Overflow(Overflow { figure: "monetary_minor", of }) if of == "user 1"),
        "{error}"
    );
    assert!(matches!(
        all_tables(facts),
        Err(TableError::Overflow(Overflow {
            figure: "gross_minor",
            ..
        }))
    ));
}

#[test]
fn a_day_that_is_in_no_calendar_is_an_error() {
    let file = FactFile {
        day: i32::MAX,
        ..fact_file(DAY, &[line(1)])
    };
    assert!(matches!(problem(read_sales([file], DAY)).1, FileProblem::Star(_)));
    let facts = read_sales([fact_file(DAY, &[line(1)])], i32::MAX).unwrap();
    assert!(matches!(all_tables(facts), Err(TableError::Day(_))));
}

#[test]
fn files_that_do_not_come_in_order_one_a_day_are_refused() {
    for (first, second) in [(DAY, DAY), (DAY + 1, DAY)] {
        let files = [first, second].map(|day| fact_file(day, &[line(1)]));
        let (file, problem) = problem(read_sales(files, DAY));
        assert_eq!(file, format!("dt={}", shop::date(second)));
        assert!(matches!(problem, FileProblem::DayOrder { day, before } if (day, before) == (second, first)));
    }
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_name_and_column() {
    let bad = |content: Bytes| {
        let good = fact_file(DAY, &[line(1)]);
        let file = FactFile {
            name: "bad".to_owned(),
            day: DAY + 1,
            content,
        };
        let (of_customers, customers) = problem(read_customers([good.clone(), file.clone()]));
        let (of_sales, sales) = problem(read_sales([good, file], DAY));
        assert_eq!((of_customers.as_str(), of_sales.as_str()), ("bad", "bad"));
        [customers, sales]
    };
    for content in [Bytes::new(), Bytes::from_static(b"PAR1 is not enough")] {
        for problem in bad(content) {
            assert!(
                matches!(problem, FileProblem::Read(ReadError::Parquet(_))),
                "{problem}"
            );
        }
    }
    let column = |name: &str, column: ArrayRef, nullable: bool| {
        parquet(
            Schema::new(vec![Field::new(name, column.data_type().clone(), nullable)]),
            vec![column],
        )
    };
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    assert_eq!(numbers.data_type(), &DataType::Int64);
    for problem in bad(column("line_number", numbers, false)) {
        assert!(
            matches!(problem, FileProblem::Read(ReadError::Column("line_number"))),
            "{problem}"
        );
    }
    let nulls: ArrayRef = Arc::new(arrow::array::Int32Array::from(vec![None, Some(1)]));
    for problem in bad(column("line_number", nulls, true)) {
        assert!(
            matches!(problem, FileProblem::Read(ReadError::Null("line_number"))),
            "{problem}"
        );
    }
}

#[test]
fn a_country_that_does_not_exist_is_told() {
    let file = fact_file(
        DAY,
        &[Row {
            country: "XX",
            ..line(1)
        }],
    );
    let (_, problem) = problem(read_sales([file], DAY));
    assert!(
        matches!(problem, FileProblem::Read(ReadError::Value { column: "country", found }) if found == "XX")
    );
}
