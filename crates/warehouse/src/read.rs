//! Rows of a Parquet file, and their columns by name and type.

use arrow::array::{Array, RecordBatch};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;

/// Rows read at a time.
const BATCH_ROWS: usize = 8_192;

/// A file is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no Parquet file.
    #[error("Parquet: {0}")]
    Parquet(#[from] ParquetError),
    /// Its rows cannot be read.
    #[error("Arrow: {0}")]
    Arrow(#[from] ArrowError),
    /// A column is not there, or of another type.
    #[error("there is no column `{0}` of the type that it should have")]
    Column(&'static str),
    /// A column has nulls where none may be.
    #[error("column `{0}` has nulls")]
    Null(&'static str),
    /// A value is none that the column may have.
    #[error("column `{column}` cannot hold `{found}`")]
    Value {
        /// The column.
        column: &'static str,
        /// What it holds.
        found: String,
    },
}

/// A file's rows with some of its columns, batch by batch. A column that it doesn't have is missing in them, too.
pub fn rows<R: ChunkReader + 'static>(
    content: R,
    columns: &[&str],
) -> Result<impl Iterator<Item = Result<RecordBatch, ReadError>> + use<R>, ReadError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(content)?;
    let wanted = ProjectionMask::columns(reader.parquet_schema(), columns.iter().copied());
    let rows = reader
        .with_projection(wanted)
        .with_batch_size(BATCH_ROWS)
        .build()?;
    Ok(rows.map(|batch| Ok(batch?)))
}

/// A column of a type, nulls or not.
pub fn optional<'a, A: Array + 'static>(
    batch: &'a RecordBatch,
    name: &'static str,
) -> Result<&'a A, ReadError> {
    let column = batch.column_by_name(name);
    column
        .and_then(|column| column.as_any().downcast_ref())
        .ok_or(ReadError::Column(name))
}

/// A column of a type, without nulls.
pub fn required<'a, A: Array + 'static>(
    batch: &'a RecordBatch,
    name: &'static str,
) -> Result<&'a A, ReadError> {
    let column: &A = optional(batch, name)?;
    if column.null_count() > 0 {
        return Err(ReadError::Null(name));
    }
    Ok(column)
}
