//! From the published facts to the analytical tables.
//!
//! All tables are made before the first one is put, and none is put that a gate objects to: the facts must come to what
//! was published of them, day by day, and by region to the same. A table is one object, or one a snapshot of the
//! customers, that one put replaces. The same facts make the same bytes.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::mpsc::sync_channel;
use std::thread;

use analytics::retail::{Overflow, rfm};
use arrow::array::Int64Array;
use aws::StoreError;
use aws::bucket::{Objects, Versions, gone};
use bytes::Bytes;
use events::Timestamp;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use warehouse::star::StarTable;
use warehouse::tables::AnalyticsTable;
use warehouse::{analytics_key, star_key};

use crate::etl::{FactsProgress, Progress};
use crate::state;
use crate::tables::{self, TableError};
use crate::{Catalog, FactFile, FileError, FileProblem, SalesFacts, Snapshot, read_sales};
use warehouse::read::{required, rows};

/// Files of sales that are fetched ahead of the threads that read them.
const SALES_AHEAD: usize = 2;
/// Files of views, which are small, that are fetched ahead of the one that is read.
const VIEWS_AHEAD: usize = 8;

/// Tables could not be made. What is published stays.
#[derive(Debug, thiserror::Error)]
pub enum AnalysisError {
    /// The bucket did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The facts come to something that no table can hold.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl From<Overflow> for AnalysisError {
    fn from(overflow: Overflow) -> Self {
        Self::Table(overflow.into())
    }
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Analysed {
    /// The tables are those of the facts.
    Published,
    /// There are days whose facts are not those of the archive; the tables are as they were.
    Pending,
    /// A gate objected, for this reason; the tables are as they were.
    HeldBack(String),
    /// Another run was faster.
    Forestalled,
}

/// The analytical tables in a bucket.
#[derive(Debug)]
pub struct Analysis<B> {
    bucket: B,
}

impl<B: Objects> Analysis<B> {
    /// Of the facts in `bucket`, and into it.
    pub const fn new(bucket: B) -> Self {
        Self { bucket }
    }

    /// Makes all tables anew. `as_of_day`, since 1970-01-01, is the last one of which all sales are in.
    pub async fn run(&self, as_of_day: i32) -> Result<Analysed, AnalysisError> {
        let bucket = &self.bucket;
        let (progress, _) = state::load::<Progress>(bucket).await?;
        if progress.pending_days() > 0 {
            return Ok(Analysed::Pending);
        }
        let stored = bucket.list("warehouse/").await?;
        let facts = self.facts(&progress, as_of_day).await?;
        if let Some(objection) = objection(&progress, &facts)? {
            return Ok(Analysed::HeldBack(objection));
        }
        let last_order = facts.days.iter().rfind(|(_, day)| day.sales.orders > 0);
        let snapshot = last_order.and_then(|(day, _)| Timestamp::of_day(rfm::snapshot_day(*day)?));
        let previous = self.previous(&stored, snapshot).await?;
        let catalog = self.catalog().await?;
        let views = match self.views(&progress).await? {
            Ok(views) => views,
            Err(objection) => return Ok(Analysed::HeldBack(objection)),
        };
        for (table, bytes) in tables::all(facts, &catalog, views, &previous)? {
            // Without a customer there is no snapshot to keep.
            let Some(snapshot) = snapshot else { continue };
            let key = analytics_key(table, snapshot);
            let replaces = stored.get(&key).map(String::as_str);
            if bucket.put(&key, bytes.into(), replaces).await?.is_none() {
                return Ok(Analysed::Forestalled);
            }
        }
        Ok(Analysed::Published)
    }

    /// Fetches the days' files and has them read on other threads meanwhile.
    async fn facts(&self, progress: &Progress, as_of_day: i32) -> Result<SalesFacts, AnalysisError> {
        let (files, fetched) = sync_channel(SALES_AHEAD);
        let reader = thread::spawn(move || read_sales(fetched, as_of_day));
        for (day, name) in day_files(StarTable::FactSales, &progress.sales) {
            let content = self.get(&name).await?;
            // A reader that is gone has failed, and says why below.
            if files.send(FactFile { name, day, content }).is_err() {
                break;
            }
        }
        drop(files);
        let read = reader.join().expect("reading does not panic");
        Ok(read?)
    }

