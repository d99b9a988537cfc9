//! A recording straight into the archive: an event arrives in the hour that it happened in.

use std::collections::BTreeMap;
use std::time::Duration;

use events::{Stream, Timestamp};
use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, channel};
use tokio::task::spawn_blocking;

use super::Rejected;
use crate::archive_writer::{ArchiveWriter, Written};
use crate::backfill::name_value_table;
use crate::failure::Failure;
use crate::report::grouped;
use crate::source::{Keep, Source};

const SCHEMA_VERSION: u32 = 1;
/// Events between the reader and the writer: enough that neither waits for a turn of the other.
const QUEUE: usize = 1_000;

/// How the writing came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// What was written.
    pub written: Written,
    /// Whether there was more to read.
    pub interrupted: bool,
}

/// Writes all events of a source, until it ends or somebody interrupts; what was read by then is written in any case.
pub async fn write(
    mut source: impl Source,
    mut writer: ArchiveWriter,
    interrupts: &mut UnboundedReceiver<()>,
) -> Result<Archived, Failure> {
    let (sender, mut records) = channel(QUEUE);
    let reader = spawn_blocking(move || {
        while let Some(record) = source.next_record(Keep::ALL) {
            if sender.blocking_send(record).is_err() {
                return;
            }
        }
    });
    let interrupted = loop {
        let record = tokio::select! {
            biased;
            Some(()) = interrupts.recv() => break true,
            record = records.recv() => record,
        };
        let Some(record) = record else {
            break false;
        };
        let arrived_at = record.occurred_at;
        if let Some(planned) = record.into_event() {
            writer.push(planned.event, arrived_at).await?;
        }
    };
    if !interrupted {
        // An interrupted one may be waiting for a line that never comes.
        reader
            .await
            .map_err(|error| Failure::run(format!("the reader ended unexpectedly: {error}")))?;
    }
    Ok(Archived {
        written: writer.finish().await?,
        interrupted,
    })
}

/// What a replay into the archive came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArchiveReport {
    schema_version: u32,
    file: String,
    archive: String,
    written: u64,
    events_by_stream: BTreeMap<Stream, u64>,
    objects: u64,
    bytes: u64,
    /// The times of the earliest and the latest event.
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    elapsed_s: f64,
    #[serde(flatten)]
    rejected: Rejected,
}

impl ArchiveReport {
    /// What became of `file`, written to `archive`.
    #[must_use]
    pub fn new(
        file: &str,
        archive: String,
        written: &Written,
        elapsed: Duration,
        rejected: Rejected,
    ) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            file: file.to_owned(),
            archive,
            written: written.total_rows(),
            events_by_stream: written.rows.clone(),
            objects: written.objects,
            bytes: written.bytes,
            start: written.first,
            end: written.last,
            elapsed_s: elapsed.as_secs_f64(),
            rejected,
        }
    }

    /// One JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report has only string keys and finite numbers")
    }

    /// A table.
    #[must_use]
    pub fn to_table(&self) -> String {
        let mut rows = vec![
            ("file".to_owned(), self.file.clone()),
            ("archive".to_owned(), self.archive.clone()),
        ];
        if let (Some(start), Some(end)) = (self.start, self.end) {
            rows.push(("event time".to_owned(), format!("{start} to {end}")));
        }
        rows.push(("elapsed".to_owned(), format!("{:.2} s", self.elapsed_s)));
        let mut count = |name: String, count: u64| rows.push((name, grouped(count)));
        count("written".to_owned(), self.written);
        for (stream, written) in &self.events_by_stream {
            count(format!("  {stream}"), *written);
        }
        count("objects".to_owned(), self.objects);
        count("bytes".to_owned(), self.bytes);
        for (name, rejected) in self.rejected.rows() {
            count(name, rejected);
        }
        name_value_table(rows)
    }
}
