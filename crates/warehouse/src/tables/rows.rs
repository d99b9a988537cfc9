//! Rows that are columns already.

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;

use super::AnalyticsTable;
use crate::EncodeError;
use crate::table_file::{BATCH_ROWS, TableWriter};

/// Writes rows that are there as columns, to the same bytes as the table's own function does. `batches` have the table's
/// schema; `rows` are those of the file, each by its batch and its place in that.
pub fn encode_rows(
    table: AnalyticsTable,
    batches: &[RecordBatch],
    mut rows: impl Iterator<Item = (usize, usize)>,
) -> Result<Vec<u8>, EncodeError> {
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    let mut writer = TableWriter::new(table.schema(), |usual| usual)?;
    loop {
        let rows: Vec<(usize, usize)> = rows.by_ref().take(BATCH_ROWS).collect();
        if rows.is_empty() {
            return writer.finish();
        }
        writer.write(interleave_record_batch(&batches, &rows)?.columns().to_vec())?;
    }
}
