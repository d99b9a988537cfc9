//! Exactly-once aggregates: the effect of every record on its window, once, however often and in whatever batches it comes.
//!
//! A window's aggregate is kept as partials that merge. A partial belongs to one writer, a shard, and is written by nobody
//! else, so two invocations of one shard meet only when one of them is dead and its last write lands late. Every page
//! carries its mark, the sequence number up to which it has folded; page and mark are one item, and a write is conditional
//! on the very mark that it was computed from. So a batch that comes again finds the marks past its records and changes
//! nothing, and a late write of a dead invocation fails.
//!
//! A page that is full is closed, and so is one that the batch which wrote it left with enough in it: what follows goes to the
//! next page, so that hardly a byte is written twice and items stay small whatever the traffic. The mark of a writer's last
//! page is the writer's mark in that window.
//!
//! A producer that lost an answer sends an event again, as a new record. Its second copy is in the same window, as its
//! event time is the same, and on the same shard or, after a reshard, on a descendant of it, as its partition key is the
//! same. So it is found among the event ids of the shard's own pages and of those of its ancestors.
//!
//! What a warm environment knows of a window from its last write is kept ([`Memory`]), so that a batch costs no read. The
//! condition of the write is what makes that safe: it fails if the stored page is not the remembered one.

use std::collections::BTreeMap;

use analytics::Partial;
use events::{Event, Timestamp, Uuid};
use foldhash::{HashSet, HashSetExt as _};
use futures::{StreamExt, TryStreamExt, stream};

use crate::memory::Memory;
use crate::store::{MAX_CONFLICTS, TooManyConflicts};
use crate::{Saved, Sequence, StoreError};

/// Windows that are read and written at the same time.
const CONCURRENT_WINDOWS: usize = 16;

/// A stored part of a writer's partial aggregate of one window.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<P> {
    /// Who writes it: a shard of a stream, as `transactions/shardId-000000000000`.
    pub writer: String,
    /// Its number among the writer's pages of the window, from 0.
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
    /// A writer's pages of a window, in order, from a number on.
    fn load(
        &self,
        window: &str,
        writer: &str,
        from: usize,
    ) -> impl Future<Output = Result<Vec<Page<P>>, StoreError>> + Send;

    /// Stores a page on the condition that it states.
    fn save(&self, window: &str, write: &Write<P>) -> impl Future<Output = Result<Saved, StoreError>> + Send;
}

impl<P: Partial, S: PartialStore<P>> PartialStore<P> for &S {
    fn load(
        &self,
        window: &str,
        writer: &str,
        from: usize,
    ) -> impl Future<Output = Result<Vec<Page<P>>, StoreError>> + Send {
        (**self).load(window, writer, from)
    }

    fn save(&self, window: &str, write: &Write<P>) -> impl Future<Output = Result<Saved, StoreError>> + Send {
        (**self).save(window, write)
    }
}

/// A shard that writes, with the shards that it took its keys over from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Its name, as in [`Page::writer`].
    pub name: String,
    /// The writers that it descends from.
    pub ancestors: Vec<String>,
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
    /// Pages written.
    pub writes: usize,
}

impl Outcome {
    fn plus(self, other: Self) -> Self {
        Self {
            folded: self.folded + other.folded,
            replayed: self.replayed + other.replayed,
            duplicates: self.duplicates + other.duplicates,
            conflicts: self.conflicts + other.conflicts,
            writes: self.writes + other.writes,
        }
    }
}

/// Folds what a shard delivered into its windows.
pub async fn fold_batch<P: Partial, S: PartialStore<P>>(
    store: &S,
    memory: &Memory<P>,
    writer: &Writer,
    windows: BTreeMap<String, Vec<Delivered<'_>>>,
) -> Result<Outcome, StoreError> {
    stream::iter(windows)
        .map(
            |(window, delivered)| async move { fold_window(store, memory, writer, &window, &delivered).await },
        )
        .buffer_unordered(CONCURRENT_WINDOWS)
        .try_fold(
            Outcome::default(),
            |sum, outcome| async move { Ok(sum.plus(outcome)) },
        )
        .await
}

