//! Sweeps: what has to be known longer than a minute, kept exactly by a scheduled function.
//!
//! A stream job stores facts, minute by minute; a sweep reads those that are new to it and brings its state up to date. The
//! state, how far its reading has come, and the effects that follow are one object, the checkpoint, which is replaced on the
//! condition that it still is the one that was read. So of two sweeps at once one wins and the other has done nothing. The
//! winner's effects are carried out after that, or by the next sweep, if the winner died in between: effects must not mind
//! being repeated.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;

use analytics::Facts;
use analytics::carts::OpenCarts;
use analytics::inventory::Stock;
use events::{MS_PER_DAY, Minute, Uuid};
use futures::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::job::window;
use crate::journal::{Journal, Note, READ_AGAIN_MS};
use crate::partials::{Page, PartialStore};
use crate::{Saved, Sequence, StoreError};

/// Notes of a writer that one sweep looks at.
const NOTES_AT_ONCE: usize = 600;
/// Facts after which a sweep takes no further note: ten minutes of 1,000 a second. One that lags catches up sweep by sweep, within
/// its memory and time.
const FACTS_AT_ONCE: usize = 600_000;
/// Windows after which it takes none.
const WINDOWS_AT_ONCE: usize = 4_000;
/// Expired pages may still be there for so long.
const EXPIRY_LAG_DAYS: u32 = 7;
/// Windows that are read at the same time.
const CONCURRENT_READS: usize = 16;

/// What a sweep knows.
pub trait State: Serialize + DeserializeOwned + Default {
    /// The first byte of the checkpoint, which tells how the others are to be read: another one with each change of the state, of
    /// what follows from it, or of [`Checkpoint`]. One job's is nothing to the others.
    const ENCODING: u8;
}

impl State for OpenCarts {
    const ENCODING: u8 = 3;
}

impl State for Stock {
    const ENCODING: u8 = 3;
}

/// Everything that a sweep leaves to the next one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint<S, E> {
    /// How many there were before this one.
    pub generation: u64,
    /// Up to where the journals and pages are read.
    pub positions: Positions,
    /// The state.
    pub state: S,
    /// What followed from the last change of the state.
    pub effects: E,
}

/// Up to where each writer's journal and pages are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Positions(BTreeMap<String, Position>);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Position {
    noted: Option<Sequence>,
    /// Minutes that were noted a short while ago, with the time of the note: they are read again, see [`crate::journal`].
    recent: BTreeMap<i64, i64>,
    /// By minute since the epoch.
    windows: BTreeMap<i64, Place>,
}

/// A place in the pages of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    page: u32,
    facts: u32,
    /// The day, since the epoch, on which something was read there last.
    read_on: u32,
    /// Of the page's first event: the end of its id.
    first_event: u32,
}

/// Where a checkpoint is kept.
pub trait CheckpointStore: Sync {
    /// The bytes, and which version of them it is.
    fn load(&self) -> impl Future<Output = Result<Option<(Vec<u8>, String)>, StoreError>> + Send;

    /// Replaces a version, or creates the first.
    fn save(
        &self,
        bytes: Vec<u8>,
        replaces: Option<&str>,
    ) -> impl Future<Output = Result<Saved, StoreError>> + Send;

    /// The generation whose effects were carried out last, as far as is known.
    fn carried_out(&self) -> impl Future<Output = Result<Option<u64>, StoreError>> + Send;

