//! The embedded engine against SQL: the queries of `infra/athena/batch`, run by DuckDB over the same files.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "duckdb/files.rs"]
mod files;
#[path = "questions/python.rs"]
mod python;
mod shop;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use batch::{Catalog, Snapshot, read_customers, read_sales, tables};
use files::{products_file, views, views_file, write};
use shop::{Shop, date, fact_files};
use warehouse::star::encode_dates;
use warehouse::tables::AnalyticsTable;

/// 2026-05-01, a Friday.
const FIRST_DAY: i32 = 20_574;
/// 1994-12-20.
const IN_THE_1990S: i32 = 9_119;

const USUAL: Shop = Shop::usual(FIRST_DAY);

/// Shops, and how many days after their last one the last complete day is.
fn shops() -> Vec<(Shop, i32)> {
    let usual = (0..8).map(|seed| (Shop { seed, ..USUAL }, i32::try_from(seed).unwrap() % 4 - 2));
    let special = [
        Shop { prices: 1, ..USUAL },
        Shop {
            prices: 2,
            orders_a_day: 1,
            users: 400,
            ..USUAL
        },
        Shop {
            users: 1,
            products: 1,
            ..USUAL
        },
        Shop {
            users: 4,
            products: 3,
            prices: 2,
            ..USUAL
        },
        Shop {
            refund_percent: 100,
            ..USUAL
        },
        Shop {
            refund_percent: 0,
            closed_percent: 0,
            ..USUAL
        },
        Shop { days: 1, ..USUAL },
        Shop {
            days: 7,
            closed_percent: 0,
            ..USUAL
        },
        Shop {
            days: 13,
            closed_percent: 0,
            ..USUAL
        },
        Shop {
            days: 14,
            closed_percent: 0,
            ..USUAL
        },
        Shop {
            days: 16,
            closed_percent: 50,
            ..USUAL
        },
        Shop {
            days: 30,
            closed_percent: 0,
            ..USUAL
        },
        Shop {
            days: 31,
            closed_percent: 0,
            ..USUAL
        },
        Shop {
            orders_a_day: 0,
            ..USUAL
        },
        Shop {
            first_day: IN_THE_1990S,
            days: 800,
            closed_percent: 30,
            orders_a_day: 1,
            ..USUAL
        },
        Shop {
            first_day: -400,
            days: 500,
            orders_a_day: 2,
            refund_percent: 45,
            ..USUAL
        },
    ];
    let special = (100..)
        .zip(special)
        .map(|(seed, shop)| (Shop { seed, ..shop }, 0));
    // Nothing is complete yet; long closed.
    let ends = [(USUAL, -200), (USUAL, 90)];
    usual.chain(special).chain(ends).collect()
}

/// Writes a shop's files, and the tables that the engine makes of them.
fn write_warehouse(at: &Path, shop: &Shop, as_of_day: i32) {
    let mut days = shop.lines();
    // A file without rows, as everything may have been taken out of it.
    days.insert(shop.first_day - 1, Vec::new());
    let files = fact_files(&days);
    for file in &files {
        write(
            &at.join("fact_sales").join(&file.name).join("fact_sales.parquet"),
            &file.content,
        );
    }
    let last_day = as_of_day.max(shop.first_day + shop.days);
    write(
        &at.join("dim_date.parquet"),
        &encode_dates(shop.first_day - 10..=last_day).unwrap(),
    );
    let views = views(shop);
    write(&at.join("fact_product_views.parquet"), &views_file(&views));
    write(&at.join("as_of_date"), date(as_of_day).as_bytes());

    let products = products_file(shop);
    write(&at.join("dim_product.parquet"), &products);
    let previous = previous_segments(shop);
    write(&at.join("previous.parquet"), &previous);

    let facts = read_sales(files, as_of_day).unwrap();
    let catalog = Catalog::read("dim_product", products).unwrap();
    let previous = Snapshot::read("customer_segments", previous).unwrap();
    for (table, bytes) in tables::all(facts, &catalog, views, &previous).unwrap() {
        write(
            &at.join("engine").join(format!("{}.parquet", table.as_str())),
            &bytes,
        );
    }
}

/// Segments of a shop with other sales before, and other users; of every third shop there are none.
fn previous_segments(shop: &Shop) -> bytes::Bytes {
    let before = Shop {
        seed: shop.seed + 1_000,
        first_day: shop.first_day - 60,
        days: if shop.seed.is_multiple_of(3) { 0 } else { 60 },
        users: shop.users + 5,
        ..*shop
    };
    let customers = read_customers(fact_files(&before.lines())).unwrap();
    let [(_, segments), ..] = tables::of_customers(customers, &Snapshot::default()).unwrap();
    segments.into()
}

/// By table and column, how many values there were and how many nulls.
type Counts = BTreeMap<String, BTreeMap<String, [u64; 2]>>;

fn compare(warehouses: &[String]) -> Counts {
    let queries = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/athena/batch");
    serde_json::from_value(python::run("duckdb/compare.py", &queries, warehouses)).unwrap()
}

#[test]
fn the_engine_and_duckdb_make_the_same_tables() {
    let folder = tempfile::tempdir().unwrap();
    let mut warehouses = Vec::new();
    for (n, (shop, as_of)) in shops().into_iter().enumerate() {
        let at = folder.path().join(format!("{n:02}"));
        write_warehouse(&at, &shop, shop.first_day + shop.days - 1 + as_of);
        warehouses.push(at.to_str().unwrap().to_owned());
    }
    let counts = compare(&warehouses);

    // What was compared: every table had rows, and every column values, and nulls where it may have some.
    for table in AnalyticsTable::ALL {
        for field in table.schema().fields() {
            let [values, nulls] = counts[table.as_str()][field.name()];
            assert!(values > 0, "{} {}", table.as_str(), field.name());
            assert_eq!(
                nulls > 0,
                field.is_nullable(),
                "{} {}",
                table.as_str(),
                field.name()
            );
        }
    }
    let tables = fs::read_dir(folder.path().join("00/engine")).unwrap().count();
    assert_eq!(tables, AnalyticsTable::ALL.len());
}
