//! What is no input: a typed error that names the column.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    new_null_array,
};
use arrow::datatypes::{Field, Schema};
use events::{Body, Refund, Uuid};
use warehouse::read::ReadError;
use warehouse::star::{CategoryDimension, ProductDimension, UserDimension, event_days, transactions_reader};
use warehouse::star::{DayFacts, Dimensions, FACT_COLUMNS, Keys, StarError, StarTable};

use crate::model::facts_of;
use crate::{DAY, PlainKeys, archived, event, line, read, sale};

fn batch() -> RecordBatch {
    archived(&[event(
        1,
        0,
        Body::Purchase(sale(1, vec![line(1, 2, 250)], [1, 2, 3])),
    )])
}

/// A batch with another column in place of the one of that name.
fn with(batch: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let place = batch.schema().index_of(name).unwrap();
    let mut fields = batch.schema().fields().to_vec();
    let mut columns = batch.columns().to_vec();
    fields[place] = Arc::new(Field::new(name, column.data_type().clone(), true));
    columns[place] = column;
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// A batch whose lines have another column in place of the one of that name.
fn with_lines(batch: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let lists = batch.column_by_name("lines").unwrap().as_list::<i32>();
    let lines = with(&RecordBatch::from(lists.values().as_struct()), name, column);
    let lines = StructArray::from(lines);
    let item = Field::new("element", lines.data_type().clone(), false);
    let lists = ListArray::new(Arc::new(item), lists.offsets().clone(), Arc::new(lines), None);
    with(batch, "lines", Arc::new(lists))
}

fn error(keys: &impl Keys, batch: &RecordBatch) -> StarError {
    let mut facts = DayFacts::new(DAY, keys).unwrap();
    facts.add(batch).unwrap_err()
}

fn assert_value(batch: &RecordBatch, name: &str) {
    let error = error(&PlainKeys, batch);
    assert!(
        matches!(error, StarError::Read(ReadError::Value { column, .. }) if column == name),
        "{name}: {error}"
    );
}

#[test]
fn each_column_must_be_there_and_of_its_type() {
    let batch = batch();
    for (place, name) in FACT_COLUMNS.iter().enumerate() {
        let kept: Vec<usize> = (0..FACT_COLUMNS.len()).filter(|n| *n != place).collect();
        let kept: Vec<usize> = kept
            .iter()
            .map(|n| batch.schema().index_of(FACT_COLUMNS[*n]).unwrap())
            .collect();
        for malformed in [
            batch.project(&kept).unwrap(),
            with(&batch, name, Arc::new(Int32Array::from(vec![1]))),
        ] {
            let found = error(&PlainKeys, &malformed);
            assert!(
                matches!(found, StarError::Read(ReadError::Column(column)) if column == *name),
                "{name}: {found}"
            );
        }
    }
    let wrong = || Arc::new(Int32Array::from(vec![1]));
    for name in ["product_id", "category", "quantity", "unit_price_minor"] {
        let found = error(&PlainKeys, &with_lines(&batch, name, wrong()));
        assert!(
            matches!(found, StarError::Read(ReadError::Column(column)) if column == name),
            "{name}: {found}"
        );
    }
    let found = event_days(&with(&batch, "occurred_at", wrong())).unwrap_err();
    assert!(
        matches!(found, StarError::Read(ReadError::Column("occurred_at"))),
        "{found}"
    );
}

#[test]
fn only_the_refunded_order_may_be_null() {
    let batch = batch();
    for name in FACT_COLUMNS {
        let column = batch.column_by_name(name).unwrap();
        let nulls = with(&batch, name, new_null_array(column.data_type(), 1));
        if *name == "refunded_transaction_id" {
            DayFacts::new(DAY, &PlainKeys).unwrap().add(&nulls).unwrap();
        } else {
            let found = error(&PlainKeys, &nulls);
            assert!(
                matches!(found, StarError::Read(ReadError::Null(column)) if column == *name),
                "{name}: {found}"
            );
        }
    }
    let lines = batch.column_by_name("lines").unwrap().as_list::<i32>().values();
    for (name, column) in ["product_id", "category", "quantity", "unit_price_minor"]
        .iter()
        .zip(lines.as_struct().columns())
    {
        let nulls = new_null_array(column.data_type(), 1);
        let found = error(&PlainKeys, &with_lines(&batch, name, nulls));
        assert!(
            matches!(found, StarError::Read(ReadError::Null(column)) if column == *name),
            "{name}: {found}"
        );
    }
}

#[test]
fn a_refund_must_name_its_order() {
    let sale = sale(1, vec![line(1, 1, 1)], [0; 3]);
    let refund = Refund {
        refunded_transaction_id: Uuid::nil(),
        sale,
    };
    let batch = archived(&[event(1, 0, Body::Refund(refund))]);
    let nulls: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
    let found = error(&PlainKeys, &with(&batch, "refunded_transaction_id", nulls));
    assert!(
        matches!(found, StarError::Read(ReadError::Null("refunded_transaction_id"))),
        "{found}"
    );
}

#[test]
fn values_that_the_contract_does_not_allow_are_named() {
    let batch = batch();
    let text = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
    let number = |number: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![number])) };
    for (name, found) in [
        ("event_id", "no-uuid"),
        ("event_type", "cart_add"),
        ("country", "XX"),
        ("payment_method", "shells"),
    ] {
        assert_value(&with(&batch, name, text(found)), name);
    }
    for name in ["discount_minor", "shipping_minor", "tax_minor"] {
        assert_value(&with(&batch, name, number(-1)), name);
    }
    for name in ["quantity", "unit_price_minor"] {
        assert_value(&with_lines(&batch, name, number(-1)), name);
    }
}

