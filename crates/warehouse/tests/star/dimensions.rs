//! Dimensions whose members turn up.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type};
use bytes::Bytes;
use events::{Body, Device, Timestamp};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use warehouse::read::ReadError;
use warehouse::star::{
    CategoryDimension, Dimensions, ProductDimension, StarError, StarTable, UserDimension, catalog_reader,
};
use warehouse::{CatalogProduct, CatalogTable, CatalogUser, encode_products, encode_users};

use crate::{CATEGORIES, archived, event, line, read, sale};

fn catalog(table: CatalogTable, part: Vec<u8>) -> RecordBatch {
    let mut batches = catalog_reader(table, part.into()).unwrap();
    let batch = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    batch
}

fn catalog_product(product_id: u64, name: &str) -> CatalogProduct<'static> {
    CatalogProduct {
        product_id,
        name: name.into(),
        category: "toys",
        brand: "Acme",
        price_minor: 2_999,
        cost_minor: 1_500,
        launched_on: Timestamp::parse("1990-01-01T00:00:00Z").unwrap(),
        initial_stock: 20,
    }
}

fn products(ids: &[u64], name: &str) -> RecordBatch {
    let rows = ids.iter().map(|id| catalog_product(*id, name));
    catalog(CatalogTable::Products, encode_products(rows).unwrap())
}

fn users(ids: &[u64]) -> RecordBatch {
    let rows = ids.iter().map(|user_id| CatalogUser {
        user_id: *user_id,
        country: "JP".parse().unwrap(),
        device: Device::Mobile,
        joined_on: Timestamp::parse("1969-12-31T00:00:00Z").unwrap(),
        activity: 0.5,
        tastes: vec!["books"],
    });
    catalog(CatalogTable::Users, encode_users(rows).unwrap())
}

fn numbers(batch: &RecordBatch, name: &str) -> Vec<Option<i64>> {
    let column = batch.column_by_name(name).unwrap();
    column.as_primitive::<Int64Type>().iter().collect()
}

fn dates(batch: &RecordBatch, name: &str) -> Vec<Option<i32>> {
    let column = batch.column_by_name(name).unwrap();
    column.as_primitive::<Date32Type>().iter().collect()
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Vec<Option<&'a str>> {
    let column = batch.column_by_name(name).unwrap();
    column.as_string::<i32>().iter().collect()
}

fn flags(batch: &RecordBatch, name: &str) -> Vec<Option<bool>> {
    let column = batch.column_by_name(name).unwrap();
    column.as_boolean().iter().collect()
}

/// Keys by id, as a file of products has them.
fn keys(file: &[u8]) -> BTreeMap<i64, i64> {
    let rows = read(StarTable::DimProduct, file.to_vec());
    let pairs = numbers(&rows, "product_id")
        .into_iter()
        .zip(numbers(&rows, "product_key"));
    pairs.map(|(id, key)| (id.unwrap(), key.unwrap())).collect()
}

/// What turns up in a rebuild: a product in the facts, or in the catalog.
type Rebuild = Vec<(u64, bool)>;

fn any_rebuilds() -> impl Strategy<Value = Vec<Rebuild>> {
    let found = (prop_oneof![0..20_u64, Just(i64::MAX as u64)], any::<bool>());
    prop::collection::vec(prop::collection::vec(found, 0..12), 1..5)
}

fn rebuild(file: Option<&[u8]>, found: &[(u64, bool)]) -> Vec<u8> {
    let file = file.map(Bytes::copy_from_slice);
    let mut dimension = ProductDimension::read(file).unwrap();
    for (id, in_catalog) in found {
        if *in_catalog {
            dimension.take_catalog(&products(&[*id], "lamp")).unwrap();
        } else {
            dimension.infer(i64::try_from(*id).unwrap(), "books");
        }
    }
    dimension.encode().unwrap()
}