    /// The latest earlier snapshot.
    async fn previous(
        &self,
        stored: &Versions,
        snapshot: Option<Timestamp>,
    ) -> Result<Snapshot, AnalysisError> {
        let Some(snapshot) = snapshot else {
            return Ok(Snapshot::default());
        };
        let prefix = format!("warehouse/{}/", AnalyticsTable::CustomerSegments.as_str());
        let current = analytics_key(AnalyticsTable::CustomerSegments, snapshot);
        let earlier = stored.range(prefix..current).next_back();
        match earlier {
            Some((key, _)) => Ok(Snapshot::read(key, self.get(key).await?)?),
            None => Ok(Snapshot::default()),
        }
    }

    async fn catalog(&self) -> Result<Catalog, AnalysisError> {
        let key = star_key(StarTable::DimProduct, None);
        match self.bucket.get(&key).await? {
            Some((bytes, _)) => Ok(Catalog::read(&key, bytes)?),
            None => Ok(Catalog::default()),
        }
    }

    /// How often products were looked at. Fails for a day whose file is not the one that was published.
    async fn views(&self, progress: &Progress) -> Result<Result<BTreeMap<i64, i64>, String>, AnalysisError> {
        let mut views = BTreeMap::new();
        let files = day_files(StarTable::FactProductViews, &progress.views);
        let get = async |(day, file): (i32, String)| {
            let content = self.get(&file).await?;
            Ok::<_, StoreError>((day, file, content))
        };
        let mut fetched = pin!(stream::iter(files).map(get).buffered(VIEWS_AHEAD));
        while let Some((day, file, content)) = fetched.try_next().await? {
            let counted = count_views(&mut views, content);
            let found = counted.map_err(|problem| FileError { file, problem })?;
            let expected = progress
                .views
                .days
                .get(&day)
                .map_or(0, |published| published.events);
            if i128::from(found) != i128::from(expected) {
                return Ok(Err(format!(
                    "views of day {day} should be {expected} and is {found}"
                )));
            }
        }
        Ok(Ok(views))
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        let object = self.bucket.get(key).await?;
        object.map(|(bytes, _)| bytes).ok_or_else(|| gone(key))
    }
}

/// The files of published days that have rows, in order.
fn day_files(table: StarTable, progress: &FactsProgress) -> impl Iterator<Item = (i32, String)> {
    let with_rows = progress.days.iter().filter(|(_, published)| published.rows > 0);
    with_rows.filter_map(move |(day, _)| Some((*day, star_key(table, Some(Timestamp::of_day(*day)?)))))
}

/// Adds a day's views by product; tells how many they are.
fn count_views(views: &mut BTreeMap<i64, i64>, file: Bytes) -> Result<i64, FileProblem> {
    let mut in_all = 0;
    for batch in rows(file, &["product_id", "views"])? {
        let batch = batch?;
        let product_ids: &Int64Array = required(&batch, "product_id")?;
        let counts: &Int64Array = required(&batch, "views")?;
        for (product_id, count) in product_ids.values().iter().zip(counts.values()) {
            *views.entry(*product_id).or_default() += count;
            in_all += count;
        }
    }
    Ok(in_all)
}

/// Why tables may not be made of facts, if they may not: orders and money must be those that were published, day by day, and
/// by region the same.
fn objection(progress: &Progress, facts: &SalesFacts) -> Result<Option<String>, Overflow> {
    for (day, published) in &progress.sales.days {
        let sales = facts.days.get(day).map(|day| day.sales).unwrap_or_default();
        let orders = i128::from(sales.orders) + i128::from(sales.refunds);
        let checks = [
            ("orders", i128::from(published.events), orders),
            ("net_minor", published.net_minor, sales.net_minor()),
        ];
        if let Some((name, expected, found)) =
            checks.into_iter().find(|(_, expected, found)| expected != found)
        {
            return Ok(Some(format!(
                "{name} of day {day} should be {expected} and is {found}"
            )));
        }
    }
    let by_day: i128 = facts.days.values().map(|day| day.sales.net_minor()).sum();
    let months = facts.regions.months()?;
    let by_region: i128 = months.iter().map(|month| i128::from(month.sales.net_minor)).sum();
    Ok((by_day != by_region).then(|| format!("net_minor by region is {by_region}, by day {by_day}")))
}
