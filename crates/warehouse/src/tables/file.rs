//! Rows as one Parquet file.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::AnalyticsTable;
use crate::EncodeError;
use crate::parquet_file::compression;

/// Rows that become columns at a time.
const BATCH_ROWS: usize = 8_192;
/// Rows whose encoded columns are held until they go into the file together.
const ROW_GROUP_ROWS: usize = 131_072;

/// Holds a batch of rows and an encoded row group at a time, however many rows there are. Without rows, the file has
/// columns only.
pub(super) fn encode<T>(
    table: AnalyticsTable,
    mut rows: impl Iterator<Item = T>,
    columns: impl Fn(&[T]) -> Vec<ArrayRef>,
) -> Result<Vec<u8>, EncodeError> {
    let schema = Arc::new(table.schema());
    let properties = WriterProperties::builder()
        .set_compression(compression()?)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))?;
    let mut batch = Vec::with_capacity(BATCH_ROWS);
    loop {
        batch.clear();
        batch.extend(rows.by_ref().take(BATCH_ROWS));
        if batch.is_empty() {
            return Ok(writer.into_inner()?);
        }
        let columns = RecordBatch::try_new(Arc::clone(&schema), columns(&batch))?;
        writer.write(&columns)?;
    }
}

/// A column, a value a row.
pub(super) fn column<'a, A, T, V>(rows: &'a [T], of: impl Fn(&'a T) -> Option<V>) -> ArrayRef
where
    A: Array + FromIterator<Option<V>> + 'static,
{
    Arc::new(rows.iter().map(of).collect::<A>())
}
