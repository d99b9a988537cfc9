//! From the archive to the star schema, day by day.
//!
//! The archive lies by arrival, facts by the day of the event. So a run looks at the objects that are new, notes on which
//! days their events happened, and makes the files of exactly those days anew, however late an event came. A day's file
//! is one object that one put replaces: a reader sees the day before or after, never half of it.
//!
//! What a run finds it first notes as pending, then works off. Who dies on the way leaves the rest to the next run, which
//! makes the same bytes of the same objects. Every write states the version that it builds on: of two runs at once, one
//! loses a write, and stops.
//!
//! No day is published that a [gate](gate) objects to; its old file stays, and the day stays pending.

mod day;
mod dimensions;
mod gate;
mod progress;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use aws::StoreError;
use aws::bucket::{Objects, Versions, gone};
use bytes::Bytes;
use events::{Stream, Timestamp};
use futures::{StreamExt as _, TryStream, TryStreamExt as _, stream};
use warehouse::compacted::{CompactedHours, readable};
use warehouse::star::{Dimensions, StarError, StarTable, catalog_reader};
use warehouse::{
    CatalogTable, archive_prefix, archived_hour, catalog_prefix, compacted_hour, compacted_hours_key,
    compacted_prefix, is_archive_object, star_key,
};

use self::day::Facts;
use self::dimensions::{StoredDimensions, store_fixed};
use self::progress::{Archived, Published};
pub(crate) use self::progress::{FactsProgress, Progress};
use crate::{FileProblem, state};

/// Objects that are fetched ahead of the one that is looked at.
const FETCHED_AHEAD: usize = 8;
/// The same of those that are large.
const LARGE_FETCHED_AHEAD: usize = 2;
/// So many days are made before the progress is saved again: what a killed run does twice, at most.
const DAYS_BETWEEN_SAVES: usize = 16;

/// A run failed. What it has published stays; the next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum EtlError {
    /// The bucket did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An object is none that facts can be made of.
    #[error("{object}: {problem}")]
    Object {
        /// Its key.
        object: String,
        /// Why not.
        #[source]
        problem: ObjectProblem,
    },
}

/// Why no facts can be made of an object.
#[derive(Debug, thiserror::Error)]
pub enum ObjectProblem {
    /// Its content is not what it should be.
    #[error(transparent)]
    File(#[from] FileProblem),
    /// It says what counts of the archive.
    #[error("it is lost: there is {part}, and no archive object of that hour")]
    Lost {
        /// The key of what would not count without it.
        part: String,
    },
}

impl EtlError {
    fn star(object: impl Into<String>, error: StarError) -> Self {
        Self::object(object, FileProblem::from(error))
    }

    fn object(object: impl Into<String>, problem: impl Into<ObjectProblem>) -> Self {
        Self::Object {
            object: object.into(),
            problem: problem.into(),
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It did what there was to do, or what there was time for.
    Done(Rebuilt),
    /// Another run was faster. What this one has published is right; it did not go on.
    Forestalled,
}

/// What a run did. Days are counted from 1970-01-01.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Archive objects that it was the first to look at.
    pub objects: usize,
    /// Those that are left to the next run.
    pub unseen: usize,
    /// Days that it published, of any table.
    pub days: BTreeSet<i32>,
    /// Days that a gate held back.
    pub held_back: Vec<HeldBack>,
    /// Days of all tables that are left to the next run, those held back among them.
    pub pending: usize,
}

/// A day that was not published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// Of which table.
    pub table: StarTable,
    /// Which day.
    pub day: i32,
    /// What doesn't add up.
    pub why: String,
}

/// The star schema in a bucket.
#[derive(Debug)]
pub struct Etl<B> {
    bucket: B,
    until: i32,
}

impl<B: Objects> Etl<B> {
    /// Of the archive in `bucket`, and into it. The calendar goes to the day `until`, if the facts don't go further.
    pub const fn new(bucket: B, until: i32) -> Self {
        Self { bucket, until }
    }