proptest! {
    // Each case writes up to a dozen files.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn keys_are_kept_over_rebuilds_and_new_members_get_the_next_by_id(rebuilds in any_rebuilds()) {
        let mut known: BTreeMap<i64, i64> = BTreeMap::new();
        let mut file: Option<Vec<u8>> = None;
        for found in rebuilds {
            let now = rebuild(file.as_deref(), &found);
            let new: BTreeSet<i64> = found.iter()
                .map(|(id, _)| i64::try_from(*id).unwrap())
                .filter(|id| !known.contains_key(id))
                .collect();
            let next = i64::try_from(known.len()).unwrap() + 1;
            known.extend(new.into_iter().zip(next..));
            prop_assert_eq!(&keys(&now), &known);
            let backwards: Rebuild = found.into_iter().rev().collect();
            prop_assert_eq!(keys(&rebuild(file.as_deref(), &backwards)), keys(&now));
            prop_assert!(rebuild(Some(&now), &[]) == now);
            file = Some(now);
        }
    }
}

#[test]
fn a_product_that_only_facts_name_is_inferred_until_the_catalog_knows_it() {
    let mut dimension = ProductDimension::read(None).unwrap();
    dimension.infer(9, CATEGORIES[2]);
    dimension.infer(9, "another");
    dimension.take_catalog(&products(&[5], "lamp")).unwrap();
    assert_eq!(dimension.key(9), None);
    let file = dimension.encode().unwrap();
    assert_eq!((dimension.key(5), dimension.key(9)), (Some(1), Some(2)));
    let rows = read(StarTable::DimProduct, file.clone());
    assert_eq!(numbers(&rows, "product_id"), [Some(5), Some(9)]);
    assert_eq!(texts(&rows, "name"), [Some("lamp"), None]);
    assert_eq!(texts(&rows, "category"), [Some("toys"), Some(CATEGORIES[2])]);
    assert_eq!(texts(&rows, "brand"), [Some("Acme"), None]);
    assert_eq!(numbers(&rows, "price_minor"), [Some(2_999), None]);
    assert_eq!(numbers(&rows, "cost_minor"), [Some(1_500), None]);
    assert_eq!(dates(&rows, "launched_on"), [Some(7_305), None]);
    assert_eq!(flags(&rows, "is_inferred"), [Some(false), Some(true)]);

    let mut dimension = ProductDimension::read(Some(file.into())).unwrap();
    dimension.infer(9, "a third");
    dimension.take_catalog(&products(&[1, 9], "chair")).unwrap();
    let rows = read(StarTable::DimProduct, dimension.encode().unwrap());
    assert_eq!(numbers(&rows, "product_key"), [Some(1), Some(2), Some(3)]);
    assert_eq!(numbers(&rows, "product_id"), [Some(5), Some(9), Some(1)]);
    // The catalog has no 5 any more.
    assert_eq!(texts(&rows, "name"), [Some("lamp"), Some("chair"), Some("chair")]);
    assert_eq!(texts(&rows, "category"), [Some("toys"); 3]);
    assert_eq!(flags(&rows, "is_inferred"), [Some(false); 3]);
}

#[test]
fn a_user_who_only_facts_name_is_inferred_until_the_catalog_knows_them() {
    let mut dimension = UserDimension::read(None).unwrap();
    dimension.infer(7, "DE".parse().unwrap(), Device::Tablet);
    dimension.infer(7, "US".parse().unwrap(), Device::Desktop);
    let file = dimension.encode().unwrap();
    let rows = read(StarTable::DimUser, file.clone());
    assert_eq!(texts(&rows, "country"), [Some("DE")]);
    assert_eq!(texts(&rows, "device"), [Some("tablet")]);
    assert_eq!(dates(&rows, "joined_on"), [None]);
    assert_eq!(flags(&rows, "is_inferred"), [Some(true)]);

    let mut dimension = UserDimension::read(Some(file.into())).unwrap();
    dimension.take_catalog(&users(&[3, 7])).unwrap();
    let rows = read(StarTable::DimUser, dimension.encode().unwrap());
    assert_eq!(numbers(&rows, "user_key"), [Some(1), Some(2)]);
    assert_eq!(numbers(&rows, "user_id"), [Some(7), Some(3)]);
    assert_eq!(texts(&rows, "country"), [Some("JP"); 2]);
    assert_eq!(texts(&rows, "device"), [Some("mobile"); 2]);
    assert_eq!(dates(&rows, "joined_on"), [Some(-1); 2]);
    assert_eq!(flags(&rows, "is_inferred"), [Some(false); 2]);
}

