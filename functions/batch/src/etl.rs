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

mod dimensions;
mod gate;
mod progress;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use aws::StoreError;
use aws::bucket::Objects;
use bytes::Bytes;
use events::Stream;
use warehouse::star::{
    DayFacts, Dimensions, StarError, StarTable, catalog_reader, event_days, transactions_reader,
};
use warehouse::{CatalogTable, archive_prefix, catalog_prefix, star_key};

pub(crate) use self::dimensions::start_of;
use self::dimensions::{StoredDimensions, store_fixed};
use self::gate::Control;
pub(crate) use self::progress::Progress;
use self::progress::Published;
use crate::FileProblem;

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
        problem: FileProblem,
    },
}

impl EtlError {
    fn star(object: impl Into<String>, error: StarError) -> Self {
        Self::object(object, error.into())
    }

    fn object(object: impl Into<String>, problem: FileProblem) -> Self {
        Self::Object {
            object: object.into(),
            problem,
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
    /// Archive objects that it had not seen before.
    pub objects: usize,
    /// Days that it published.
    pub days: Vec<i32>,
    /// Days that a gate held back, and why.
    pub held_back: Vec<(i32, String)>,
    /// Days that are left to the next run, those held back among them.
    pub pending: usize,
}

/// The star schema in a bucket.
#[derive(Debug)]
pub struct Etl<B> {
    bucket: B,
}

impl<B: Objects> Etl<B> {
    /// Of the archive in `bucket`, and into it.
    pub const fn new(bucket: B) -> Self {
        Self { bucket }
    }

    /// Publishes what is new, and `asked` days over again. Stops between two objects or days once `is_time_up`.
    pub async fn run(
        &self,
        asked: Option<RangeInclusive<i32>>,
        is_time_up: impl Fn() -> bool,
    ) -> Result<Ended, EtlError> {
        let bucket = &self.bucket;
        let (mut progress, mut version) = Progress::load(bucket).await?;
        let before = progress.clone();
        let mut dimensions = StoredDimensions::load(bucket).await?;
        let mut rebuilt = Rebuilt::default();
        let is_catalog_new = self.take_catalog(&mut progress, &mut dimensions).await?;
        rebuilt.objects = self.index(&mut progress, &mut dimensions, &is_time_up).await?;
        if (is_catalog_new || rebuilt.objects > 0) && !dimensions.store(bucket).await? {
            return Ok(Ended::Forestalled);
        }
        if let Some(asked) = asked {
            let known = progress.objects.values().flatten().copied();
            progress.pending.extend(known.filter(|day| asked.contains(day)));
        }
        // From here on, whoever runs knows what is to be done.
        if progress != before {
            version = progress.save(bucket, version.as_deref()).await?;
            if version.is_none() {
                return Ok(Ended::Forestalled);
            }
        }
        let published = self.published_versions().await?;
        let mut unsaved = 0;
        for day in progress.pending.clone() {
            if is_time_up() {
                break;
            }
            match self.rebuild(day, &progress, &dimensions, &published).await? {
                Day::Published(totals) => {
                    progress.pending.remove(&day);
                    progress.days.insert(day, totals);
                    rebuilt.days.push(day);
                    unsaved += 1;
                }
                Day::HeldBack(why) => rebuilt.held_back.push((day, why)),
                Day::Forestalled => return Ok(Ended::Forestalled),
            }
            if unsaved == DAYS_BETWEEN_SAVES {
                version = progress.save(bucket, version.as_deref()).await?;
                if version.is_none() {
                    return Ok(Ended::Forestalled);
                }
                unsaved = 0;
            }
        }
        if let (Some((first, _)), Some((last, _))) =
            (progress.days.first_key_value(), progress.days.last_key_value())
            && !store_fixed(bucket, (*first, *last)).await?
        {
            return Ok(Ended::Forestalled);
        }
        if unsaved > 0 && progress.save(bucket, version.as_deref()).await?.is_none() {
            return Ok(Ended::Forestalled);
        }
        rebuilt.pending = progress.pending.len();
        Ok(Ended::Done(rebuilt))
    }

    /// Takes the catalog into the dimensions, if it is another than the last time; tells whether it is.
    async fn take_catalog(
        &self,
        progress: &mut Progress,
        dimensions: &mut StoredDimensions,
    ) -> Result<bool, EtlError> {
        let mut listed = Vec::new();
        for table in CatalogTable::ALL {
            let parts = self.bucket.list(&catalog_prefix(*table)).await?;
            listed.extend(parts.into_iter().map(|part| (*table, part)));
        }
        let versions: BTreeMap<String, String> = listed
            .iter()
            .map(|(_, part)| (part.key.clone(), part.version.clone()))
            .collect();
        if versions == progress.catalog {
            return Ok(false);
        }
        for (table, part) in listed {
            let Some((bytes, _)) = self.bucket.get(&part.key).await? else {
                continue;
            };
            let taken = take_part(&mut dimensions.all, table, bytes);
            taken.map_err(|problem| EtlError::object(part.key, problem))?;
        }
        progress.catalog = versions;
        Ok(true)
    }

    /// Notes the days and the members of objects that are new, and the days of those that are gone; tells how many are new.
    async fn index(
        &self,
        progress: &mut Progress,
        dimensions: &mut StoredDimensions,
        is_time_up: &impl Fn() -> bool,
    ) -> Result<usize, EtlError> {
        let listed = self.bucket.list(&archive_prefix(Stream::Transactions)).await?;
        let there: BTreeSet<&str> = listed.iter().map(|object| object.key.as_str()).collect();
        let Progress { objects, pending, .. } = progress;
        objects.retain(|key, days| {
            let is_there = there.contains(key.as_str());
            if !is_there {
                pending.extend(days.iter().copied());
            }
            is_there
        });
        let mut new = 0;
        for object in &listed {
            if objects.contains_key(&object.key) {
                continue;
            }
            if is_time_up() {
                break;
            }
            let Some((bytes, _)) = self.bucket.get(&object.key).await? else {
                continue;
            };
            let days = look_at(&mut dimensions.all, bytes)
                .map_err(|problem| EtlError::object(object.key.as_str(), problem))?;
            pending.extend(days.iter().copied());
            objects.insert(object.key.clone(), days.into_iter().collect());
            new += 1;
        }
        Ok(new)
    }

    /// The versions of the days' files, by key.
    async fn published_versions(&self) -> Result<BTreeMap<String, String>, StoreError> {
        let prefix = format!("warehouse/{}/", StarTable::FactSales.as_str());
        let listed = self.bucket.list(&prefix).await?;
        Ok(listed.into_iter().map(|file| (file.key, file.version)).collect())
    }

    async fn rebuild(
        &self,
        day: i32,
        progress: &Progress,
        dimensions: &StoredDimensions,
        published: &BTreeMap<String, String>,
    ) -> Result<Day, EtlError> {
        let Some(start) = start_of(day) else {
            return Ok(Day::HeldBack(format!("day {day} is not in the calendar")));
        };
        let key = star_key(StarTable::FactSales, Some(start));
        let mut facts =
            DayFacts::new(day, &dimensions.all).map_err(|error| EtlError::star(key.as_str(), error))?;
        let mut control = Control::new(day);
        let sources = progress.objects.iter().filter(|(_, days)| days.contains(&day));
        for (source, _) in sources {
            let gone = || StoreError::new("GetObject", source.as_str(), "it was there when the run began");
            let (bytes, _) = self.bucket.get(source).await?.ok_or_else(gone)?;
            let added = add_source(&mut facts, &mut control, bytes);
            added.map_err(|problem| EtlError::object(source.as_str(), problem))?;
        }
        let named = |error| EtlError::star(key.as_str(), error);
        let file = facts.finish().map_err(named)?;
        let objection = control
            .objection(&file)
            .map_err(|problem| EtlError::object(key.as_str(), problem))?;
        if let Some(objection) = objection {
            return Ok(Day::HeldBack(objection));
        }
        let totals = Published::from(&file.totals);
        let version = published.get(&key).map(String::as_str);
        let Some(bytes) = file.bytes else {
            return Ok(Day::Published(totals));
        };
        match self.bucket.put(&key, bytes.into(), version).await? {
            Some(_) => Ok(Day::Published(totals)),
            None => Ok(Day::Forestalled),
        }
    }
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

/// The days of an archive object; takes its members.
fn look_at(dimensions: &mut Dimensions, object: Bytes) -> Result<BTreeSet<i32>, FileProblem> {
    let mut days = BTreeSet::new();
    for batch in transactions_reader(object)? {
        let batch = batch?;
        days.extend(event_days(&batch)?);
        dimensions.infer(&batch)?;
    }
    Ok(days)
}

/// An archive object of a day.
fn add_source(
    facts: &mut DayFacts<'_, Dimensions>,
    control: &mut Control,
    source: Bytes,
) -> Result<(), FileProblem> {
    for batch in transactions_reader(source.clone())? {
        facts.add(&batch?)?;
    }
    control.add(source)
}

/// What became of a day.
enum Day {
    Published(Published),
    HeldBack(String),
    Forestalled,
}
