//! Which generation of an hour counts.

use std::collections::BTreeMap;

use arrow::array::{Int32Array, StringArray};
use arrow::datatypes::{DataType, Schema};
use bytes::Bytes;
use events::{Stream, Timestamp};

use crate::read::{ReadError, required, rows};
use crate::table_file::{column, encode};
use crate::{EncodeError, archived_hour, compacted_hour, is_archive_object, schema, table_name};

const COLUMNS: &[&str] = &["table_name", "dt", "hour", "generation"];

/// The table `compacted_hours`: a row is an hour of an archived table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompactedHours(BTreeMap<(Stream, Timestamp), i32>);

impl CompactedHours {
    /// Its Arrow schema. No column is nullable.
    #[must_use]
    pub fn schema() -> Schema {
        Schema::new(vec![
            schema::required("table_name", DataType::Utf8),
            schema::required("dt", DataType::Utf8),
            schema::required("hour", DataType::Utf8),
            schema::required("generation", DataType::Int32),
        ])
    }

    /// Reads its file.
    pub fn read(file: Bytes) -> Result<Self, ReadError> {
        let mut hours = BTreeMap::new();
        for batch in rows(file, COLUMNS)? {
            let batch = batch?;
            let tables: &StringArray = required(&batch, "table_name")?;
            let dates: &StringArray = required(&batch, "dt")?;
            let clock_hours: &StringArray = required(&batch, "hour")?;
            let generations: &Int32Array = required(&batch, "generation")?;
            for row in 0..batch.num_rows() {
                let table = tables.value(row);
                let stream = Stream::ALL.iter().find(|stream| table_name(**stream) == table);
                let stream = stream.ok_or_else(|| ReadError::Value {
                    column: "table_name",
                    found: table.to_owned(),
                })?;
                let start = format!("{}T{}:00:00.000Z", dates.value(row), clock_hours.value(row));
                let hour = Timestamp::parse(&start).map_err(|_| ReadError::Value {
                    column: "hour",
                    found: start,
                })?;
                hours.insert((*stream, hour), generations.value(row));
            }
        }
        Ok(Self(hours))
    }

    /// Writes it as one Parquet file; the same bytes for the same hours.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        encode(Self::schema(), self.0.iter(), |rows| {
            vec![
                column::<StringArray, _, _>(rows, |((stream, _), _)| Some(table_name(*stream))),
                column::<StringArray, _, _>(rows, |((_, hour), _)| Some(hour.date())),
                column::<StringArray, _, _>(rows, |((_, hour), _)| Some(hour.hour())),
                column::<Int32Array, _, _>(rows, |(_, generation)| Some(**generation)),
            ]
        })
    }

    /// The generation that counts of the hour that begins at `hour`.
    #[must_use]
    pub fn generation(&self, stream: Stream, hour: Timestamp) -> i32 {
        self.0.get(&(stream, hour)).copied().unwrap_or(0)
    }

    /// From now on, `generation` counts of the hour that begins at `hour`.
    pub fn count(&mut self, stream: Stream, hour: Timestamp, generation: i32) {
        self.0.insert((stream, hour), generation);
    }
}

/// Which of a table's objects hold the rows that count: the keys of archive objects, then those of parts, each in the order
/// given. An archive object in no hour's partition counts, what is none by its name doesn't; a part whose generation isn't known doesn't.
pub fn readable<'a>(
    stream: Stream,
    archived: impl IntoIterator<Item = &'a str>,
    compacted: impl IntoIterator<Item = &'a str>,
    hours: &CompactedHours,
) -> Vec<&'a str> {
    let archived = archived
        .into_iter()
        .filter(|key| is_archive_object(key))
        .filter(|key| archived_hour(stream, key).is_none_or(|hour| hours.generation(stream, hour) == 0));
    let compacted = compacted.into_iter().filter(|key| {
        compacted_hour(stream, key)
            .is_some_and(|(hour, generation)| hours.generation(stream, hour) == generation)
    });
    archived.chain(compacted).collect()
}