    /// Publishes what is new, and `asked` days over again. Stops between two objects or days once `is_time_up`.
    pub async fn run(
        &self,
        asked: Option<RangeInclusive<i32>>,
        is_time_up: impl Fn() -> bool,
    ) -> Result<Ended, EtlError> {
        let bucket = &self.bucket;
        // Before the progress: what a run that builds on this one's progress publishes, this one doesn't replace.
        let published = self.published().await?;
        let (mut progress, mut version) = state::load::<Progress>(bucket).await?;
        let before = progress.clone();
        let mut dimensions = StoredDimensions::load(bucket).await?;
        let mut rebuilt = Rebuilt::default();
        let is_catalog_new = self.take_catalog(&mut progress, &mut dimensions).await?;
        // Before the listings: so they have what counts of each hour.
        let hours = self.compacted_hours().await?;
        for facts in Facts::ALL {
            let archived = self.archived(facts, hours.as_ref()).await?;
            let (looked_at, unseen) = self
                .index((facts, archived), &mut progress, &mut dimensions, &is_time_up)
                .await?;
            rebuilt.objects += looked_at;
            rebuilt.unseen += unseen;
        }
        if (is_catalog_new || rebuilt.objects > 0) && !dimensions.store(bucket).await? {
            return Ok(Ended::Forestalled);
        }
        if let Some(asked) = asked {
            for facts in Facts::ALL {
                let FactsProgress { objects, pending, .. } = progress.of_mut(facts);
                let known = objects.values().flat_map(|known| &known.days);
                pending.extend(known.filter(|day| asked.contains(day)));
            }
        }
        // From here on, whoever runs knows what is to be done.
        if progress != before {
            version = state::save(&progress, bucket, version.as_deref()).await?;
            if version.is_none() {
                return Ok(Ended::Forestalled);
            }
        }
        // Before the facts, so that each finds its day, country and way to pay.
        if let Some((first, last)) = days_of_facts(&progress)
            && !store_fixed(bucket, first..=last.max(self.until)).await?
        {
            return Ok(Ended::Forestalled);
        }
        let mut unsaved = 0;
        for facts in Facts::ALL {
            for day in progress.of(facts).pending.clone() {
                if is_time_up() {
                    break;
                }
                match self
                    .rebuild((facts, day), &progress, &dimensions, &published)
                    .await?
                {
                    Day::Published(totals) => {
                        let progress = progress.of_mut(facts);
                        progress.pending.remove(&day);
                        progress.days.insert(day, totals);
                        rebuilt.days.insert(day);
                        unsaved += 1;
                    }
                    Day::HeldBack(why) => rebuilt.held_back.push(HeldBack {
                        table: facts.table(),
                        day,
                        why,
                    }),
                    Day::Forestalled => return Ok(Ended::Forestalled),
                }
                if unsaved == DAYS_BETWEEN_SAVES {
                    version = state::save(&progress, bucket, version.as_deref()).await?;
                    if version.is_none() {
                        return Ok(Ended::Forestalled);
                    }
                    unsaved = 0;
                }
            }
        }
        if unsaved > 0
            && state::save(&progress, bucket, version.as_deref())
                .await?
                .is_none()
        {
            return Ok(Ended::Forestalled);
        }
        rebuilt.pending = progress.pending_days();
        Ok(Ended::Done(rebuilt))
    }

    /// Takes the catalog into the dimensions, if it is another than the last time; tells whether it is.
    async fn take_catalog(
        &self,
        progress: &mut Progress,
        dimensions: &mut StoredDimensions,
    ) -> Result<bool, EtlError> {
        let (mut parts, mut versions) = (Vec::new(), Versions::new());
        for table in CatalogTable::ALL {
            let listed = self.bucket.list(&catalog_prefix(*table)).await?;
            parts.extend(listed.keys().map(|key| (*table, key.clone())));
            versions.extend(listed);
        }
        if versions == progress.catalog {
            return Ok(false);
        }
        for (table, key) in parts {
            let Some((bytes, _)) = self.bucket.get(&key).await? else {
                continue;
            };
            let taken = take_part(&mut dimensions.all, table, bytes);
            taken.map_err(|problem| EtlError::object(key, problem))?;
        }
        progress.catalog = versions;
        Ok(true)
    }

