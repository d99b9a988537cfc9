//! The catalog: what the shop knows of its products and users, a row each.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int64Array, ListBuilder, StringArray, StringBuilder,
};
use arrow::datatypes::{DataType, Schema};
use events::{Country, Device, Timestamp};

use crate::columns::id;
use crate::schema::{list_item, required};
use crate::{EncodeError, table_file};

/// A table of the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogTable {
    /// What there is to buy.
    Products,
    /// Who shops.
    Users,
}

/// A product, as the catalog has it.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogProduct<'a> {
    /// Its number, at most 2^63 − 1.
    pub product_id: u64,
    /// What it is called.
    pub name: String,
    /// What kind of product it is.
    pub category: &'a str,
    /// Who makes it.
    pub brand: &'a str,
    /// Its price, in minor units.
    pub price_minor: i64,
    /// What it costs the shop, in minor units.
    pub cost_minor: i64,
    /// The day from which it was for sale.
    pub launched_on: Timestamp,
    /// How many there were at first.
    pub initial_stock: i64,
}

/// A user, as the catalog has it.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogUser<'a> {
    /// The user's number, at most 2^63 − 1.
    pub user_id: u64,
    /// Where the user lives.
    pub country: Country,
    /// What the user mostly uses.
    pub device: Device,
    /// The day on which the user joined.
    pub joined_on: Timestamp,
    /// How often the user comes, against the most frequent ones.
    pub activity: f64,
    /// Categories that the user prefers.
    pub tastes: Vec<&'a str>,
}

impl CatalogTable {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Products, Self::Users];

    /// The last part of its name and of its folder's.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Users => "users",
        }
    }

    /// Its Arrow schema. No column is nullable.
    #[must_use]
    pub fn schema(self) -> Schema {
        Schema::new(match self {
            Self::Products => vec![
                required("product_id", DataType::Int64),
                required("name", DataType::Utf8),
                required("category", DataType::Utf8),
                required("brand", DataType::Utf8),
                required("price_minor", DataType::Int64),
                required("cost_minor", DataType::Int64),
                required("launched_on", DataType::Date32),
                required("initial_stock", DataType::Int64),
            ],
            Self::Users => vec![
                required("user_id", DataType::Int64),
                required("country", DataType::Utf8),
                required("device", DataType::Utf8),
                required("joined_on", DataType::Date32),
                required("activity", DataType::Float64),
                required("tastes", DataType::List(list_item(DataType::Utf8))),
            ],
        })
    }
}

/// Writes products as one Parquet file, in the order given.
pub fn encode_products<'a>(rows: impl Iterator<Item = CatalogProduct<'a>>) -> Result<Vec<u8>, EncodeError> {
    encode(CatalogTable::Products, rows, |rows| {
        vec![
            numbers(rows, |row| id(row.product_id)),
            texts(rows, |row| &row.name),
            texts(rows, |row| row.category),
            texts(rows, |row| row.brand),
            numbers(rows, |row| row.price_minor),
            numbers(rows, |row| row.cost_minor),
            dates(rows, |row| row.launched_on),
            numbers(rows, |row| row.initial_stock),
        ]
    })
}

/// Writes users as one Parquet file, in the order given.
pub fn encode_users<'a>(rows: impl Iterator<Item = CatalogUser<'a>>) -> Result<Vec<u8>, EncodeError> {
    encode(CatalogTable::Users, rows, |rows| {
        let mut tastes = ListBuilder::new(StringBuilder::new()).with_field(list_item(DataType::Utf8));
        for row in rows {
            tastes.append_value(row.tastes.iter().map(Some));
        }
        vec![
            numbers(rows, |row| id(row.user_id)),
            texts(rows, |row| row.country.as_str()),
            texts(rows, |row| row.device.as_str()),
            dates(rows, |row| row.joined_on),
            Arc::new(
                rows.iter()
                    .map(|row| Some(row.activity))
                    .collect::<Float64Array>(),
            ),
            Arc::new(tastes.finish()),
        ]
    })
}

/// A catalog without rows is none.
fn encode<T>(
    table: CatalogTable,
    rows: impl Iterator<Item = T>,
    columns: impl Fn(&[T]) -> Vec<ArrayRef>,
) -> Result<Vec<u8>, EncodeError> {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return Err(EncodeError::NoRows);
    }
    table_file::encode(table.schema(), rows, columns)
}

fn numbers<T>(rows: &[T], of: impl Fn(&T) -> i64) -> ArrayRef {
    Arc::new(rows.iter().map(|row| Some(of(row))).collect::<Int64Array>())
}

fn texts<'a, T>(rows: &'a [T], of: impl Fn(&'a T) -> &'a str) -> ArrayRef {
    Arc::new(rows.iter().map(|row| Some(of(row))).collect::<StringArray>())
}

fn dates<T>(rows: &[T], of: impl Fn(&T) -> Timestamp) -> ArrayRef {
    Arc::new(
        rows.iter()
            .map(|row| Some(of(row).day()))
            .collect::<Date32Array>(),
    )
}
