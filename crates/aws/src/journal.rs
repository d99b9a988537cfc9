//! What was touched: a note a batch, so that whoever reads pages later finds those that changed, however late their events.

use std::collections::BTreeSet;

use events::Minute;

use crate::{Sequence, StoreError};

/// A batch that a writer has folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its last record that counts.
    pub last: Sequence,
    /// The minutes that its events count in.
    pub minutes: BTreeSet<Minute>,
}

/// The notes of every writer, in the order of its shard. A batch is noted after its pages are written and before it is done
/// with, so every page is noted at least once.
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