async fn fold_window<P: Partial, S: PartialStore<P>>(
    store: &S,
    memory: &Memory<P>,
    writer: &Writer,
    window: &str,
    delivered: &[Delivered<'_>],
) -> Result<Outcome, StoreError> {
    let key = (window.to_owned(), writer.name.clone());
    // Taken out, so that whoever fails or dies on the way leaves nothing behind that may be wrong.
    let mut remembered = memory.take(&key);
    let mut conflicts = 0;
    loop {
        let mut known = match remembered.take() {
            Some(known) => known,
            None => load(store, writer, window).await?,
        };
        let (pages, mut outcome) = plan(&writer.name, &mut known, delivered);
        if save_all(store, window, &pages).await? == Saved::Written {
            outcome.conflicts = conflicts;
            outcome.writes = pages.len();
            if let Some(last) = pages.into_iter().next_back() {
                known.last = Some(last.page);
            }
            memory.put(key, known);
            return Ok(outcome);
        }
        conflicts += 1;
        if conflicts == MAX_CONFLICTS {
            return Err(StoreError::new(
                "conditional write",
                format!("{window} by {}", writer.name),
                TooManyConflicts,
            ));
        }
    }
}

/// What a writer has to know of a window to go on with it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known<P> {
    /// The events that are folded in, by the writer or by its ancestors.
    pub(crate) seen: HashSet<Uuid>,
    /// The writer's last page.
    pub(crate) last: Option<Page<P>>,
}

async fn load<P: Partial, S: PartialStore<P>>(
    store: &S,
    writer: &Writer,
    window: &str,
) -> Result<Known<P>, StoreError> {
    let mut seen = HashSet::new();
    for ancestor in &writer.ancestors {
        let inherited = store.load(window, ancestor, 0).await?;
        seen.extend(inherited.iter().flat_map(|page| page.partial.event_ids()));
    }
    let mut own = store.load(window, &writer.name, 0).await?;
    seen.extend(own.iter().flat_map(|page| page.partial.event_ids()));
    Ok(Known {
        seen,
        last: own.pop(),
    })
}

/// In order, as a page may only exist when the one before it is full.
async fn save_all<P: Partial, S: PartialStore<P>>(
    store: &S,
    window: &str,
    pages: &[Write<P>],
) -> Result<Saved, StoreError> {
    for write in pages {
        if store.save(window, write).await? == Saved::Conflict {
            return Ok(Saved::Conflict);
        }
    }
    Ok(Saved::Written)
}

/// Which pages to store so that what lies past the writer's mark is folded in. Takes note of the ids that it folds, and the
/// last page out of what is known, if it goes on with it.
///
/// A record is folded whole into one page, since a mark cannot point into an aggregated record.
fn plan<P: Partial>(
    writer: &str,
    known: &mut Known<P>,
    delivered: &[Delivered<'_>],
) -> (Vec<Write<P>>, Outcome) {
    let Known { seen, last } = known;
    let mut outcome = Outcome::default();
    let mut pages: Vec<Write<P>> = Vec::new();
    let mut next_number = last.as_ref().map_or(0, |page| page.number + 1);
    let mark = last.as_ref().map(|page| page.mark);
    for record in delivered.chunk_by(|a, b| a.sequence == b.sequence) {
        let Delivered {
            sequence, arrived_at, ..
        } = record[0];
        if mark.as_ref().is_some_and(|mark| sequence <= mark) {
            outcome.replayed += record.len();
            continue;
        }
        if pages.is_empty()
            && let Some(page) = last.take_if(|page| page.partial.is_reopened() && !page.partial.is_full())
        {
            let replaces = mark;
            pages.push(Write { page, replaces });
        }
        if pages.last().is_none_or(|write| write.page.partial.is_full()) {
            let page = Page {
                writer: writer.into(),
                number: next_number,
                mark: *sequence,
                arrived_at,
                partial: P::default(),
            };
            pages.push(Write { page, replaces: None });
            next_number += 1;
        }
        let page = &mut pages.last_mut().expect("a page was just made sure of").page;
        for delivered in record {
            if seen.insert(delivered.event.envelope.event_id) {
                page.partial.fold(delivered.event);
                outcome.folded += 1;
            } else {
                outcome.duplicates += 1;
            }
        }
        page.mark = *sequence;
        page.arrived_at = arrived_at;
    }
    (pages, outcome)
}
