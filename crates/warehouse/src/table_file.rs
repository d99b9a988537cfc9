//! A table as one Parquet file: the same bytes for the same rows.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

use crate::EncodeError;
use crate::parquet_file::compression;

/// Rows that become columns at a time. Where pages end depends on it, and so do the bytes.
pub(crate) const BATCH_ROWS: usize = 8_192;
/// Rows whose encoded columns are held until they go into the file together; a multiple of `BATCH_ROWS`.
const ROW_GROUP_ROWS: usize = 131_072;

/// Takes a table's rows, batch by batch; holds an encoded row group at a time, however many rows there are.
pub(crate) struct TableWriter {
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
}

impl TableWriter {
    /// Of a table. `properties` says what is to be otherwise than usual.
    pub(crate) fn new(
        schema: Schema,
        properties: impl FnOnce(WriterPropertiesBuilder) -> WriterPropertiesBuilder,
    ) -> Result<Self, EncodeError> {
        let schema = Arc::new(schema);
        let usual = WriterProperties::builder()
            .set_compression(compression()?)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS));
        let properties = properties(usual).build();
        let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))?;
        Ok(Self { schema, writer })
    }

    /// Adds rows, as columns in the order of the schema.
    pub(crate) fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), EncodeError> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        Ok(self.writer.write(&batch)?)
    }

    /// The file.
    pub(crate) fn finish(self) -> Result<Vec<u8>, EncodeError> {
        Ok(self.writer.into_inner()?)
    }
}

/// Batches that wait for the thread that encodes them.
const BATCHES_AHEAD: usize = 4;

/// A [`TableWriter`] on a thread of its own: encoding and compressing is half the work of making a large table.
pub(crate) struct ThreadedWriter {
    batches: SyncSender<Vec<ArrayRef>>,
    file: JoinHandle<Result<Vec<u8>, EncodeError>>,
}

impl ThreadedWriter {
    /// Of a table. `properties` says what is to be otherwise than usual.
    pub(crate) fn new(
        schema: Schema,
        properties: impl FnOnce(WriterPropertiesBuilder) -> WriterPropertiesBuilder,
    ) -> Result<Self, EncodeError> {
        let mut writer = TableWriter::new(schema, properties)?;
        let (batches, waiting) = sync_channel::<Vec<ArrayRef>>(BATCHES_AHEAD);
        let file = thread::spawn(move || {
            for columns in waiting {
                writer.write(columns)?;
            }
            writer.finish()
        });
        Ok(Self { batches, file })
    }

    /// Adds rows, as columns in the order of the schema.
    pub(crate) fn write(&mut self, columns: Vec<ArrayRef>) {
        // Who takes no more has failed, and says why in the end.
        drop(self.batches.send(columns));
    }

    /// The file.
    pub(crate) fn finish(self) -> Result<Vec<u8>, EncodeError> {
        drop(self.batches);
        self.file.join().expect("encoding does not panic")
    }
}

/// Writes rows as one file. A table without rows is a file that has columns only.
pub(crate) fn encode<T>(
    schema: Schema,
    mut rows: impl Iterator<Item = T>,
    columns: impl Fn(&[T]) -> Vec<ArrayRef>,
) -> Result<Vec<u8>, EncodeError> {
    let mut writer = TableWriter::new(schema, |usual| usual)?;
    let mut batch = Vec::with_capacity(BATCH_ROWS);
    loop {
        batch.clear();
        batch.extend(rows.by_ref().take(BATCH_ROWS));
        if batch.is_empty() {
            return writer.finish();
        }
        writer.write(columns(&batch))?;
    }
}

/// A column, a value a row.
pub(crate) fn column<'a, A, T, V>(rows: &'a [T], of: impl Fn(&'a T) -> Option<V>) -> ArrayRef
where
    A: Array + FromIterator<Option<V>> + 'static,
{
    Arc::new(rows.iter().map(of).collect::<A>())
}
