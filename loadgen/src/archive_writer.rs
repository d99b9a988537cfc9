//! Events straight into the archive's layout, without streams and functions: an object an hour of arrival and table.
//!
//! Names and bytes follow from the events and their order alone. The same events written again under the same source name
//! replace every object by its equal, so nothing doubles.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::thread::available_parallelism;

use events::{Event, MS_PER_HOUR, Stream, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use warehouse::{ArchivedEvent, EncodeError, EventFile, archive_key, archive_prefix, encode};

use crate::failure::Failure;
use crate::store::{Store, blocking};

/// Events held in open hours at most, and as many again in objects on their way. An event takes some 300 bytes.
const MAX_OPEN_ROWS: u32 = 50_000;
/// Objects on their way at most: enough to hide a bucket's latency.
const MAX_OBJECTS_ON_THE_WAY: usize = 32;
/// Digits that hold every u64, so that sequence numbers sort as text.
const SEQUENCE_DIGITS: usize = 20;

/// Writes events into the archive. They may come in any order; roughly rising arrival makes large objects.
///
/// An hour is closed when too many rows are held, the earliest first. A row that comes for an hour after that goes into a
/// further part of the hour.
pub struct ArchiveWriter {
    store: Store,
    source: Arc<str>,
    max_open_rows: u32,
    open: BTreeMap<(Hour, Stream), Vec<Row>>,
    open_rows: u32,
    /// How many parts of an hour are closed.
    parts: BTreeMap<(Hour, Stream), u32>,
    next_sequence: u64,
    objects: JoinSet<Result<Put, Failure>>,
    limits: Limits,
    written: Written,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Events by table.
    pub rows: BTreeMap<Stream, u64>,
    /// Objects put.
    pub objects: u64,
    /// Parquet.
    pub bytes: u64,
    /// Objects of earlier writers that were removed.
    pub removed: u64,
    /// When the earliest event happened.
    pub first: Option<Timestamp>,
    /// When the latest event happened.
    pub last: Option<Timestamp>,
}

/// An hour since 1970.
type Hour = i64;

struct Row {
    event: Event,
    arrived_at: Timestamp,
    sequence: u64,
}

/// What bounds the objects on their way.
struct Limits {
    rows: Arc<Semaphore>,
    objects: Arc<Semaphore>,
    /// Encoding computes: more at a time than there are cores would only take memory.
    encoders: Arc<Semaphore>,
}

impl ArchiveWriter {
    /// A writer whose events come from `source`, such as `backfill-42`: it stands where an archived event has its shard, and
    /// in every object's name.
    #[must_use]
    pub fn new(store: Store, source: &str) -> Self {
        Self::with_limit(store, source, MAX_OPEN_ROWS)
    }

    fn with_limit(store: Store, source: &str, max_open_rows: u32) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            store,
            source: source.into(),
            max_open_rows,
            open: BTreeMap::new(),
            open_rows: 0,
            parts: BTreeMap::new(),
            next_sequence: 0,
            objects: JoinSet::new(),
            limits: Limits {
                rows: Arc::new(Semaphore::new(max_open_rows as usize)),
                objects: Arc::new(Semaphore::new(MAX_OBJECTS_ON_THE_WAY)),
                encoders: Arc::new(Semaphore::new(cores)),
            },
            written: Written::default(),
        }
    }

    /// Takes an event. Waits only while too much is on its way. Fails when an earlier object could not be written: what is
    /// on its way is then given up with the writer.
    pub async fn push(&mut self, event: Event, arrived_at: Timestamp) -> Result<(), Failure> {
        if self.open_rows >= self.max_open_rows {
            self.close_earliest_hour().await?;
        }
        let rows = self
            .open
            .entry((hour_of(arrived_at), event.stream()))
            .or_default();
        rows.push(Row {
            event,
            arrived_at,
            sequence: self.next_sequence,
        });
        self.next_sequence += 1;
        self.open_rows += 1;
        Ok(())
    }

    /// Writes what is left and waits until all of it is there.
    pub async fn finish(mut self) -> Result<Written, Failure> {
        self.write_rest().await?;
        Ok(self.written)
    }

    /// Finishes, and then removes what earlier writers of the same source left in the hours from `from` to `to`, exclusive,
    /// and this one did not replace.
    pub async fn finish_alone(mut self, from: Timestamp, to: Timestamp) -> Result<Written, Failure> {
        self.write_rest().await?;
        let parts = Arc::new(std::mem::take(&mut self.parts));
        let end = to.plus_ms(MS_PER_HOUR - 1);
        for &stream in Stream::ALL {
            // A key without a name sorts before all others of its hour.
            let [after, before] = [from, end].map(|time| archive_key(stream, time, "", ""));
            let (parts, source) = (Arc::clone(&parts), Arc::clone(&self.source));
            let is_left_over = move |key: &str| {
                place_of(key, &source).is_some_and(|(hour, part)| {
                    part >= parts.get(&(hour, stream)).copied().unwrap_or_default()
                })
            };
            let prefix = archive_prefix(stream);
            let removed = self.store.remove(&prefix, &after, Some(&before), is_left_over);
            self.written.removed += removed.await?;
        }
        Ok(self.written)
    }

    async fn write_rest(&mut self) -> Result<(), Failure> {
        while !self.open.is_empty() {
            self.close_earliest_hour().await?;
        }
        while let Some(put) = self.objects.join_next().await {
            self.written.add(&joined(put)?);
        }
        Ok(())
    }

    async fn close_earliest_hour(&mut self) -> Result<(), Failure> {
        let earliest = self.open.keys().next().map(|(hour, _)| *hour);
        while let Some(first) = self.open.first_entry()
            && Some(first.key().0) == earliest
        {
            let (place, rows) = first.remove_entry();
            self.close(place, rows).await?;
        }
        Ok(())
    }

    async fn close(&mut self, place: (Hour, Stream), rows: Vec<Row>) -> Result<(), Failure> {
        let (Ok(count), Some(first)) = (u32::try_from(rows.len()), rows.first()) else {
            return Ok(());
        };
        let part = self.parts.entry(place).or_default();
        let stream = place.1;
        let key = archive_key(stream, first.arrived_at, &self.source, &format!("{part:05}"));
        *part += 1;
        self.open_rows -= count;
        let room = (
            granted(&self.limits.rows, count).await,
            granted(&self.limits.objects, 1).await,
        );
        let (store, source) = (self.store.clone(), Arc::clone(&self.source));
        let encoders = Arc::clone(&self.limits.encoders);
        self.objects.spawn(async move {
            let _room = room;
            let encoder = granted(&encoders, 1).await;
            let name = key.clone();
            let file = blocking(move || {
                encode_rows(stream, &source, &rows)
                    .map_err(|error| Failure::run(format!("cannot encode {name}: {error}")))
            })
            .await?;
            // A folder is written at the encoders' pace; while a bucket answers, others encode.
            let _encoder = matches!(store, Store::Folder(_)).then_some(encoder);
            let put = Put::of(stream, &file);
            store.put(&key, file.bytes).await?;
            Ok(put)
        });
        while let Some(put) = self.objects.try_join_next() {
            self.written.add(&joined(put)?);
        }
        Ok(())
    }
}