    /// Takes note that the effects of a generation are carried out.
    fn note_carried_out(&self, generation: u64) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl<C: CheckpointStore> CheckpointStore for &C {
    fn load(&self) -> impl Future<Output = Result<Option<(Vec<u8>, String)>, StoreError>> + Send {
        (**self).load()
    }

    fn save(
        &self,
        bytes: Vec<u8>,
        replaces: Option<&str>,
    ) -> impl Future<Output = Result<Saved, StoreError>> + Send {
        (**self).save(bytes, replaces)
    }

    fn carried_out(&self) -> impl Future<Output = Result<Option<u64>, StoreError>> + Send {
        (**self).carried_out()
    }

    fn note_carried_out(&self, generation: u64) -> impl Future<Output = Result<(), StoreError>> + Send {
        (**self).note_carried_out(generation)
    }
}

/// Where a sweep's figures are stored.
pub trait FiguresStore: Sync {
    /// Stores a minute's figures, unless those of a later generation, or these, are stored already.
    fn put_figures<F: Serialize + Send>(
        &self,
        family: &str,
        minute: Minute,
        generation: u64,
        figures: F,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores what is so after a sweep, unless that of a later generation, or this, is stored already.
    fn put_latest<F: Serialize + Send>(
        &self,
        family: &str,
        generation: u64,
        latest: F,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl<S: FiguresStore> FiguresStore for &S {
    fn put_figures<F: Serialize + Send>(
        &self,
        family: &str,
        minute: Minute,
        generation: u64,
        figures: F,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        (**self).put_figures(family, minute, generation, figures)
    }

    fn put_latest<F: Serialize + Send>(
        &self,
        family: &str,
        generation: u64,
        latest: F,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        (**self).put_latest(family, generation, latest)
    }
}

/// How a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swept {
    /// It read so many new facts, and its effects are carried out.
    Done {
        /// How many.
        facts: usize,
    },
    /// Another sweep was faster; nothing is changed.
    Forestalled,
}

/// When a sweep takes place, and how long what it reads is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Now, in milliseconds since the epoch.
    pub now_ms: i64,
    /// Days after which pages expire to which nothing is added.
    pub pages_kept_days: u32,
}

impl Timing {
    /// The day since the epoch.
    fn today(self) -> u32 {
        u32::try_from(self.now_ms.div_euclid(MS_PER_DAY)).unwrap_or(0)
    }
}

/// Sweeps once: reads what `writers` have stored since the last time, changes the state by `advance`, and sees to it that
/// what follows is carried out, more than once if need be. `advance` returns `None` if there is nothing to keep: it was given
/// no facts, and time alone changed nothing that matters.
pub async fn sweep<P, S, E>(
    pages: &(impl PartialStore<P> + Journal),
    checkpoints: &impl CheckpointStore,
    writers: &[String],
    timing: Timing,
    advance: impl FnOnce(&mut S, NewFacts<P>) -> Option<E>,
    carry_out: impl AsyncFn(&E, u64) -> Result<(), StoreError>,
) -> Result<Swept, StoreError>
where
    P: Facts<Fact: Clone>,
    S: State,
    E: Serialize + DeserializeOwned + Default,
{
    let (mut checkpoint, version) = match load::<S, E>(checkpoints).await? {
        Some((checkpoint, version)) => (checkpoint, Some(version)),
        None => (Checkpoint::default(), None),
    };
    if checkpoint.generation > 0 && checkpoints.carried_out().await? != Some(checkpoint.generation) {
        carry_out(&checkpoint.effects, checkpoint.generation).await?;
        checkpoints.note_carried_out(checkpoint.generation).await?;
    }
    let facts = checkpoint
        .positions
        .read_on::<P, _>(pages, writers, timing)
        .await?;
    let found = facts.len();
    let Some(effects) = advance(&mut checkpoint.state, facts) else {
        return Ok(Swept::Done { facts: found });
    };
    checkpoint.effects = effects;
    checkpoint.generation += 1;
    if save(checkpoints, &checkpoint, version.as_deref()).await? == Saved::Conflict {
        return Ok(Swept::Forestalled);
    }
    carry_out(&checkpoint.effects, checkpoint.generation).await?;
    checkpoints.note_carried_out(checkpoint.generation).await?;
    Ok(Swept::Done { facts: found })
}

/// What is stored is no checkpoint that this program reads.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Another release wrote it.
    #[error("its encoding is not {0}, which this program reads")]
    Encoding(u8),
    /// It is damaged.
    #[error(transparent)]
    Bytes(#[from] postcard::Error),
}

/// Reads a checkpoint. Of one that is there and cannot be read, the error's source is [`Unreadable`].
pub async fn load<S: State, E: DeserializeOwned>(
    store: &impl CheckpointStore,
) -> Result<Option<(Checkpoint<S, E>, String)>, StoreError> {
    let Some((bytes, version)) = store.load().await? else {
        return Ok(None);
    };
    let checkpoint = match bytes.split_first() {
        Some((encoding, bytes)) if *encoding == S::ENCODING => {
            postcard::from_bytes(bytes).map_err(Unreadable::from)
        }
        _ => Err(Unreadable::Encoding(S::ENCODING)),
    };
    let checkpoint = checkpoint.map_err(|why| StoreError::new("reading", "the checkpoint", why))?;
    Ok(Some((checkpoint, version)))
}

async fn save<S: State, E: Serialize>(
    store: &impl CheckpointStore,
    checkpoint: &Checkpoint<S, E>,
    replaces: Option<&str>,
) -> Result<Saved, StoreError> {
    let bytes = postcard::to_extend(checkpoint, vec![S::ENCODING]);
    let bytes = bytes.map_err(|error| StoreError::new("encoding", "the checkpoint", error))?;
    store.save(bytes, replaces).await
}

/// What a sweep found that is new, with the ids of the events.
pub type NewFacts<P> = Vec<(Uuid, <P as Facts>::Fact)>;

impl Positions {
    /// Reads what `writers` have stored since, and moves on past it. Notes are taken in the order of their time, so that of a
    /// backlog all writers are read up to about the same moment. Windows in which nothing was read for as long as pages are
    /// kept are forgotten: their pages have expired.
    async fn read_on<P, S>(
        &mut self,
        store: &S,
        writers: &[String],
        timing: Timing,
    ) -> Result<NewFacts<P>, StoreError>
    where
        P: Facts<Fact: Clone>,
        S: PartialStore<P> + Journal,
    {
        // A shard that the stream has forgotten may have left something unread.
        let all: BTreeSet<String> = self.0.keys().chain(writers).cloned().collect();
        let mut found = Vec::new();
        let mut readings = Vec::new();
        for writer in all {
            let position = self.0.remove(&writer).unwrap_or_default();
            let mut notes = store.notes(P::FAMILY, &writer, position.noted.as_ref()).await?;
            notes.truncate(NOTES_AT_ONCE);
            let mut reading = Reading {
                unread: position.recent.keys().copied().collect(),
                read: BTreeSet::new(),
                notes: notes.into(),
                writer,
                position,
            };
            reading.read_on::<P, S>(store, timing, &mut found).await?;
            readings.push(reading);
        }
        let mut windows_read = 0;
        while found.len() < FACTS_AT_ONCE && windows_read < WINDOWS_AT_ONCE {
            let noted_at = |reading: &Reading| reading.notes.front().map(|note| note.noted_at);
            let with_notes = readings.iter_mut().filter(|reading| !reading.notes.is_empty());
            let Some(earliest) = with_notes.min_by_key(|reading| noted_at(reading)) else {
                break;
            };
            earliest.take_note();
            windows_read += earliest.read_on::<P, S>(store, timing, &mut found).await?;
        }
        for mut reading in readings {
            reading.position.forget(timing);
            self.0.insert(reading.writer, reading.position);
        }
        Ok(found)
    }
}

/// A writer whose notes are being taken.
struct Reading {
    writer: String,
    position: Position,
    notes: VecDeque<Note>,
    /// Minutes to be read, by number since the epoch.
    unread: BTreeSet<i64>,
    /// Minutes that were read since the notes were. What is noted was stored before, so once is enough.
    read: BTreeSet<i64>,
}

impl Reading {
    fn take_note(&mut self) {
        let Some(note) = self.notes.pop_front() else {
            return;
        };
        for minute in &note.minutes {
            let noted_ms = self.position.recent.entry(minute.number()).or_insert(i64::MIN);
            *noted_ms = note.noted_at.as_ms().max(*noted_ms);
            if !self.read.contains(&minute.number()) {
                self.unread.insert(minute.number());
            }
        }
        self.position.noted = Some(note.last);
    }

