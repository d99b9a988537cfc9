//! The segments of an earlier run.

use analytics::retail::rfm::Segment;
use arrow::array::{Date32Array, Int64Array, StringArray};
use parquet::file::reader::ChunkReader;

use crate::{FileError, FileProblem};
use warehouse::read::{ReadError, required, rows};

/// Who was in which segment, as of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The day since 1970-01-01; `None` without customers.
    pub day: Option<i32>,
    /// The customers, by user id.
    pub(crate) customers: Vec<(i64, Segment)>,
}

impl Snapshot {
    /// From a file of `customer_segments`.
    pub fn read<R: ChunkReader + 'static>(name: &str, content: R) -> Result<Self, FileError> {
        let mut snapshot = Self::default();
        snapshot.add(content).map_err(|problem| FileError {
            file: name.to_owned(),
            problem,
        })?;
        Ok(snapshot)
    }

    fn add<R: ChunkReader + 'static>(&mut self, content: R) -> Result<(), FileProblem> {
        for batch in rows(content, &["user_id", "snapshot_date", "segment"])? {
            let batch = batch?;
            let user_id: &Int64Array = required(&batch, "user_id")?;
            let snapshot_date: &Date32Array = required(&batch, "snapshot_date")?;
            let segment: &StringArray = required(&batch, "segment")?;
            for row in 0..batch.num_rows() {
                let (user_id, name) = (user_id.value(row), segment.value(row));
                let segment = Segment::parse(name).ok_or_else(|| ReadError::Value {
                    column: "segment",
                    found: name.chars().take(32).collect(),
                })?;
                if self
                    .customers
                    .last()
                    .is_some_and(|(before, _)| *before >= user_id)
                {
                    return Err(FileProblem::Unsorted("user_id"));
                }
                self.customers.push((user_id, segment));
                self.day = Some(snapshot_date.value(row));
            }
        }
        Ok(())
    }
}
