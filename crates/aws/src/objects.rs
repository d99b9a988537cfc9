//! Exactly-once objects: every record in one object, once, however often and in whatever batches it comes.
//!
//! A log of objects has a mark, the sequence number up to which its records are stored. The next object is named by that
//! mark, never by where a batch happens to end, and is created only if there is none of that name. Who finds one there was
//! forestalled, by a dead invocation or by an earlier attempt whose answer was lost: it adopts the object, moves the mark
//! to where that one ends, and goes on with what lies past it.

use events::Timestamp;

use crate::marks::Marks;
use crate::store::{MAX_CONFLICTS, TooManyConflicts};
use crate::{Saved, Sequence, StoreError};

/// An object to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// What it holds.
    pub bytes: Vec<u8>,
    /// The MIME type of that.
    pub content_type: &'static str,
    /// Facts about it that are readable without opening it.
    pub metadata: Vec<(&'static str, String)>,
}

/// How an object's creation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is stored.
    Now,
    /// There was one of that key already, which ends with this sequence number. Nothing is stored.
    Before(Sequence),
}

/// Where a log's objects and its mark, which has the log's name, are kept.
pub trait ObjectLog: Marks {
    /// Stores an object that ends with the record `last`, if there is none of its key.
    fn create(
        &self,
        object: &Object,
        last: &Sequence,
    ) -> impl Future<Output = Result<Created, StoreError>> + Send;
}

/// A record of a log, with its place in the shard.
pub trait Record {
    /// Its sequence number.
    fn sequence(&self) -> &Sequence;
    /// When it arrived.
    fn arrived_at(&self) -> Timestamp;
}

/// What appending came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Records stored now.
    pub stored: usize,
    /// Objects made for them.
    pub objects: usize,
    /// Objects found in the place of one's own.
    pub adopted: usize,
}

/// Appends records, in their shard's order, to a log. `object_of` makes the object of some records that follow a mark; the
/// object's key must depend on nothing but the mark and the first record.
pub async fn append<R: Record + Sync, E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    store: &impl ObjectLog,
    log: &str,
    records: &[R],
    object_of: impl Fn(&Sequence, &[R]) -> Result<Object, E> + Sync,
) -> Result<Outcome, StoreError> {
    let mut outcome = Outcome::default();
    let Some(last) = records.last().map(Record::sequence) else {
        return Ok(outcome);
    };
    for _ in 0..MAX_CONFLICTS {
        let mark = store.mark(log).await?;
        let rest = &records
            [records.partition_point(|record| mark.as_ref().is_some_and(|mark| record.sequence() <= mark))..];
        if rest.is_empty() {
            return Ok(outcome);
        }
        let object = object_of(mark.as_ref().unwrap_or(&Sequence::before_all()), rest)
            .map_err(|error| StoreError::new("encoding", log, error))?;
        let stored_up_to = match store.create(&object, last).await? {
            Created::Now => {
                outcome.stored += rest.len();
                outcome.objects += 1;
                *last
            }
            Created::Before(its_last) => {
                outcome.adopted += 1;
                its_last
            }
        };
        if store.advance(log, mark.as_ref(), &stored_up_to).await? == Saved::Written && stored_up_to >= *last
        {
            return Ok(outcome);
        }
    }
    Err(StoreError::new("conditional write", log, TooManyConflicts))
}
