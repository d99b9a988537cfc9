//! From the published facts to the analytical tables.
//!
//! All tables are made before the first one is put, and none is put that a gate objects to: the facts must come to what
//! was published of them, day by day, and by region to the same. A table is one object, or one a snapshot of the
//! customers, that one put replaces. The same facts make the same bytes.

use std::collections::BTreeMap;
use std::sync::mpsc::sync_channel;
use std::thread;

use analytics::retail::Overflow;
use arrow::array::{Array as _, Int64Array, StringArray};
use aws::StoreError;
use aws::bucket::{Listed, Objects};
use bytes::Bytes;
use events::{EventType, Stream, Timestamp};
use warehouse::star::StarTable;
use warehouse::tables::AnalyticsTable;
use warehouse::{analytics_key, archive_prefix, star_key};

use crate::etl::{Progress, start_of};
use crate::tables::{self, TableError};
use crate::{Catalog, FactFile, FileError, FileProblem, SalesFacts, Snapshot, read_sales};
use warehouse::read::{optional, required, rows};

/// Files that are fetched ahead of the threads that read them.
const FILES_AHEAD: usize = 2;

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
        let (progress, _) = Progress::load(bucket).await?;
        if let Some(day) = progress.pending.first() {
            let days = progress.pending.len();
            return Ok(Analysed::HeldBack(format!(
                "{days} days have events that their facts don't, the first one is day {day}"
            )));
        }
        let stored: BTreeMap<String, String> = bucket
            .list("warehouse/")
            .await?
            .into_iter()
            .map(|Listed { key, version, .. }| (key, version))
            .collect();
        let facts = self.facts(&progress, as_of_day).await?;
        if let Some(objection) = objection(&progress, &facts)? {
            return Ok(Analysed::HeldBack(objection));
        }
        let last_order = facts.days.iter().rfind(|(_, day)| day.sales.orders > 0);
        let snapshot = last_order.and_then(|(day, _)| start_of(day.checked_add(1)?));
        let previous = self.previous(&stored, snapshot).await?;
        let catalog = self.catalog().await?;
        let views = self.views().await?;
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
        let (files, fetched) = sync_channel(FILES_AHEAD);
        let reader = thread::spawn(move || read_sales(fetched, as_of_day));
        let with_rows = progress.days.iter().filter(|(_, published)| published.rows > 0);
        for (day, start) in with_rows.filter_map(|(day, _)| Some((*day, start_of(*day)?))) {
            let name = star_key(StarTable::FactSales, Some(start));
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
        stored: &BTreeMap<String, String>,
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

    /// How often products were looked at, by the whole archive. A copy that was sent again counts again: to tell them apart
    /// would take all ids of all views.
    async fn views(&self) -> Result<BTreeMap<i64, i64>, AnalysisError> {
        let mut views = BTreeMap::new();
        for Listed { key, .. } in self.bucket.list(&archive_prefix(Stream::ProductViews)).await? {
            let counted = count_views(&mut views, self.get(&key).await?);
            counted.map_err(|problem| FileError { file: key, problem })?;
        }
        Ok(views)
    }

    async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        let object = self.bucket.get(key).await?;
        let gone = || StoreError::new("GetObject", key, "it was there when the run began");
        object.map(|(bytes, _)| bytes).ok_or_else(gone)
    }
}

fn count_views(views: &mut BTreeMap<i64, i64>, object: Bytes) -> Result<(), FileProblem> {
    for batch in rows(object, &["event_type", "product_id"])? {
        let batch = batch?;
        let event_types: &StringArray = required(&batch, "event_type")?;
        let product_ids: &Int64Array = optional(&batch, "product_id")?;
        for row in 0..batch.num_rows() {
            if event_types.value(row) == EventType::ProductView.as_str() && product_ids.is_valid(row) {
                *views.entry(product_ids.value(row)).or_default() += 1;
            }
        }
    }
    Ok(())
}

/// Why tables may not be made of facts, if they may not: orders and money must be those that were published, day by day, and
/// by region the same.
fn objection(progress: &Progress, facts: &SalesFacts) -> Result<Option<String>, Overflow> {
    for (day, published) in &progress.days {
        let sales = facts.days.get(day).map(|day| day.sales).unwrap_or_default();
        let orders = i128::from(sales.orders) + i128::from(sales.refunds);
        let checks = [
            ("orders", i128::from(published.orders), orders),
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
