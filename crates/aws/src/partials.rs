//! Exactly-once aggregates: the effect of every record on its window, once, however often and in whatever batches it comes.
//!
//! A window's aggregate is kept as partials that merge. A partial belongs to one shard and is written by nobody else, so
//! two invocations of one shard meet only when one of them is dead and its last write lands late. Every page carries its
//! mark, the sequence number up to which it has folded; page and mark are one item, and a write is conditional on the very
//! mark that it was computed from. So a batch that comes again finds the marks past its records and changes nothing, and a
//! late write of a dead invocation fails.
//!
//! A page that is full is closed: what follows goes to the next page, which keeps items small whatever the traffic. The
//! mark of a shard's last page is the shard's mark in that window.
//!
//! A producer that lost an answer sends an event again, as a new record. Its second copy is in the same window, as its
//! event time is the same, and on the same shard or, after a reshard, on a descendant of it, as its partition key is the
//! same. So it is found among the event ids of the shard's own pages and of those of its ancestors.

use std::collections::{BTreeMap, HashSet};

use analytics::Partial;
use events::{Event, Timestamp};
use futures::{StreamExt, TryStreamExt, stream};

use crate::store::{MAX_CONFLICTS, TooManyConflicts};
use crate::{Saved, Sequence, StoreError};

/// Windows that are read and written at the same time.
const CONCURRENT_WINDOWS: usize = 16;

/// A stored part of a shard's partial aggregate of one window.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<P> {
    /// The shard that writes it.
    pub shard_id: String,
    /// Its number among the shard's pages of the window, from 0.
    pub number: usize,
    /// Everything up to here is folded in.
    pub mark: Sequence,
    /// When the last record that it folded arrived.
    pub arrived_at: Timestamp,
    /// The aggregate.
    pub partial: P,
}

/// A page to be stored, if the stored one still has the mark that this one was computed from.
#[derive(Clone, Debug, PartialEq)]
pub struct Write<P> {
    /// The page as it is to be.
    pub page: Page<P>,
    /// The mark of the page as it was read; `None` for a page that must not exist yet.
    pub replaces: Option<Sequence>,
}

/// Where pages are kept.
pub trait PartialStore<P: Partial>: Sync {
    /// The pages of a shard in a window, in order.
    fn load(
        &self,
        window: &str,
        shard_id: &str,
    ) -> impl Future<Output = Result<Vec<Page<P>>, StoreError>> + Send;

    /// Stores a page on the condition that it states.
    fn save(&self, window: &str, write: &Write<P>) -> impl Future<Output = Result<Saved, StoreError>> + Send;
}

impl<P: Partial, S: PartialStore<P>> PartialStore<P> for &S {
    fn load(
        &self,
        window: &str,
        shard_id: &str,
    ) -> impl Future<Output = Result<Vec<Page<P>>, StoreError>> + Send {
        (**self).load(window, shard_id)
    }

    fn save(&self, window: &str, write: &Write<P>) -> impl Future<Output = Result<Saved, StoreError>> + Send {
        (**self).save(window, write)
    }
}

/// An event with its place in the shard.
#[derive(Clone, Copy, Debug)]
pub struct Delivered<'a> {
    /// Its record's sequence number.
    pub sequence: &'a Sequence,
    /// When the record arrived.
    pub arrived_at: Timestamp,
    /// The event.
    pub event: &'a Event,
}

/// What folding a batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Events folded now.
    pub folded: usize,
    /// Events that an earlier delivery of their record had folded already.
    pub replayed: usize,
    /// Events that came again as another record.
    pub duplicates: usize,
    /// Conditional writes that found another mark.
    pub conflicts: usize,
}

impl Outcome {
    fn plus(self, other: Self) -> Self {
        Self {
            folded: self.folded + other.folded,
            replayed: self.replayed + other.replayed,
            duplicates: self.duplicates + other.duplicates,
            conflicts: self.conflicts + other.conflicts,
        }
    }
}

