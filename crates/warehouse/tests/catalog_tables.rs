//! Catalog tables from outside: what is in a file.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Float64Type, Int64Type};
use events::{Device, Timestamp};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use warehouse::{CatalogProduct, CatalogTable, CatalogUser, EncodeError, encode_products, encode_users};

fn product(product_id: u64) -> CatalogProduct<'static> {
    CatalogProduct {
        product_id,
        name: format!("Acme lamp {product_id}"),
        category: "home",
        brand: "Acme",
        price_minor: 2_999,
        cost_minor: 1_500,
        launched_on: Timestamp::parse("1969-12-31T00:00:00Z").unwrap(),
        initial_stock: 20,
    }
}

fn user(user_id: u64) -> CatalogUser<'static> {
    CatalogUser {
        user_id,
        country: "DE".parse().unwrap(),
        device: Device::Desktop,
        joined_on: Timestamp::parse("1970-01-02T00:00:00Z").unwrap(),
        activity: 0.25,
        tastes: vec!["home", "books"],
    }
}

/// The rows of a file, which must have the schema of its table, in batches; and how many row groups it has.
fn read(table: CatalogTable, bytes: Vec<u8>) -> (Vec<RecordBatch>, usize) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
    assert_eq!(reader.schema().fields(), table.schema().fields());
    let row_groups = reader.metadata().num_row_groups();
    (reader.build().unwrap().map(Result::unwrap).collect(), row_groups)
}

fn numbers(batches: &[RecordBatch], name: &str) -> Vec<i64> {
    let column = |batch: &RecordBatch| {
        let column = batch.column_by_name(name).unwrap();
        column.as_primitive::<Int64Type>().values().to_vec()
    };
    batches.iter().flat_map(column).collect()
}

#[test]
fn products_are_stored_as_they_are() {
    let bytes = encode_products((1..=3).map(product)).unwrap();
    let (batches, _) = read(CatalogTable::Products, bytes);
    assert_eq!(numbers(&batches, "product_id"), [1, 2, 3]);
    assert_eq!(numbers(&batches, "price_minor"), [2_999; 3]);
    assert_eq!(numbers(&batches, "cost_minor"), [1_500; 3]);
    assert_eq!(numbers(&batches, "initial_stock"), [20; 3]);
    let text = |name: &str| {
        batches[0]
            .column_by_name(name)
            .unwrap()
            .as_string::<i32>()
            .value(1)
            .to_owned()
    };
    assert_eq!(
        ["name", "category", "brand"].map(text),
        ["Acme lamp 2", "home", "Acme"]
    );
    let launched_on = batches[0].column_by_name("launched_on").unwrap();
    assert_eq!(launched_on.as_primitive::<Date32Type>().value(0), -1);
}

#[test]
fn users_are_stored_as_they_are() {
    let bytes = encode_users((1..=2).map(user)).unwrap();
    let (batches, _) = read(CatalogTable::Users, bytes);
    assert_eq!(numbers(&batches, "user_id"), [1, 2]);
    let text = |name: &str| {
        batches[0]
            .column_by_name(name)
            .unwrap()
            .as_string::<i32>()
            .value(0)
            .to_owned()
    };
    assert_eq!(["country", "device"].map(text), ["DE", "desktop"]);
    let joined_on = batches[0].column_by_name("joined_on").unwrap();
    assert_eq!(joined_on.as_primitive::<Date32Type>().value(0), 1);
    let activity = batches[0].column_by_name("activity").unwrap();
    assert!((activity.as_primitive::<Float64Type>().value(0) - 0.25).abs() < f64::EPSILON);
    let tastes = batches[0]
        .column_by_name("tastes")
        .unwrap()
        .as_list::<i32>()
        .value(1);
    let tastes: Vec<_> = tastes.as_string::<i32>().iter().flatten().collect();
    assert_eq!(tastes, ["home", "books"]);
}

#[test]
fn many_rows_are_several_row_groups_in_order_and_the_same_bytes_each_time() {
    let bytes = || encode_products((1..=140_000).map(product)).unwrap();
    let (batches, row_groups) = read(CatalogTable::Products, bytes());
    assert_eq!(row_groups, 2);
    assert!(numbers(&batches, "product_id").into_iter().eq(1..=140_000));
    assert!(bytes() == bytes());
}

#[test]
fn a_file_without_rows_is_refused() {
    assert!(matches!(
        encode_users(std::iter::empty()),
        Err(EncodeError::NoRows)
    ));
}