#[test]
fn all_that_facts_and_the_catalog_name_is_in_the_dimensions() {
    let mut dimensions = Dimensions {
        products: ProductDimension::read(None).unwrap(),
        users: UserDimension::read(None).unwrap(),
        categories: CategoryDimension::read(None).unwrap(),
    };
    let lines = (0..4).map(|product| line(product, 1, 1)).collect();
    let batch = archived(&[event(1, 0, Body::Purchase(sale(1, lines, [0; 3])))]);
    dimensions.infer(&batch).unwrap();
    dimensions.take_products(&products(&[3, 4], "lamp")).unwrap();
    dimensions.assign_keys();
    let file = dimensions.categories.encode().unwrap();
    let rows = read(StarTable::DimCategory, file.clone());
    let mut expected = [CATEGORIES.as_slice(), &["toys"]].concat();
    expected.sort_unstable();
    assert_eq!(
        texts(&rows, "category"),
        expected.into_iter().map(Some).collect::<Vec<_>>()
    );
    assert_eq!(
        numbers(&rows, "category_key"),
        (1..=5).map(Some).collect::<Vec<_>>()
    );
    let categories = CategoryDimension::read(Some(file.into())).unwrap();
    assert_eq!(categories.key(""), Some(1));
    assert_eq!(categories.key("unheard of"), None);
    let inferred = read(StarTable::DimProduct, dimensions.products.encode().unwrap());
    assert_eq!(
        flags(&inferred, "is_inferred"),
        [true, true, true, false, false].map(Some)
    );
    assert_eq!(dimensions.users.key(42), Some(1));
}

#[test]
fn a_dimension_without_members_is_a_file_without_rows() {
    let file = UserDimension::read(None).unwrap().encode().unwrap();
    assert_eq!(read(StarTable::DimUser, file.clone()).num_rows(), 0);
    assert_eq!(UserDimension::read(Some(file.into())).unwrap().key(1), None);
}

#[test]
fn many_users_keep_their_keys_in_a_file_of_several_batches() {
    let mut dimension = UserDimension::read(None).unwrap();
    let country = "DE".parse().unwrap();
    (0..20_000)
        .rev()
        .for_each(|n| dimension.infer(3 * n, country, Device::Mobile));
    let file = dimension.encode().unwrap();
    let mut dimension = UserDimension::read(Some(file.into())).unwrap();
    dimension.infer(1, country, Device::Mobile);
    dimension.assign_keys();
    assert!((0..20_000).all(|n| dimension.key(3 * n) == Some(n + 1)));
    assert_eq!(dimension.key(1), Some(20_001));
}

#[test]
fn files_whose_keys_are_not_in_order_or_not_unique_are_refused() {
    let mut dimension = CategoryDimension::read(None).unwrap();
    CATEGORIES.iter().for_each(|category| dimension.infer(category));
    let rows = read(StarTable::DimCategory, dimension.encode().unwrap());
    let file = |rows: &[RecordBatch]| {
        let mut writer = ArrowWriter::try_new(Vec::new(), rows[0].schema(), None).unwrap();
        rows.iter().for_each(|rows| writer.write(rows).unwrap());
        CategoryDimension::read(Some(writer.into_inner().unwrap().into()))
    };
    assert!(file(&[rows.slice(0, 2), rows.slice(2, 2)]).is_ok());
    for parts in [
        [rows.slice(1, 3), rows.slice(0, 1)],
        [rows.slice(0, 1), rows.slice(2, 2)],
    ] {
        assert!(matches!(
            file(&parts).err(),
            Some(StarError::KeyOrder("category_key"))
        ));
    }
    let again = rows.column_by_name("category").unwrap().slice(0, 1);
    let keys = rows.column_by_name("category_key").unwrap().slice(1, 1);
    let twice = RecordBatch::try_new(rows.schema(), vec![keys, again]).unwrap();
    let found = file(&[rows.slice(0, 1), twice]).err();
    assert!(matches!(
        found,
        Some(StarError::Read(ReadError::Value {
            column: "category_key",
            ..
        }))
    ));
}
