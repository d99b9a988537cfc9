//! What was touched: notes of batches, so that whoever reads pages later finds those that changed, however late their events.
//!
//! A note costs as much as a page, and most batches touch what the one before touched. So a warm environment leaves out
//! the note of a batch that its own last note [covers](Note::covers), and a reader goes back to what a note names for some
//! minutes. Both go by their clocks: [`READ_AGAIN_MS`] is longer than a note covers, than an invocation takes after it has
//! looked at its clock, and than clocks differ, together. Another environment's notes in between change nothing.

use std::collections::BTreeSet;

use events::{Minute, Timestamp};

use crate::{Sequence, StoreError};

/// How long a note stands for later batches, too.
pub const COVERS_MS: i64 = 60_000;
/// For how long after a note was taken the minutes that it names may change without another one: [`COVERS_MS`], and four
/// minutes for an invocation that looked at its clock before; no function here may run for longer than two.
pub const READ_AGAIN_MS: i64 = 300_000;

/// A batch that a writer has folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its last record that counts.
    pub last: Sequence,
    /// The minutes that its events count in.
    pub minutes: BTreeSet<Minute>,
    /// When it was taken.
    pub noted_at: Timestamp,
}

impl Note {
    /// Whether a batch of these minutes needs no note of its own, for the environment that took this one.
    #[must_use]
    pub fn covers(&self, minutes: &BTreeSet<Minute>, now: Timestamp) -> bool {
        let age_ms = now.as_ms() - self.noted_at.as_ms();
        (0..COVERS_MS).contains(&age_ms) && minutes.is_subset(&self.minutes)
    }
}

/// The notes of every writer, in the order of its shard. A batch is noted after its pages are written and before it is done
/// with, so every page is noted at least once, or covered.
pub trait Journal: Sync {
    /// Takes a note of a family's writer, unless there is one with the same end. The first to end there covers all that is
    /// not noted before; a later one, of a batch that came again, may begin further on, and must not take its place.
    fn note(
        &self,
        family: &str,
        writer: &str,
        note: &Note,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The notes that follow one, or all.
    fn notes(
        &self,
        family: &str,
        writer: &str,
        after: Option<&Sequence>,
    ) -> impl Future<Output = Result<Vec<Note>, StoreError>> + Send;
}

impl<J: Journal> Journal for &J {
    fn note(
        &self,
        family: &str,
        writer: &str,
        note: &Note,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        (**self).note(family, writer, note)
    }

    fn notes(
        &self,
        family: &str,
        writer: &str,
        after: Option<&Sequence>,
    ) -> impl Future<Output = Result<Vec<Note>, StoreError>> + Send {
        (**self).notes(family, writer, after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_covers_its_own_minutes_for_one_minute() {
        let at = |ms: i64| Timestamp::from_ms(1_795_369_200_000 + ms).unwrap();
        let minutes = |numbers: &[i64]| numbers.iter().copied().map(Minute::from_number).collect();
        let note = Note {
            last: Sequence::before_all(),
            minutes: minutes(&[1, 2]),
            noted_at: at(0),
        };
        assert!(note.covers(&minutes(&[2]), at(0)) && note.covers(&minutes(&[1, 2]), at(59_999)));
        assert!(!note.covers(&minutes(&[2]), at(60_000)));
        assert!(!note.covers(&minutes(&[2, 3]), at(1)));
        // A clock that was set back.
        assert!(!note.covers(&minutes(&[2]), at(-1)));
    }
}
