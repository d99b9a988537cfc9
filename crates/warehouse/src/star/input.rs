//! What is read: files, and the columns of their rows.

use arrow::array::{Array, ArrayAccessor, RecordBatch};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{FACT_COLUMNS, StarError};
use crate::CatalogTable;

/// Rows read at a time.
const BATCH_ROWS: usize = 8_192;

/// An archive object of transactions, with the columns that facts are made of, in the order in which it holds its rows.
pub fn transactions_reader(
    object: Bytes,
) -> Result<impl Iterator<Item = Result<RecordBatch, StarError>>, StarError> {
    reader(object, FACT_COLUMNS)
}

/// A part of a catalog table, with the columns that its dimension has.
pub fn catalog_reader(
    table: CatalogTable,
    part: Bytes,
) -> Result<impl Iterator<Item = Result<RecordBatch, StarError>>, StarError> {
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
    reader(part, columns)
}

/// Columns of a file. One that it doesn't have is missing in the rows, too.
pub(super) fn reader(
    file: Bytes,
    columns: &[&str],
) -> Result<impl Iterator<Item = Result<RecordBatch, StarError>> + use<>, StarError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let wanted = ProjectionMask::columns(reader.parquet_schema(), columns.iter().copied());
    let rows = reader
        .with_projection(wanted)
        .with_batch_size(BATCH_ROWS)
        .build()?;
    Ok(rows.map(|batch| Ok(batch?)))
}

/// A column of a type, nulls or not.
pub(super) fn optional_column<'a, A: Array + 'static>(
    batch: &'a RecordBatch,
    name: &'static str,
) -> Result<&'a A, StarError> {
    let column = batch.column_by_name(name);
    column
        .and_then(|column| column.as_any().downcast_ref())
        .ok_or(StarError::Column(name))
}

/// A column of a type, without nulls.
pub(super) fn required_column<'a, A: Array + 'static>(
    batch: &'a RecordBatch,
    name: &'static str,
) -> Result<&'a A, StarError> {
    let column: &A = optional_column(batch, name)?;
    if column.null_count() > 0 {
        return Err(StarError::Null(name));
    }
    Ok(column)
}

/// A value of an optional column.
pub(super) fn value<'a, A>(column: &'a A, row: usize) -> Option<<&'a A as ArrayAccessor>::Item>
where
    &'a A: ArrayAccessor,
{
    column.is_valid(row).then(|| column.value(row))
}
