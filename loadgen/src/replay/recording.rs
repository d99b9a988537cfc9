//! A recording as a part of a run: what the plan names, and what the report says of it.

use serde::{Deserialize, Serialize};

use super::{Rejected, SharedTally, Speed};
use crate::failure::Failure;
use crate::report::Report;

/// A recording that a run replays.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The file, for messages.
    pub file: String,
    /// How fast it is replayed.
    pub speed: Speed,
    /// What became of its lines.
    pub tally: SharedTally,
}

impl Recording {
    /// Turns the report of a run into that of a replay.
    pub fn enter(&self, report: &mut Report) {
        let tally = self.tally.lock();
        (report.seed, report.target_rate) = (None, None);
        report.start = tally.earliest.unwrap_or(report.start);
        report.recording = Some(Replayed {
            file: self.file.clone(),
            speed: self.speed.to_string(),
            rejected: tally.rejected.clone(),
        });
    }

    /// Fails if the recording could not be read to its end.
    pub fn check_end(&self) -> Result<(), Failure> {
        self.tally.lock().check_end(&self.file)
    }
}

/// What the report says of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replayed {
    /// The file.
    pub file: String,
    /// How fast it was replayed.
    pub speed: String,
    /// Its bad lines.
    #[serde(flatten)]
    pub rejected: Rejected,
}

impl Replayed {
    /// The bad lines, for people; `None` if there were none.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        self.rejected.told(&self.file)
    }
}
