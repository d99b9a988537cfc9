//! Rows of an hour to parts: copied, none left out, none changed.

use std::mem;
use std::sync::Arc;

use arrow::array::{Int32Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::error::ArrowError;
use bytes::Bytes;
use events::Stream;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::EncodeError;
use crate::parquet_file::compression;
use crate::read::{ReadError, required, rows};
use crate::schema;
use crate::table_file::BATCH_ROWS;

/// Rows of an hour cannot be written as parts.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// What is read is not what it should be.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A part cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl From<ArrowError> for PartError {
    fn from(error: ArrowError) -> Self {
        Self::Encode(error.into())
    }
}

/// How large parts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartSize {
    /// A part ends with the row group with which it has so many bytes.
    pub bytes: usize,
    /// Rows of a row group, at least 1; the last one of an hour may have fewer.
    pub row_group_rows: usize,
}

impl Default for PartSize {
    /// 128 MB, the size that Athena reads well, in row groups of 262,144 rows.
    fn default() -> Self {
        Self {
            bytes: 128 << 20,
            row_group_rows: 1 << 18,
        }
    }
}

/// The Arrow schema of a stream's compacted table: that of the archived one, then `generation`.
#[must_use]
pub fn schema_of(stream: Stream) -> Schema {
    let mut fields = crate::schema_of(stream).fields().to_vec();
    fields.push(Arc::new(schema::required("generation", DataType::Int32)));
    Schema::new(fields)
}

/// The rows of an archive object or of a part, batch by batch, with the columns of the archived table.
pub fn archived_rows(
    stream: Stream,
    file: Bytes,
) -> Result<impl Iterator<Item = Result<RecordBatch, ReadError>>, ReadError> {
    let schema = crate::schema_of(stream);
    let columns: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    rows(file, &columns)
}

/// Makes parts of the rows of one hour. The rows of a row group are in the order of event type, time, event id, shard and
/// sequence number, so that a query of some types or times passes over groups and pages by their statistics. Rows that come
/// later are in a later group. The same rows in the same order make the same bytes. Holds a row group, and a part.
#[derive(Debug)]
pub struct PartWriter {
    generation: i32,
    size: PartSize,
    archived: SchemaRef,
    compacted: SchemaRef,
    /// The rows of the next row group, as they came.
    rows: Vec<RecordBatch>,
    row_count: usize,
    part: Option<ArrowWriter<Vec<u8>>>,
}

impl PartWriter {
    /// Of a generation of an hour of `stream`'s table.
    #[must_use]
    pub fn new(stream: Stream, generation: i32, size: PartSize) -> Self {
        Self {
            generation,
            size,
            archived: Arc::new(crate::schema_of(stream)),
            compacted: Arc::new(schema_of(stream)),
            rows: Vec::new(),
            row_count: 0,
            part: None,
        }
    }

    /// Adds rows that have the columns of the archived table; tells the parts that are full with them.
    pub fn add(&mut self, rows: &RecordBatch) -> Result<Vec<Vec<u8>>, PartError> {
        let columns = self.archived.fields().iter().map(|field| {
            let index = rows.schema_ref().index_of(field.name())?;
            Ok(Arc::clone(rows.column(index)))
        });
        let columns = columns.collect::<Result<_, ArrowError>>()?;
        let rows = RecordBatch::try_new(Arc::clone(&self.archived), columns)?;
        let mut parts = Vec::new();
        let mut from = 0;
        while from < rows.num_rows() {
            let taken = (self.size.row_group_rows - self.row_count).min(rows.num_rows() - from);
            self.rows.push(rows.slice(from, taken));
            self.row_count += taken;
            from += taken;
            if self.row_count == self.size.row_group_rows {
                parts.extend(self.end_row_group()?);
            }
        }
        Ok(parts)
    }

    /// The last part; `None` if all rows are in those before.
    pub fn finish(mut self) -> Result<Option<Vec<u8>>, PartError> {
        if let Some(part) = self.end_row_group()? {
            return Ok(Some(part));
        }
        let part = self.part.map(ArrowWriter::into_inner).transpose();
        Ok(part.map_err(EncodeError::from)?)
    }

    /// Writes the rows that are held, in order; tells the part if it is full.
    fn end_row_group(&mut self) -> Result<Option<Vec<u8>>, PartError> {
        self.row_count = 0;
        let rows = mem::take(&mut self.rows);
        let rows: Vec<&RecordBatch> = rows.iter().collect();
        let mut part = match self.part.take() {
            Some(part) => part,
            None if rows.is_empty() => return Ok(None),
            None => self.begin_part()?,
        };
        // A slice at a time, so that there is no second copy of the row group.
        for places in in_order(&rows)?.chunks(BATCH_ROWS) {
            let mut columns = interleave_record_batch(&rows, places)?.columns().to_vec();
            columns.push(Arc::new(Int32Array::from_value(self.generation, places.len())));
            let batch = RecordBatch::try_new(Arc::clone(&self.compacted), columns)?;
            part.write(&batch).map_err(EncodeError::from)?;
        }
        part.flush().map_err(EncodeError::from)?;
        if part.bytes_written() < self.size.bytes {
            self.part = Some(part);
            return Ok(None);
        }
        Ok(Some(part.into_inner().map_err(EncodeError::from)?))
    }

    fn begin_part(&self) -> Result<ArrowWriter<Vec<u8>>, EncodeError> {
        let properties = WriterProperties::builder()
            .set_compression(compression()?)
            // Statistics of each page: the page index.
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_max_row_group_row_count(Some(self.size.row_group_rows))
            .build();
        let schema = Arc::clone(&self.compacted);
        Ok(ArrowWriter::try_new(Vec::new(), schema, Some(properties))?)
    }
}

/// What rows are ordered by.
struct SortColumns<'a> {
    event_types: &'a StringArray,
    occurred_at: &'a TimestampMillisecondArray,
    event_ids: &'a StringArray,
    shard_ids: &'a StringArray,
    sequence_numbers: &'a StringArray,
}

impl<'a> SortColumns<'a> {
    fn of(rows: &'a RecordBatch) -> Result<Self, ReadError> {
        Ok(Self {
            event_types: required(rows, "event_type")?,
            occurred_at: required(rows, "occurred_at")?,
            event_ids: required(rows, "event_id")?,
            shard_ids: required(rows, "shard_id")?,
            sequence_numbers: required(rows, "sequence_number")?,
        })
    }

    fn key(&self, row: usize) -> (&'a str, i64, &'a str, &'a str, &'a str) {
        (
            self.event_types.value(row),
            self.occurred_at.value(row),
            self.event_ids.value(row),
            self.shard_ids.value(row),
            self.sequence_numbers.value(row),
        )
    }
}

/// The places of rows, batch and row, in their order; of equal ones as they came.
fn in_order(rows: &[&RecordBatch]) -> Result<Vec<(usize, usize)>, ReadError> {
    let columns: Vec<SortColumns<'_>> = rows
        .iter()
        .map(|rows| SortColumns::of(rows))
        .collect::<Result<_, _>>()?;
    let places = rows.iter().enumerate();
    let places = places.flat_map(|(batch, rows)| (0..rows.num_rows()).map(move |row| (batch, row)));
    let mut places: Vec<(usize, usize)> = places.collect();
    places.sort_by(|a, b| columns[a.0].key(a.1).cmp(&columns[b.0].key(b.1)));
    Ok(places)
}
