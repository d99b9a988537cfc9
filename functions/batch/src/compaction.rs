//! From an hour's many small archive objects to a few large parts, while readers read.
//!
//! A reader sees each row once at any moment: what counts of an hour is one [generation](warehouse::compacted), and the put
//! of `compacted_hours` that names the next one is the switch. Three steps lead from one to the next, each at least
//! [`Settings::step_ms`] after the one before, so that who lists objects and reads them, or who reads `compacted_hours`
//! and lists, finds what it looks for:
//!
//! 1. the next generation's parts are written,
//! 2. it counts,
//! 3. what it was made of is removed.
//!
//! What is done of each hour is one object (`state/batch-compaction`), replaced with `If-Match`: of two runs at once, one
//! loses a put, and stops. A generation belongs to the run that was first to say that it begins it. Who comes after a
//! killed run begins another one, so no key of a part is ever written twice, nor that of a removed object again: a put or
//! a removal of a dead run that lands late changes nothing that counts.
//!
//! Objects that come to an hour when it has been compacted are of its next generation, together with the parts of the one
//! before, and not seen until that counts. Objects that come before the first generation counts are seen, so they put off
//! the switch: what is written is given up, and the hour is written anew. A put that names what is given up may be under way,
//! so its parts stay for a step, and before they are removed the table is made another than that put builds on.
//!
//! If the table and the progress differ, as a run died between the two or such a put landed, the next run begins by settling
//! that: a generation that is written and named counts from then on, in all else the table follows the progress.

mod hour;
mod progress;
mod run;

use aws::StoreError;
use aws::bucket::Objects;
use events::Timestamp;
use serde::Serialize;
use warehouse::compacted::{PartError, PartSize};

use self::run::{Run, Stop};

/// How long is waited for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long after its end an hour is closed, in milliseconds: as long as a record may wait until it is archived.
    pub closed_after_ms: i64,
    /// Between two steps, in milliseconds: as long as a reader takes and a run takes, together. Steps are dated by the time
    /// at which their run began.
    pub step_ms: i64,
}

/// A run failed. What it has done stays; the next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum CompactionError {
    /// The bucket did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An object's rows cannot be copied.
    #[error("{object}: {problem}")]
    Object {
        /// Its key.
        object: String,
        /// Why not.
        #[source]
        problem: PartError,
    },
}

impl CompactionError {
    fn object(object: impl Into<String>, problem: impl Into<PartError>) -> Self {
        Self::Object {
            object: object.into(),
            problem: problem.into(),
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It did what was due, or what there was time for.
    Done(Compacted),
    /// Another run was faster. What this one has done is right; it did not go on.
    Forestalled,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// Hours of which a generation was written.
    pub hours_written: usize,
    /// Hours of which another generation counts.
    pub hours_switched: usize,
    /// Hours of which another generation than the one that counts was removed.
    pub hours_cleaned: usize,
    /// Objects that the written generations were made of: archive objects, and parts of earlier generations.
    pub objects_in: usize,
    /// Parts of the written generations.
    pub objects_out: usize,
    /// What rows cannot be copied of, and why. Its hour is left as it is.
    pub unusable: Vec<String>,
    /// Hours that there was no time for.
    pub hours_left: usize,
}

/// The archive of a bucket, to be compacted.
#[derive(Debug)]
pub struct Compaction<B> {
    bucket: B,
    settings: Settings,
    part_size: PartSize,
}

impl<B: Objects> Compaction<B> {
    /// Of the archive in `bucket`.
    pub fn new(bucket: B, settings: Settings) -> Self {
        Self {
            bucket,
            settings,
            part_size: PartSize::default(),
        }
    }

    /// With parts of another size than usual.
    #[must_use]
    pub const fn with_part_size(mut self, part_size: PartSize) -> Self {
        self.part_size = part_size;
        self
    }

    /// Takes each step that is due at `now`. Stops between two hours once `is_time_up`.
    pub async fn run(&self, now: Timestamp, is_time_up: impl Fn() -> bool) -> Result<Ended, CompactionError> {
        let run = Run::begin(&self.bucket, self.settings, self.part_size, now);
        let ended = async { run.await?.advance(&is_time_up).await };
        match ended.await {
            Ok(compacted) => Ok(Ended::Done(compacted)),
            Err(Stop::Forestalled) => Ok(Ended::Forestalled),
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}
