//! What sales come to, as columns that several tables have.

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::{DataType, Field};

use crate::schema::required;
use crate::table_file::column;

/// Sums of sales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SumColumns {
    /// Number of orders.
    pub orders: i64,
    /// Units ordered.
    pub units: i64,
    /// Price of the goods ordered.
    pub gross_minor: i64,
    /// Taken off their price.
    pub discount_minor: i64,
    /// Number of refunds.
    pub refunds: i64,
    /// Units given back.
    pub refunded_units: i64,
    /// Price of the goods given back, net of their discount.
    pub refunded_minor: i64,
    /// Gross less discount and refunds.
    pub net_revenue_minor: i64,
}

type Sum = (&'static str, fn(&SumColumns) -> i64);

const COLUMNS: [Sum; 8] = [
    ("orders", |sums| sums.orders),
    ("units", |sums| sums.units),
    ("gross_minor", |sums| sums.gross_minor),
    ("discount_minor", |sums| sums.discount_minor),
    ("refunds", |sums| sums.refunds),
    ("refunded_units", |sums| sums.refunded_units),
    ("refunded_minor", |sums| sums.refunded_minor),
    ("net_revenue_minor", |sums| sums.net_revenue_minor),
];

pub(super) fn fields() -> impl Iterator<Item = Field> {
    COLUMNS
        .into_iter()
        .map(|(name, _)| required(name, DataType::Int64))
}

pub(super) fn columns<T>(rows: &[T], of: impl Fn(&T) -> &SumColumns) -> impl Iterator<Item = ArrayRef> {
    COLUMNS
        .into_iter()
        .map(move |(_, sum)| column::<Int64Array, _, _>(rows, |row| Some(sum(of(row)))))
}