/// Folds what a shard delivered into its windows. `ancestors` are the shards that it descends from.
pub async fn fold_batch<P: Partial + Send + Sync, S: PartialStore<P>>(
    store: &S,
    shard_id: &str,
    ancestors: &[String],
    windows: BTreeMap<String, Vec<Delivered<'_>>>,
) -> Result<Outcome, StoreError> {
    stream::iter(windows)
        .map(|(window, delivered)| async move {
            fold_window(store, shard_id, ancestors, &window, &delivered).await
        })
        .buffer_unordered(CONCURRENT_WINDOWS)
        .try_fold(
            Outcome::default(),
            |sum, outcome| async move { Ok(sum.plus(outcome)) },
        )
        .await
}

async fn fold_window<P: Partial + Send + Sync, S: PartialStore<P>>(
    store: &S,
    shard_id: &str,
    ancestors: &[String],
    window: &str,
    delivered: &[Delivered<'_>],
) -> Result<Outcome, StoreError> {
    let mut inherited = Vec::new();
    for ancestor in ancestors {
        inherited.extend(store.load(window, ancestor).await?);
    }
    let mut conflicts = 0;
    loop {
        let own = store.load(window, shard_id).await?;
        let (writes, mut outcome) = plan(shard_id, &own, &inherited, delivered);
        if save_all(store, window, &writes).await? == Saved::Written {
            outcome.conflicts = conflicts;
            return Ok(outcome);
        }
        conflicts += 1;
        if conflicts == MAX_CONFLICTS {
            return Err(StoreError::new(
                "conditional write",
                format!("{window} by {shard_id}"),
                TooManyConflicts,
            ));
        }
    }
}

/// In order, as a page may only exist when the one before it is full.
async fn save_all<P: Partial, S: PartialStore<P>>(
    store: &S,
    window: &str,
    writes: &[Write<P>],
) -> Result<Saved, StoreError> {
    for write in writes {
        if store.save(window, write).await? == Saved::Conflict {
            return Ok(Saved::Conflict);
        }
    }
    Ok(Saved::Written)
}

/// Which pages to store so that what lies past the shard's mark is folded in. Pure.
///
/// A record is folded whole into one page, since a mark cannot point into an aggregated record.
fn plan<P: Partial>(
    shard_id: &str,
    own: &[Page<P>],
    inherited: &[Page<P>],
    delivered: &[Delivered<'_>],
) -> (Vec<Write<P>>, Outcome) {
    let last = own.last();
    let mut seen: HashSet<_> = own
        .iter()
        .chain(inherited)
        .flat_map(|page| page.partial.event_ids())
        .copied()
        .collect();
    let mut outcome = Outcome::default();
    let mut writes: Vec<Write<P>> = Vec::new();
    let mut next_number = last.map_or(0, |page| page.number + 1);
    for record in delivered.chunk_by(|a, b| a.sequence == b.sequence) {
        let Delivered {
            sequence, arrived_at, ..
        } = record[0];
        if last.is_some_and(|page| *sequence <= page.mark) {
            outcome.replayed += record.len();
            continue;
        }
        if writes.is_empty()
            && let Some(page) = last
            && !page.partial.is_full()
        {
            writes.push(Write {
                page: page.clone(),
                replaces: Some(page.mark.clone()),
            });
        }
        if writes.last().is_none_or(|write| write.page.partial.is_full()) {
            let page = Page {
                shard_id: shard_id.into(),
                number: next_number,
                mark: sequence.clone(),
                arrived_at,
                partial: P::default(),
            };
            writes.push(Write { page, replaces: None });
            next_number += 1;
        }
        let page = &mut writes.last_mut().expect("a page was just made sure of").page;
        for delivered in record {
            if seen.insert(delivered.event.envelope.event_id) {
                page.partial.fold(delivered.event);
                outcome.folded += 1;
            } else {
                outcome.duplicates += 1;
            }
        }
        page.mark = sequence.clone();
        page.arrived_at = arrived_at;
    }
    (writes, outcome)
}
