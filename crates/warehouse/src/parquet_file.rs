//! Parquet bytes, with what a reader wants to know before it opens the file.

use events::{Stream, Timestamp};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::ArchivedEvent;
use crate::columns::record_batch;

/// ZSTD level 1: events shrink about tenfold; higher levels cost Lambda time for a few percent more.
const ZSTD_LEVEL: i32 = 1;

/// A Parquet file of events.
#[derive(Clone, Debug)]
pub struct EventFile {
    /// The file.
    pub bytes: Vec<u8>,
    /// How many events it holds.
    pub row_count: usize,
    /// When the earliest of them happened.
    pub min_occurred_at: Timestamp,
    /// When the latest of them happened.
    pub max_occurred_at: Timestamp,
}

/// Rows could not be written as Parquet.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A file without rows says nothing and is not written.
    #[error("no rows to write")]
    NoRows,
    /// The columns do not fit the schema.
    #[error("rows do not fit the schema: {0}")]
    Columns(#[from] arrow::error::ArrowError),
    /// The Parquet writer refused.
    #[error("cannot write Parquet: {0}")]
    Parquet(#[from] ParquetError),
}

/// What all files are compressed with.
pub(crate) fn compression() -> Result<Compression, ParquetError> {
    Ok(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
}

/// Writes rows of `stream`'s table as one Parquet file. Row count and the span of event time are in its key-value
/// metadata, too (`row_count`, `min_occurred_at`, `max_occurred_at`).
pub fn encode(stream: Stream, rows: &[ArchivedEvent<'_>]) -> Result<EventFile, EncodeError> {
    let occurred_at = || rows.iter().map(|row| row.event.envelope.occurred_at);
    let (Some(min_occurred_at), Some(max_occurred_at)) = (occurred_at().min(), occurred_at().max()) else {
        return Err(EncodeError::NoRows);
    };
    let batch = record_batch(stream, rows)?;
    let metadata = vec![
        KeyValue::new("row_count".into(), rows.len().to_string()),
        KeyValue::new("min_occurred_at".into(), min_occurred_at.to_string()),
        KeyValue::new("max_occurred_at".into(), max_occurred_at.to_string()),
    ];
    let properties = WriterProperties::builder()
        .set_compression(compression()?)
        .set_key_value_metadata(Some(metadata))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    let bytes = writer.into_inner()?;
    Ok(EventFile {
        bytes,
        row_count: rows.len(),
        min_occurred_at,
        max_occurred_at,
    })
}
