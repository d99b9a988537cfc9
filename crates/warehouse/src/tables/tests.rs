use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::glue_columns;

/// The rows of a file, which must have the schema of its table; and how many row groups it has.
fn read(table: AnalyticsTable, bytes: Vec<u8>) -> (Vec<RecordBatch>, usize) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    assert_eq!(reader.schema().fields(), table.schema().fields());
    let row_groups = reader.metadata().num_row_groups();
    (reader.build().unwrap().map(Result::unwrap).collect(), row_groups)
}

fn customer(user_id: i64) -> CustomerSegmentRow<'static> {
    CustomerSegmentRow {
        user_id,
        snapshot_day: -1,
        recency_days: 2,
        frequency: 3,
        monetary_minor: -4,
        r: 5,
        f: 1,
        m: 2,
        segment: "New",
    }
}

#[test]
fn a_table_without_rows_is_a_file_with_its_columns() {
    let empty = [
        encode_customer_segments(std::iter::empty()),
        encode_rfm_cut_points(std::iter::empty()),
        encode_segment_migration(std::iter::empty()),
        encode_product_performance(std::iter::empty()),
        encode_sales_trends(std::iter::empty()),
        encode_weekday_index(std::iter::empty()),
        encode_sales_forecast(std::iter::empty()),
        encode_sales_forecast_error(std::iter::empty()),
        encode_sales_by_region(std::iter::empty()),
    ];
    assert_eq!(empty.len(), AnalyticsTable::ALL.len());
    for (table, bytes) in AnalyticsTable::ALL.iter().zip(empty) {
        assert_eq!(read(*table, bytes.unwrap()).1, 0, "{}", table.as_str());
    }
}

#[test]
fn many_rows_are_several_row_groups_in_order_and_the_same_bytes_each_time() {
    let bytes = || encode_customer_segments((1..=140_000).map(customer)).unwrap();
    let (batches, row_groups) = read(AnalyticsTable::CustomerSegments, bytes());
    assert_eq!(row_groups, 2);
    let users = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
    assert!(batches.iter().flat_map(users).eq(1..=140_000));
    assert!(bytes() == bytes());
}

#[test]
fn rows_that_are_columns_make_the_same_bytes_in_any_order() {
    let table = AnalyticsTable::CustomerSegments;
    let bytes = encode_customer_segments((1..=20_000).map(customer)).unwrap();
    let (mut batches, _) = read(table, bytes.clone());
    let places = |batches: &[RecordBatch]| -> Vec<(usize, usize)> {
        let of = |(batch, rows): (usize, &RecordBatch)| (0..rows.num_rows()).map(move |row| (batch, row));
        batches.iter().enumerate().flat_map(of).collect()
    };
    assert!(batches.len() > 1);
    assert!(encode_rows(table, &batches, places(&batches).into_iter()).unwrap() == bytes);
    // The last batch comes first, and its rows still last.
    batches.rotate_right(1);
    let mut rows = places(&batches);
    rows.rotate_left(batches[0].num_rows());
    assert!(encode_rows(table, &batches, rows.into_iter()).unwrap() == bytes);
    let none = encode_customer_segments(std::iter::empty()).unwrap();
    assert_eq!(encode_rows(table, &[], std::iter::empty()).unwrap(), none);
}

/// Of all tables, this one has the most columns of one type; what is in the others is compared with SQL in `batch`.
#[test]
fn a_trend_is_stored_as_it_is() {
    let row = SalesTrendRow {
        grain: "week",
        start_day: -3,
        is_complete: true,
        sums: SumColumns {
            orders: 1,
            units: 2,
            gross_minor: 3,
            discount_minor: 4,
            refunds: 5,
            refunded_units: 6,
            refunded_minor: 7,
            net_revenue_minor: -8,
        },
        buyers: None,
        average_order_value_minor: Some(0.5),
        trailing_7_net_minor: None,
        trailing_28_net_minor: Some(1.5),
        wow: Some(-0.25),
        mom: None,
        yoy: Some(4.0),
    };
    let bytes = encode_sales_trends([row].into_iter()).unwrap();
    let (batches, _) = read(AnalyticsTable::SalesTrends, bytes);
    let cells = batches[0].columns().iter().map(|column| {
        let texts = arrow::util::display::array_value_to_string(column, 0);
        texts.unwrap()
    });
    let expected = [
        "week",
        "1969-12-29",
        "true",
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7",
        "-8",
        "",
        "0.5",
        "",
        "1.5",
        "-0.25",
        "",
        "4.0",
    ];
    assert_eq!(cells.collect::<Vec<_>>(), expected);
}

#[test]
fn names_of_tables_and_columns_are_words_of_sql() {
    for table in AnalyticsTable::ALL {
        let columns = glue_columns(&table.schema());
        let mut names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let is_word = |name: &str| {
            name.bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        };
        assert!(names.iter().all(|name| is_word(name)) && is_word(table.as_str()));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), columns.len(), "{}", table.as_str());
    }
}
