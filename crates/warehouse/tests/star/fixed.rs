//! Dimensions that do not depend on data, and the tables' names and columns.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int32Type};
use events::{Country, PaymentMethod, Timestamp};
use warehouse::glue_columns;
use warehouse::star::{
    StarTable, encode_dates, encode_payment_methods, encode_regions, payment_method_key, region_key,
};

use crate::read;

fn numbers(batch: &RecordBatch, name: &str) -> Vec<i32> {
    let column = batch.column_by_name(name).unwrap();
    column.as_primitive::<Int32Type>().values().to_vec()
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = batch.column_by_name(name).unwrap().as_string::<i32>();
    column.iter().flatten().map(str::to_owned).collect()
}

#[test]
fn a_row_a_day_from_1969_to_2027() {
    let (first, last) = (-1, 20_819);
    let dates = read(StarTable::DimDate, encode_dates(first..=last).unwrap());
    let days: Vec<i32> = (first..=last).collect();
    let date = dates.column_by_name("date").unwrap();
    assert_eq!(date.as_primitive::<Date32Type>().values(), days.as_slice());
    let date_keys = days.iter().map(|day| {
        let time = Timestamp::of_day(*day).unwrap();
        time.date().replace('-', "").parse::<i32>().unwrap()
    });
    assert_eq!(numbers(&dates, "date_key"), date_keys.collect::<Vec<i32>>());
}

#[test]
fn known_days_are_what_a_calendar_on_the_wall_says() {
    let day = |day: i32| {
        let row = read(StarTable::DimDate, encode_dates(day..=day).unwrap());
        let number = |name: &str| numbers(&row, name)[0];
        let is_weekend = row.column_by_name("is_weekend").unwrap().as_boolean().value(0);
        let date = ["date_key", "year", "quarter", "month", "day"].map(number);
        (date, ["iso_year", "iso_week", "weekday"].map(number), is_weekend)
    };
    assert_eq!(day(-1), ([19_691_231, 1969, 4, 12, 31], [1970, 1, 3], false));
    assert_eq!(day(7_305), ([19_900_101, 1990, 1, 1, 1], [1990, 1, 1], false));
    assert_eq!(day(11_016), ([20_000_229, 2000, 1, 2, 29], [2000, 9, 2], false));
    assert_eq!(day(20_818), ([20_261_231, 2026, 4, 12, 31], [2026, 53, 4], false));
    assert_eq!(day(20_821), ([20_270_103, 2027, 1, 1, 3], [2026, 53, 7], true));
}

#[test]
fn regions_and_payment_methods_have_the_keys_that_facts_give_them() {
    let regions = read(StarTable::DimRegion, encode_regions().unwrap());
    assert_eq!(numbers(&regions, "region_key"), (1..=249).collect::<Vec<_>>());
    let countries: Vec<Country> = texts(&regions, "country")
        .iter()
        .map(|code| code.parse().unwrap())
        .collect();
    assert!(countries.iter().map(|country| region_key(*country)).eq(1..=249));

    let methods = read(StarTable::DimPaymentMethod, encode_payment_methods().unwrap());
    let names = texts(&methods, "payment_method");
    let keys = names
        .iter()
        .map(|name| payment_method_key(PaymentMethod::from_name(name).unwrap()));
    assert_eq!(numbers(&methods, "payment_method_key"), keys.collect::<Vec<_>>());
    assert_eq!(
        texts(&methods, "kind"),
        ["card", "card", "wallet", "wallet", "wallet", "bank", "gift_card"]
    );
}

#[test]
fn tables_have_different_names_and_columns_that_athena_has_types_for() {
    for table in StarTable::ALL {
        let of_name = StarTable::ALL
            .iter()
            .filter(|other| other.as_str() == table.as_str());
        assert_eq!(of_name.count(), 1, "{table:?}");
        for (name, kind) in glue_columns(&table.schema()) {
            let expected = match name.as_str() {
                name if name.starts_with("is_") => "boolean",
                name if name.ends_with("_minor") => "bigint",
                "occurred_at" => "timestamp",
                "date" | "launched_on" | "joined_on" => "date",
                _ => continue,
            };
            assert_eq!(kind, expected, "{name}");
        }
    }
}
