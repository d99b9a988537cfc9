//! From the published facts to the analytical tables, by Athena: for more facts than one function goes through.
//!
//! The queries are those of `infra/athena/batch`. Athena unloads what they answer as Parquet, in any order; a run brings
//! that into the table's columns and the order of its key, and publishes it as [`Analysis`](crate::analysis::Analysis)
//! does: the same rows are the same bytes. A table's rows are held at a time.
//!
//! Tables that are made of facts come first, and no table is put unless what they come to is what was published of the
//! facts. Those that other queries read are published next; the others once all of them are made. A run that fails in
//! between leaves the rest to the next one.

mod control;
mod queries;
mod service;
mod unloaded;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use aws::StoreError;
use aws::bucket::{Objects, Versions};
use events::Timestamp;
use futures::future::try_join_all;
use warehouse::analytics_key;
use warehouse::star::StarError;
use warehouse::tables::AnalyticsTable;

use self::control::Control;
use self::queries::{DAYS, select};
pub use self::service::Athena;
use self::unloaded::{Rows, day_figures};
pub use self::unloaded::{UnloadedError, UnloadedProblem};
use crate::analysis::Analysed;
use crate::etl::Progress;
use crate::state;
use crate::tables::{TableError, TableFile};

/// Tables that are made of facts alone.
const OF_FACTS: [AnalyticsTable; 4] = [
    AnalyticsTable::CustomerSegments,
    AnalyticsTable::SalesTrends,
    AnalyticsTable::SalesByRegion,
    AnalyticsTable::ProductPerformance,
];
/// So many of those, the first ones, are read by the queries of [`OF_TABLES`].
const READ_BY_OTHERS: usize = 2;
/// Tables that are made of tables.
const OF_TABLES: [AnalyticsTable; 5] = [
    AnalyticsTable::RfmCutPoints,
    AnalyticsTable::SegmentMigration,
    AnalyticsTable::SalesWeekdayIndex,
    AnalyticsTable::SalesForecast,
    AnalyticsTable::SalesForecastError,
];

/// Who answers queries.
pub trait Queries: Sync {
    /// Writes what a query answers as Parquet files, none or some, whose keys begin with `prefix`. A prefix is for one
    /// query, once.
    fn unload(&self, select: &str, prefix: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl<Q: Queries> Queries for &Q {
    fn unload(&self, select: &str, prefix: &str) -> impl Future<Output = Result<(), StoreError>> + Send {
        (**self).unload(select, prefix)
    }
}

/// Tables could not be made. What is published stays.
#[derive(Debug, thiserror::Error)]
pub enum AthenaError {
    /// The bucket or Athena did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What a query left cannot be used.
    #[error(transparent)]
    Unloaded(#[from] UnloadedError),
    /// A table cannot be written, or the last complete day is not in the calendar.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl From<StarError> for AthenaError {
    fn from(error: StarError) -> Self {
        Self::Table(error.into())
    }
}

/// The analytical tables in a bucket that Athena reads.
#[derive(Debug)]
pub struct AthenaAnalysis<B, Q> {
    bucket: B,
    queries: Q,
}

/// What a run builds on.
struct Run {
    as_of_date: String,
    /// Where queries leave their answers.
    prefix: String,
    /// The version of the progress.
    progress: Option<String>,
    /// The warehouse's objects.
    stored: Versions,
    snapshot: Timestamp,
}

impl<B: Objects, Q: Queries> AthenaAnalysis<B, Q> {
    /// Of the facts in `bucket`, and into it; `queries` are answered into it, too.
    pub const fn new(bucket: B, queries: Q) -> Self {
        Self { bucket, queries }
    }

    /// Makes all tables anew. `as_of_day`, since 1970-01-01, is the last one of which all sales are in.
    pub async fn run(&self, as_of_day: i32) -> Result<Analysed, AthenaError> {
        let as_of_date = Timestamp::of_day(as_of_day)
            .ok_or(StarError::Day(as_of_day))?
            .date();
        let (progress, version) = state::load::<Progress>(&self.bucket).await?;
        if progress.pending_days() > 0 {
            return Ok(Analysed::Pending);
        }
        let Some(mut control) = Control::new(&progress, as_of_day) else {
            // Without facts there is nothing to ask.
            return Ok(Analysed::Published);
        };
        let stored = self.bucket.list("warehouse/").await?;
        let prefix = format!("athena-results/batch/{as_of_date}-{:016x}/", chance());

        let days = format!("{prefix}fact_sales/");
        self.queries.unload(DAYS, &days).await?;
        let days = Rows::read(&self.bucket, &days, day_figures()).await?;
        if let Some(objection) = control.objection_to_facts(&days)? {
            return Ok(Analysed::HeldBack(objection));
        }
        // Without a customer there is no snapshot to keep.
        let Some(snapshot) = control.snapshot_day().and_then(Timestamp::of_day) else {
            return Ok(Analysed::Published);
        };
        let run = Run {
            as_of_date,
            prefix,
            progress: version,
            stored,
            snapshot,
        };
        self.make(&run, &control).await
    }

    async fn make(&self, run: &Run, control: &Control) -> Result<Analysed, AthenaError> {
        self.unload(run, &OF_FACTS).await?;
        let mut made = Vec::new();
        for table in OF_FACTS {
            let rows = self.rows(run, table).await?;
            if let Some(objection) = control.objection(table, &rows)? {
                return Ok(Analysed::HeldBack(objection));
            }
            made.push((table, rows.encode(table)?));
        }
        let of_facts = made.split_off(READ_BY_OTHERS);
        if !self.publish(run, made).await? {
            return Ok(Analysed::Forestalled);
        }
        self.unload(run, &OF_TABLES).await?;
        let mut made = of_facts;
        for table in OF_TABLES {
            made.push((table, self.rows(run, table).await?.encode(table)?));
        }
        let is_published = self.publish(run, made).await?;
        Ok(if is_published {
            Analysed::Published
        } else {
            Analysed::Forestalled
        })
    }

    /// Has tables' queries answered, all at a time.
    async fn unload(&self, run: &Run, tables: &[AnalyticsTable]) -> Result<(), StoreError> {
        let unload = async |table: &AnalyticsTable| {
            let select = select(*table, &run.as_of_date);
            self.queries.unload(&select, &run.prefix_of(*table)).await
        };
        try_join_all(tables.iter().map(unload)).await.map(drop)
    }

    async fn rows(&self, run: &Run, table: AnalyticsTable) -> Result<Rows, AthenaError> {
        Rows::read(&self.bucket, &run.prefix_of(table), table.schema()).await
    }

    /// Puts tables; false if another run was faster, or has changed the facts meanwhile.
    async fn publish(&self, run: &Run, tables: Vec<TableFile>) -> Result<bool, StoreError> {
        let (_, progress) = state::load::<Progress>(&self.bucket).await?;
        if progress != run.progress {
            return Ok(false);
        }
        for (table, bytes) in tables {
            let key = analytics_key(table, run.snapshot);
            let replaces = run.stored.get(&key).map(String::as_str);
            if self.bucket.put(&key, bytes.into(), replaces).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Run {
    fn prefix_of(&self, table: AnalyticsTable) -> String {
        format!("{}{}/", self.prefix, table.as_str())
    }
}

/// A number that no other run has.
fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}