    /// Reads what is unread, from the places in it on; tells the number of windows.
    async fn read_on<P, S>(
        &mut self,
        store: &S,
        timing: Timing,
        found: &mut NewFacts<P>,
    ) -> Result<usize, StoreError>
    where
        P: Facts<Fact: Clone>,
        S: PartialStore<P>,
    {
        let unread = mem::take(&mut self.unread);
        let (places, of) = (&self.position.windows, &self.writer);
        let read: Vec<_> = stream::iter(unread.iter().copied())
            .map(|number| async move {
                let place = places.get(&number).copied().unwrap_or_default();
                let window = window(P::FAMILY, Minute::from_number(number));
                let (place, pages) = pages_from(store, &window, of, place).await?;
                Ok::<_, StoreError>((number, place, pages))
            })
            .buffered(CONCURRENT_READS)
            .try_collect()
            .await?;
        for (number, mut place, pages) in read {
            for page in pages {
                let page_number = u32::try_from(page.number).unwrap_or(u32::MAX);
                let known = if page_number == place.page {
                    place.facts as usize
                } else {
                    0
                };
                let facts = page.partial.facts();
                let new = page.partial.event_ids().iter().zip(facts).skip(known);
                found.extend(new.map(|(id, fact)| (*id, fact.clone())));
                place.page = page_number;
                place.facts = u32::try_from(facts.len()).unwrap_or(u32::MAX);
                place.first_event = first_event(&page);
            }
            place.read_on = timing.today();
            self.position.windows.insert(number, place);
        }
        let windows = unread.len();
        self.read.extend(unread);
        Ok(windows)
    }
}

impl Position {
    fn forget(&mut self, timing: Timing) {
        self.recent
            .retain(|_, noted_ms| timing.now_ms - *noted_ms <= READ_AGAIN_MS);
        let kept_days = timing.pages_kept_days + EXPIRY_LAG_DAYS;
        self.windows
            .retain(|_, place| place.read_on + kept_days >= timing.today());
    }
}

/// The pages from a place on. If the page of the place is not there as it was, it has expired, and what is there began anew.
async fn pages_from<P: Facts, S: PartialStore<P>>(
    store: &S,
    window: &str,
    writer: &str,
    place: Place,
) -> Result<(Place, Vec<Page<P>>), StoreError> {
    let pages = store.load(window, writer, place.page as usize).await?;
    let is_there = pages.first().is_some_and(|page| {
        page.number == place.page as usize
            && page.partial.facts().len() >= place.facts as usize
            && first_event(page) == place.first_event
    });
    if is_there || place == Place::default() {
        return Ok((place, pages));
    }
    Ok((Place::default(), store.load(window, writer, 0).await?))
}

/// Tells a page from one that began anew after it had expired.
fn first_event<P: Facts>(page: &Page<P>) -> u32 {
    let first = page.partial.event_ids().iter().next();
    // The end is random in UUIDs of all versions.
    let end = first.and_then(|id| id.as_bytes().last_chunk::<4>());
    end.map_or(0, |end| u32::from_be_bytes(*end))
}