fn hour_of(time: Timestamp) -> Hour {
    time.as_ms().div_euclid(MS_PER_HOUR)
}

/// The hour and the part that an object's key names, if it is one of the source's.
fn place_of(key: &str, source: &str) -> Option<(Hour, u32)> {
    let (folder, name) = key.rsplit_once('/')?;
    let part = name
        .strip_prefix(source)?
        .strip_prefix('-')?
        .strip_suffix(".parquet")?;
    let (folder, hour) = folder.rsplit_once("/hour=")?;
    let (_, date) = folder.rsplit_once("/dt=")?;
    let time = Timestamp::parse(&format!("{date}T{hour}:00:00Z")).ok()?;
    Some((hour_of(time), part.parse().ok()?))
}

/// An object that was put.
struct Put {
    stream: Stream,
    rows: u64,
    bytes: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Put {
    fn of(stream: Stream, file: &EventFile) -> Self {
        Self {
            stream,
            rows: file.row_count as u64,
            bytes: file.bytes.len() as u64,
            first: file.min_occurred_at,
            last: file.max_occurred_at,
        }
    }
}

impl Written {
    /// Events in all.
    #[must_use]
    pub fn total_rows(&self) -> u64 {
        self.rows.values().sum()
    }

    fn add(&mut self, put: &Put) {
        *self.rows.entry(put.stream).or_default() += put.rows;
        self.objects += 1;
        self.bytes += put.bytes;
        self.first = Some(self.first.map_or(put.first, |first| first.min(put.first)));
        self.last = Some(self.last.map_or(put.last, |last| last.max(put.last)));
    }
}

fn joined(put: Result<Result<Put, Failure>, JoinError>) -> Result<Put, Failure> {
    put.map_err(|error| Failure::run(format!("a worker ended unexpectedly: {error}")))?
}

async fn granted(semaphore: &Arc<Semaphore>, permits: u32) -> OwnedSemaphorePermit {
    let granted = Arc::clone(semaphore).acquire_many_owned(permits).await;
    granted.expect("the semaphore is never closed")
}

fn encode_rows(stream: Stream, source: &str, rows: &[Row]) -> Result<EventFile, EncodeError> {
    let mut digits = String::with_capacity(rows.len() * SEQUENCE_DIGITS);
    for row in rows {
        // Writing to a String can't fail.
        let _ = write!(digits, "{:0SEQUENCE_DIGITS$}", row.sequence);
    }
    let archived: Vec<ArchivedEvent<'_>> = rows
        .iter()
        .enumerate()
        .map(|(n, row)| ArchivedEvent {
            event: &row.event,
            arrived_at: row.arrived_at,
            shard_id: source,
            sequence_number: &digits[n * SEQUENCE_DIGITS..(n + 1) * SEQUENCE_DIGITS],
        })
        .collect();
    encode(stream, &archived)
}

#[cfg(test)]
mod tests;