    /// The files of the published days.
    async fn published(&self) -> Result<Versions, StoreError> {
        let mut published = Versions::new();
        for facts in Facts::ALL {
            let prefix = format!("warehouse/{}/", facts.table().as_str());
            published.extend(self.bucket.list(&prefix).await?);
        }
        Ok(published)
    }

    /// Which generation of an hour counts; `None` before the first one is compacted.
    async fn compacted_hours(&self) -> Result<Option<CompactedHours>, EtlError> {
        let key = compacted_hours_key();
        let file = self.bucket.get(&key).await?;
        let hours = file.map(|(file, _)| CompactedHours::read(file)).transpose();
        hours.map_err(|problem| EtlError::object(key, FileProblem::from(problem)))
    }

    /// The objects of a stream's archive that count.
    async fn archived(&self, facts: Facts, hours: Option<&CompactedHours>) -> Result<Versions, EtlError> {
        let stream = facts.stream();
        let archived = archive_objects(&self.bucket, &archive_prefix(stream)).await?;
        let compacted = self.bucket.list(&compacted_prefix(stream)).await?;
        if hours.is_none()
            && let Some(part) = first_without_archive(stream, &archived, &compacted)
        {
            let part = part.to_owned();
            return Err(EtlError::object(
                compacted_hours_key(),
                ObjectProblem::Lost { part },
            ));
        }
        let none = CompactedHours::default();
        let [small, large] = [&archived, &compacted].map(|listed| listed.keys().map(String::as_str));
        let counting = readable(stream, small, large, hours.unwrap_or(&none));
        let counting: BTreeSet<&str> = counting.into_iter().collect();
        let all = archived.iter().chain(&compacted);
        let all = all.filter(|(key, _)| counting.contains(key.as_str()));
        Ok(all.map(|(key, version)| (key.clone(), version.clone())).collect())
    }

    /// Notes the days and the members of objects that are new, and the days of those that are gone; tells how many new ones it has
    /// looked at, and how many are left.
    async fn index(
        &self,
        (facts, archived): (Facts, Versions),
        progress: &mut Progress,
        dimensions: &mut StoredDimensions,
        is_time_up: &impl Fn() -> bool,
    ) -> Result<(usize, usize), EtlError> {
        let FactsProgress { objects, pending, .. } = progress.of_mut(facts);
        objects.retain(|key, known| {
            let is_there = archived.get(key) == Some(&known.version);
            if !is_there {
                pending.extend(known.days.iter().copied());
            }
            is_there
        });
        let new = archived.keys().filter(|key| !objects.contains_key(*key));
        let new: Vec<&str> = new.map(String::as_str).collect();
        let (mut left, mut taken) = (new.len(), 0);
        let mut fetched = self.fetch(new);
        while let Some((key, object)) = fetched.try_next().await? {
            if is_time_up() {
                break;
            }
            left -= 1;
            let Some(bytes) = object else { continue };
            let looked_at = facts.look_at(&mut dimensions.all, bytes);
            let days = looked_at.map_err(|problem| EtlError::object(key, problem))?;
            pending.extend(days.iter().copied());
            let known = Archived {
                version: archived[key].clone(),
                days: days.into_iter().collect(),
            };
            objects.insert(key.to_owned(), known);
            taken += 1;
        }
        Ok((taken, left))
    }

