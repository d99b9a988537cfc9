//! Rows of a file, with the columns that are needed.

use arrow::array::{Array, RecordBatch};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::reader::ChunkReader;

use crate::FileProblem;

/// Rows read at a time.
const BATCH_ROWS: usize = 8_192;

/// A file's rows. A column that it doesn't have is missing in them, too.
pub(crate) fn rows<R: ChunkReader + 'static>(
    content: R,
    columns: &[&'static str],
) -> Result<ParquetRecordBatchReader, FileProblem> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(content)?;
    let wanted = ProjectionMask::columns(reader.parquet_schema(), columns.iter().copied());
    Ok(reader
        .with_projection(wanted)
        .with_batch_size(BATCH_ROWS)
        .build()?)
}

/// A column of a type, nulls or not.
pub(crate) fn optional<'a, A: Array + 'static>(
    batch: &'a RecordBatch,
    name: &'static str,
) -> Result<&'a A, FileProblem> {
    let column = batch.column_by_name(name);
    column
        .and_then(|column| column.as_any().downcast_ref())
        .ok_or(FileProblem::Column(name))
}

/// A column of a type, without nulls.
pub(crate) fn required<'a, A: Array + 'static>(
    batch: &'a RecordBatch,
    name: &'static str,
) -> Result<&'a A, FileProblem> {
    let column: &A = optional(batch, name)?;
    if column.null_count() > 0 {
        return Err(FileProblem::Null(name));
    }
    Ok(column)
}
