//! The columns of the archived tables.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use events::Stream;

/// The Arrow schema of a stream's table. Event fields that not every type of the stream has are nullable.
#[must_use]
pub fn schema_of(stream: Stream) -> Schema {
    let mut fields = vec![
        required("event_id", DataType::Utf8),
        required("schema_version", DataType::Int32),
        required("event_type", DataType::Utf8),
        required("occurred_at", timestamp()),
        required("user_id", DataType::Int64),
        required("session_id", DataType::Utf8),
        required("country", DataType::Utf8),
        required("device", DataType::Utf8),
    ];
    fields.extend(match stream {
        Stream::ProductViews => vec![
            optional("product_id", DataType::Int64),
            optional("category", DataType::Utf8),
            optional("price_minor", DataType::Int64),
            optional("query", DataType::Utf8),
            optional("results", DataType::Int64),
            optional("filters", filters()),
            optional("product_ids", DataType::List(list_item(DataType::Int64))),
        ],
        Stream::CartEvents => vec![
            required("cart_id", DataType::Utf8),
            optional("product_id", DataType::Int64),
            optional("category", DataType::Utf8),
            optional("quantity", DataType::Int64),
            optional("unit_price_minor", DataType::Int64),
            optional(
                "items",
                DataType::List(list_item(DataType::Struct(line_fields()))),
            ),
            optional("cart_total_minor", DataType::Int64),
        ],
        Stream::Transactions => vec![
            required("transaction_id", DataType::Utf8),
            required("cart_id", DataType::Utf8),
            optional("refunded_transaction_id", DataType::Utf8),
            required(
                "lines",
                DataType::List(list_item(DataType::Struct(line_fields()))),
            ),
            required("discount_minor", DataType::Int64),
            required("shipping_minor", DataType::Int64),
            required("tax_minor", DataType::Int64),
            required("total_minor", DataType::Int64),
            required("currency", DataType::Utf8),
            required("payment_method", DataType::Utf8),
        ],
    });
    fields.extend([
        required("arrived_at", timestamp()),
        required("shard_id", DataType::Utf8),
        required("sequence_number", DataType::Utf8),
    ]);
    Schema::new(fields)
}

/// The columns of a table as Glue and Athena call them: name and type.
#[must_use]
pub fn glue_columns(schema: &Schema) -> Vec<(String, String)> {
    schema
        .fields()
        .iter()
        .map(|field| (field.name().clone(), glue_type(field.data_type())))
        .collect()
}

fn glue_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Int32 => "int".into(),
        DataType::Int64 => "bigint".into(),
        DataType::Float64 => "double".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(..) => "timestamp".into(),
        DataType::List(item) => format!("array<{}>", glue_type(item.data_type())),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => {
                let types: Vec<String> = fields.iter().map(|field| glue_type(field.data_type())).collect();
                format!("map<{}>", types.join(","))
            }
            other => unreachable!("a map's entries are a struct, not {other}"),
        },
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| format!("{}:{}", field.name(), glue_type(field.data_type())))
                .collect();
            format!("struct<{}>", fields.join(","))
        }
        _ => "string".into(),
    }
}

/// The fields of one line of an order.
pub(crate) fn line_fields() -> Fields {
    Fields::from(vec![
        required("product_id", DataType::Int64),
        required("category", DataType::Utf8),
        required("quantity", DataType::Int64),
        required("unit_price_minor", DataType::Int64),
    ])
}

/// The element of a list, by the name that the Parquet format gives it.
pub(crate) fn list_item(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new("element", data_type, false))
}

/// Milliseconds in UTC without a zone: what both Athena and DuckDB show as `timestamp`.
fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, None)
}

fn filters() -> DataType {
    let entries = Fields::from(vec![
        required("key", DataType::Utf8),
        optional("value", DataType::Utf8),
    ]);
    DataType::Map(
        Arc::new(Field::new("key_value", DataType::Struct(entries), false)),
        false,
    )
}

pub(crate) fn required(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

pub(crate) fn optional(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}