    /// Compacted objects, then others, each in the order of the list; `None` for one that is gone.
    fn fetch<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k str>,
    ) -> impl TryStream<Ok = (&'k str, Option<Bytes>), Error = StoreError> + Unpin {
        let get = async |key| {
            let object = self.bucket.get(key).await?;
            Ok((key, object.map(|(bytes, _)| bytes)))
        };
        let (large, small): (Vec<_>, Vec<_>) =
            keys.into_iter().partition(|key| key.starts_with("compacted/"));
        let large = stream::iter(large).map(get).buffered(LARGE_FETCHED_AHEAD);
        Box::pin(large.chain(stream::iter(small).map(get).buffered(FETCHED_AHEAD)))
    }

    async fn rebuild(
        &self,
        (facts, day): (Facts, i32),
        progress: &Progress,
        dimensions: &StoredDimensions,
        published: &Versions,
    ) -> Result<Day, EtlError> {
        let Some(start) = Timestamp::of_day(day) else {
            return Ok(Day::HeldBack(format!("day {day} is not in the calendar")));
        };
        let key = star_key(facts.table(), Some(start));
        // Whatever is wrong with a day's rows is no reason to leave other days out.
        let unusable = |of: &str, problem: FileProblem| Ok(Day::HeldBack(format!("{of}: {problem}")));
        let mut open = match facts.begin(day, &dimensions.all) {
            Ok(open) => open,
            Err(problem) => return unusable(&key, problem),
        };
        let objects = progress.of(facts).objects.iter();
        let sources = objects.filter(|(_, known)| known.days.contains(&day));
        let mut fetched = self.fetch(sources.map(|(source, _)| source.as_str()));
        while let Some((source, object)) = fetched.try_next().await? {
            if let Err(problem) = open.add(object.ok_or_else(|| gone(source))?) {
                return unusable(source, problem);
            }
        }
        drop(fetched);
        let made = match open.finish() {
            Ok(made) => made,
            Err(problem) => return unusable(&key, problem),
        };
        if let Some(objection) = made.objection {
            return Ok(Day::HeldBack(objection));
        }
        let version = published.get(&key).map(String::as_str);
        // Where there was nothing, nothing is put; what is gone from the archive is taken out of its file.
        if made.totals.rows == 0 && version.is_none() {
            return Ok(Day::Published(made.totals));
        }
        match self.bucket.put(&key, made.bytes, version).await? {
            Some(_) => Ok(Day::Published(made.totals)),
            None => Ok(Day::Forestalled),
        }
    }
}

/// The first and the last day of facts, published or pending.
fn days_of_facts(progress: &Progress) -> Option<(i32, i32)> {
    let days = || {
        let of = |facts| {
            let FactsProgress { days, pending, .. } = progress.of(facts);
            days.keys().chain(pending).copied()
        };
        Facts::ALL.into_iter().flat_map(of)
    };
    days().min().zip(days().max())
}

/// The archive objects under a prefix.
pub(crate) async fn archive_objects(bucket: &impl Objects, prefix: &str) -> Result<Versions, StoreError> {
    let mut listed = bucket.list(prefix).await?;
    listed.retain(|key, _| is_archive_object(key));
    Ok(listed)
}

/// A part of an hour that has no archive objects, as only hours have that were compacted.
fn first_without_archive<'a>(
    stream: Stream,
    archived: &Versions,
    compacted: &'a Versions,
) -> Option<&'a str> {
    let hours = archived.keys().filter_map(|key| archived_hour(stream, key));
    let hours: BTreeSet<Timestamp> = hours.collect();
    let mut parts = compacted.keys().map(String::as_str);
    parts.find(|key| compacted_hour(stream, key).is_some_and(|(hour, _)| !hours.contains(&hour)))
}

/// A part of the catalog.
fn take_part(dimensions: &mut Dimensions, table: CatalogTable, part: Bytes) -> Result<(), FileProblem> {
    for batch in catalog_reader(table, part)? {
        match table {
            CatalogTable::Products => dimensions.take_products(&batch?)?,
            CatalogTable::Users => dimensions.users.take_catalog(&batch?)?,
        }
    }
    Ok(())
}

/// What became of a day.
enum Day {
    Published(Published),
    HeldBack(String),
    Forestalled,
}