#[test]
fn amounts_that_do_not_fit_in_64_bits_are_named() {
    let huge = with_lines(
        &batch(),
        "unit_price_minor",
        Arc::new(Int64Array::from(vec![i64::MAX])),
    );
    assert_value(&huge, "unit_price_minor");
    let two = archived(&[event(
        1,
        0,
        Body::Purchase(sale(1, vec![line(1, 1, 1), line(2, 1, 1)], [0; 3])),
    )]);
    let huge = Int64Array::from(vec![i64::MAX, i64::MAX]);
    assert_value(&with_lines(&two, "unit_price_minor", Arc::new(huge)), "lines");
}

#[test]
fn the_largest_amounts_are_allocated() {
    let most = || -> ArrayRef { Arc::new(Int64Array::from(vec![i64::MAX])) };
    let one = with_lines(&batch(), "quantity", Arc::new(Int64Array::from(vec![1])));
    let mut batch = with_lines(&one, "unit_price_minor", most());
    for name in ["discount_minor", "shipping_minor", "tax_minor"] {
        batch = with(&batch, name, most());
    }
    let mut facts = DayFacts::new(DAY, &PlainKeys).unwrap();
    facts.add(&batch).unwrap();
    let file = facts_of(&read(StarTable::FactSales, facts.finish().unwrap().bytes));
    let amounts = file
        .iter()
        .map(|fact| (fact.gross_minor, fact.net_minor, fact.shipping_minor));
    assert_eq!(amounts.collect::<Vec<_>>(), [(i64::MAX, 0, i64::MAX)]);
}

#[test]
fn an_order_has_lines() {
    let none = archived(&[event(1, 0, Body::Purchase(sale(1, vec![], [0; 3])))]);
    assert_value(&none, "lines");
}

#[test]
fn members_without_a_key_are_named() {
    let batch = batch();
    let dimensions = || Dimensions {
        products: ProductDimension::read(None).unwrap(),
        users: UserDimension::read(None).unwrap(),
        categories: CategoryDimension::read(None).unwrap(),
    };
    let assert_no_key = |dimensions: &Dimensions, name: &str| {
        let found = error(dimensions, &batch);
        assert!(
            matches!(found, StarError::NoKey { column, .. } if column == name),
            "{found}"
        );
    };
    let mut known = dimensions();
    known.infer(&batch).unwrap();
    // They are new, and have none yet.
    assert_no_key(&known, "user_key");
    known.users.assign_keys();
    assert_no_key(&known, "product_key");
    known.products.assign_keys();
    assert_no_key(&known, "category_key");
    known.categories.assign_keys();
    DayFacts::new(DAY, &known).unwrap().add(&batch).unwrap();
}

#[test]
fn an_object_must_be_parquet_and_a_day_have_a_date() {
    assert!(matches!(
        transactions_reader("no parquet".into()).err(),
        Some(ReadError::Parquet(_))
    ));
    let found = DayFacts::new(i32::MAX, &PlainKeys).err();
    assert!(matches!(found, Some(StarError::Day(i32::MAX))));
}
