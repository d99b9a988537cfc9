//! A table as a Parquet file, the same bytes for the same rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};

use super::{StarError, StarTable};
use crate::parquet_file::compression;

/// Rows that become columns at a time. Where pages end depends on it, and so do the bytes.
pub(super) const BATCH_ROWS: usize = 8_192;
/// Rows whose encoded columns are held until they go into the file together; a multiple of `BATCH_ROWS`.
const ROW_GROUP_ROWS: usize = 262_144;

/// Takes a table's rows, batch by batch.
pub(super) struct TableWriter {
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
}

impl TableWriter {
    /// Of a table. `encodings` says what columns are to be encoded in another way than Parquet's usual one.
    pub(super) fn new(
        table: StarTable,
        encodings: impl FnOnce(WriterPropertiesBuilder) -> WriterPropertiesBuilder,
    ) -> Result<Self, StarError> {
        let schema = Arc::new(table.schema());
        let properties = WriterProperties::builder()
            .set_compression(compression()?)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_statistics_enabled(EnabledStatistics::Chunk);
        let properties = encodings(properties).build();
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))?;
        Ok(Self { schema, writer })
    }

    /// Adds rows, as columns in the order of the schema.
    pub(super) fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), StarError> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        Ok(self.writer.write(&batch)?)
    }

    /// The file.
    pub(super) fn finish(self) -> Result<Vec<u8>, StarError> {
        Ok(self.writer.into_inner()?)
    }
}

/// Writes rows as one file. `columns` is told the number of rows before its own. A table without rows is a file that
/// has columns only.
pub(super) fn encode_rows<T>(
    table: StarTable,
    rows: &[T],
    columns: impl Fn(usize, &[T]) -> Vec<ArrayRef>,
) -> Result<Vec<u8>, StarError> {
    let mut writer = TableWriter::new(table, |usual| usual)?;
    for (n, rows) in rows.chunks(BATCH_ROWS).enumerate() {
        writer.write(columns(n * BATCH_ROWS, rows))?;
    }
    writer.finish()
}

/// A column, a value a row.
pub(super) fn column<'a, A, T, V>(rows: &'a [T], of: impl Fn(&'a T) -> Option<V>) -> ArrayRef
where
    A: Array + FromIterator<Option<V>> + 'static,
{
    Arc::new(rows.iter().map(of).collect::<A>())
}
