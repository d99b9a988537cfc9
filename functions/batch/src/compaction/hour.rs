//! Writing a generation of an hour.

use aws::bucket::Objects;
use bytes::Bytes;
use warehouse::compacted::{PartError, PartSize, PartWriter, archived_rows};
use warehouse::compacted_key;

use super::CompactionError;
use super::progress::Hour;
use super::run::Stop;

/// Copies objects into the parts of a generation.
pub(super) struct HourWriter<'a, B> {
    bucket: &'a B,
    hour: Hour,
    generation: i32,
    parts: PartWriter,
    objects_in: usize,
    objects_out: usize,
}

impl<'a, B: Objects> HourWriter<'a, B> {
    pub(super) fn new(bucket: &'a B, hour: Hour, generation: i32, part_size: PartSize) -> Self {
        Self {
            bucket,
            hour,
            generation,
            parts: PartWriter::new(hour.0, generation, part_size),
            objects_in: 0,
            objects_out: 0,
        }
    }

    /// Copies the rows of an archive object or of a part.
    pub(super) async fn copy(&mut self, key: &str, object: Bytes) -> Result<(), Stop> {
        let named = |error: PartError| CompactionError::object(key, error);
        for rows in archived_rows(self.hour.0, object).map_err(|error| named(error.into()))? {
            let rows = rows.map_err(|error| named(error.into()))?;
            for part in self.parts.add(&rows).map_err(named)? {
                put(self.bucket, &self.next_key(), part).await?;
                self.objects_out += 1;
            }
        }
        self.objects_in += 1;
        Ok(())
    }

    /// Writes what is left; tells how many objects went in, and how many parts came of them.
    pub(super) async fn finish(mut self) -> Result<(usize, usize), Stop> {
        let key = self.next_key();
        let last = self.parts.finish();
        if let Some(part) = last.map_err(|error| CompactionError::object(&*key, error))? {
            put(self.bucket, &key, part).await?;
            self.objects_out += 1;
        }
        Ok((self.objects_in, self.objects_out))
    }

    fn next_key(&self) -> String {
        let (stream, start) = self.hour;
        compacted_key(stream, start, self.generation, self.objects_out)
    }
}

async fn put(bucket: &impl Objects, key: &str, part: Vec<u8>) -> Result<(), Stop> {
    let stored = bucket.put(key, part.into(), None).await?;
    // What is there is of another attempt of the client's, or of a time that the progress doesn't know. The next run
    // begins another generation.
    stored.map(drop).ok_or(Stop::Forestalled)
}
