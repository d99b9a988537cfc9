//! How far each hour has come: what a run leaves to the next one.

use std::collections::BTreeMap;
use std::mem;

use events::{Stream, Timestamp};
use serde::{Deserialize, Serialize};

use crate::state::State;

/// An hour of an archived table, by its start.
pub(super) type Hour = (Stream, Timestamp);

/// The hours that were ever begun. An hour never comes back to a state that it was in, so neither does the version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) hours: BTreeMap<Hour, HourProgress>,
}

/// An hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HourProgress {
    /// The latest generation that a run has begun, whatever became of it.
    pub(super) begun: i32,
    /// The generation that counts.
    pub(super) counted: i32,
    pub(super) step: Step,
}

/// What is done of an hour's latest generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    /// If it is the one that counts, everything. Else it is given up, or a run is writing it: nothing is known of its parts.
    #[default]
    Idle,
    /// Its parts are there; it does not count yet.
    Written(Taken),
    /// It counts, or it is given up and the one before goes on to. What the one that counts was made of may still be there,
    /// and parts of others, which may be read.
    Switched(Taken),
}

impl HourProgress {
    /// The generation that is written counts.
    pub(super) fn switch(&mut self, at: Timestamp) {
        self.counted = self.begun;
        if let Step::Written(Taken { sources, .. }) = mem::take(&mut self.step) {
            self.step = Step::Switched(Taken { sources, at });
        }
    }

    /// Whatever is written is given up, by another number, as no state may come again. The generation that counts goes on to.
    pub(super) fn give_up(&mut self, at: Timestamp) {
        self.begun += 1;
        let sources = match mem::take(&mut self.step) {
            Step::Switched(taken) => taken.sources,
            // They are in no part that counts.
            Step::Idle | Step::Written(_) => Vec::new(),
        };
        self.step = Step::Switched(Taken { sources, at });
    }
}

/// What a step leaves to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Taken {
    /// The archive objects that are in the parts.
    pub(super) sources: Vec<Source>,
    /// When the run that took the step began.
    pub(super) at: Timestamp,
}

/// An archive object, as it was copied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Source {
    /// Its name in the hour's folder.
    pub(super) name: String,
    pub(super) version: String,
}

impl Step {
    pub(super) const fn written(&self) -> Option<&Taken> {
        match self {
            Self::Written(taken) => Some(taken),
            _ => None,
        }
    }

    pub(super) const fn switched(&self) -> Option<&Taken> {
        match self {
            Self::Switched(taken) => Some(taken),
            _ => None,
        }
    }
}

impl State for Progress {
    const KEY: &'static str = "state/batch-compaction";
    const ENCODING: u8 = 1;
}
