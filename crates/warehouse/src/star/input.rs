//! What is read: files, and the columns of their rows.

use arrow::array::{Array, ArrayAccessor, RecordBatch};
use bytes::Bytes;

use super::FACT_COLUMNS;
use crate::CatalogTable;
use crate::read::{ReadError, rows};

/// An archive object of transactions, with the columns that facts are made of, in the order in which it holds its rows.
pub fn transactions_reader(
    object: Bytes,
) -> Result<impl Iterator<Item = Result<RecordBatch, ReadError>>, ReadError> {
    rows(object, FACT_COLUMNS)
}

/// A part of a catalog table, with the columns that its dimension has.
pub fn catalog_reader(
    table: CatalogTable,
    part: Bytes,
) -> Result<impl Iterator<Item = Result<RecordBatch, ReadError>>, ReadError> {
    let columns: &[&str] = match table {
        CatalogTable::Products => &[
            "product_id",
            "name",
            "category",
            "brand",
            "price_minor",
            "cost_minor",
            "launched_on",
        ],
        CatalogTable::Users => &["user_id", "country", "device", "joined_on"],
    };
    rows(part, columns)
}

/// A value of an optional column.
pub(super) fn value<'a, A>(column: &'a A, row: usize) -> Option<<&'a A as ArrayAccessor>::Item>
where
    &'a A: ArrayAccessor,
{
    column.is_valid(row).then(|| column.value(row))
}
