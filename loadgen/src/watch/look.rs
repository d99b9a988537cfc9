//! Reads what every panel needs, all at once.

use std::collections::BTreeMap;
use std::time::Duration;

use analytics::Partial;
use analytics::alerts::{Alert, Sighting, Signal, Status};
use analytics::anomalies::AnomaliesPartial;
use analytics::carts::{CartMinute, CartsPartial, TopCarts};
use analytics::inventory::{InventoryPartial, Stock};
use analytics::sales::SalesPartial;
use aws::StoreError;
use aws::dynamo::{AlertsTable, MetricsTable};
use aws::job::window;
use aws::s3::CheckpointObject;
use aws::sweep::{self, Checkpoint};
use aws_config::retry::RetryConfig;
use events::{MS_PER_MINUTE, Minute, Timestamp};
use tokio::time::timeout;

use super::figures::{
    AlertsFigures, AnomaliesFigures, CartsFigures, InventoryFigures, MOST_ALERTS, MinuteSales, MovedUnits,
    Panel, Purchased, SalesFigures, Snapshot, ViewsFigures, ViewsRead, Window,
};
use super::minutes::Minutes;
use crate::deployment::Deployment;
use crate::failure::{Failure, causes};
use crate::jobs::{Job, Jobs};
use crate::sink::preflight::Aws;

const SCHEMA_VERSION: u32 = 1;
/// How long a panel waits for what it needs. What came by then is not read again.
const PATIENCE: Duration = Duration::from_secs(10);
/// Retention matters to writers only.
const NO_WRITES_DAYS: u32 = 0;
/// So far ahead of the clock an event may be.
const AHEAD_MS: i64 = 5 * MS_PER_MINUTE;

/// Where the figures are.
#[derive(Debug)]
pub(super) struct Places {
    metrics: MetricsTable,
    alerts: AlertsTable,
    inventory: CheckpointObject,
}

impl Places {
    /// Finds those of a stage, or fails with what is missing.
    pub(super) async fn open(aws: &Aws, stage: &str) -> Result<Self, Failure> {
        let deployment = Deployment::open(aws, stage).await?;
        let dynamo =
            aws_sdk_dynamodb::config::Builder::from(&aws.config).retry_config(RetryConfig::standard());
        let dynamo = aws_sdk_dynamodb::Client::from_conf(dynamo.build());
        let alerts = format!("globalmart-{stage}-alerts");
        Ok(Self {
            metrics: deployment.metrics().clone(),
            alerts: AlertsTable::new(dynamo, alerts, NO_WRITES_DAYS),
            inventory: CheckpointObject::new(deployment.s3, deployment.warehouse, Job::Inventory.as_str()),
        })
    }

    async fn pages<P: Partial>(&self, minute: Minute) -> Result<Vec<P>, StoreError> {
        let pages = self.metrics.read_window::<P>(&window(P::FAMILY, minute)).await?;
        Ok(pages.into_iter().map(|page| page.partial).collect())
    }

    async fn merged<P: Partial>(&self, minute: Minute) -> Result<P, StoreError> {
        let mut merged = P::default();
        let pages = self.pages::<P>(minute).await?;
        pages.iter().for_each(|page| merged.merge(page));
        Ok(merged)
    }

    async fn stock(&self) -> Result<Option<Stock>, StoreError> {
        let stored = sweep::load::<Stock, Vec<Signal>>(&self.inventory).await?;
        Ok(stored.map(|(Checkpoint { state, .. }, _)| state))
    }

    async fn swept_carts(
        &self,
        first: Minute,
        last: Minute,
    ) -> Result<BTreeMap<Minute, CartMinute>, StoreError> {
        self.metrics.figures(CartsPartial::FAMILY, first, last).await
    }

    async fn top_carts(&self) -> Result<Option<TopCarts>, StoreError> {
        self.metrics.latest(CartsPartial::FAMILY).await
    }

    async fn open_alerts(&self, now: Timestamp) -> Result<Vec<Alert>, StoreError> {
        let ever = Timestamp::from_ms(0).expect("1970 is in the calendar");
        self.alerts
            .latest(Status::Open, ever, now.plus_ms(AHEAD_MS), MOST_ALERTS)
            .await
    }
}

/// What was read so far.
#[derive(Debug)]
pub(super) struct Watcher {
    places: Places,
    stage: String,
    jobs: Jobs,
    minutes: i64,
    sales: Minutes<MinuteSales>,
    views: ViewsRead,
    carts: Minutes<CartsPartial>,
    findings: Minutes<Vec<Sighting>>,
    moved: Minutes<MovedUnits>,
}

/// What came of reading for a panel; `None` where its job does not run.
type Outcome<T> = Option<Result<T, String>>;

impl Watcher {
    /// Looks at so many minutes of a stage.
    pub(super) fn new(places: Places, stage: &str, jobs: Jobs, minutes: i64) -> Self {
        Self {
            places,
            stage: stage.to_owned(),
            jobs,
            minutes,
            sales: Minutes::default(),
            views: ViewsRead::default(),
            carts: Minutes::default(),
            findings: Minutes::default(),
            moved: Minutes::default(),
        }
    }

    /// The figures at `now`.
    pub(super) async fn look(&mut self, now: Timestamp) -> Snapshot {
        let window = Window {
            now: now.minute(),
            minutes: self.minutes,
        };
        let (places, jobs) = (&self.places, &self.jobs);
        let (from, to) = (window.read_from(), window.now);
        let views_from = to.plus(-2 * self.minutes);
        let (sales, views, carts, findings, moved) = (
            self.sales.refresh(from, to, async |minute| {
                let sales: SalesPartial = places.merged(minute).await?;
                Ok(sales.into())
            }),
            self.views
                .minutes
                .refresh(views_from, to, |minute| places.pages(minute)),
            self.carts.refresh(from, to, |minute| places.merged(minute)),
            self.findings.refresh(from, to, |minute| {
                places.metrics.findings(AnomaliesPartial::FAMILY, minute)
            }),
            self.moved.refresh(from, to, async |minute| {
                let moved: InventoryPartial = places.merged(minute).await?;
                Ok(moved.products())
            }),
        );
        let carts =
            async { tokio::try_join!(carts, places.swept_carts(window.first(), to), places.top_carts()) };
        let inventory = async { tokio::try_join!(moved, places.stock()) };
        let (sales, views, carts, findings, inventory, alerts) = tokio::join!(
            outcome(jobs.has(Job::Sales), sales),
            outcome(jobs.has(Job::Views), views),
            outcome(jobs.has(Job::Carts), carts),
            outcome(jobs.has(Job::Anomalies), findings),
            outcome(jobs.has(Job::Inventory), inventory),
            outcome(jobs.iter().any(tells_alerts), places.open_alerts(now)),
        );
        let carts =
            carts.map(|done| done.map(|((), swept, top)| CartsFigures::of(&self.carts, &swept, top, window)));
        let sales = sales.map(|done| done.map(|()| SalesFigures::of(&self.sales, window)));
        let inventory = inventory
            .map(|done| done.map(|((), stock)| InventoryFigures::of(stock.as_ref(), &self.moved, window)));
        let sold = match (&sales, &inventory) {
            (Some(Ok(sales)), _) => Some(sales.units),
            (_, Some(Ok(inventory))) => Some(inventory.units_sold),
            _ => None,
        };
        let others = Purchased {
            sales: matches!(sales, Some(Ok(_))).then_some(&self.sales),
            carts: matches!(carts, Some(Ok(_))).then_some(&self.carts),
            moved: matches!(inventory, Some(Ok(_))).then_some(&self.moved),
            sold,
        };
        Snapshot {
            schema_version: SCHEMA_VERSION,
            stage: self.stage.clone(),
            now,
            minutes: self.minutes,
            views: panel(views.map(|done| done.map(|()| ViewsFigures::of(&mut self.views, others, window)))),
            sales: panel(sales),
            carts: panel(carts),
            anomalies: panel(
                findings.map(|done| done.map(|()| AnomaliesFigures::of(&self.findings, window))),
            ),
            inventory: panel(inventory),
            alerts: panel(alerts.map(|done| done.map(|alerts| AlertsFigures::of(&alerts)))),
        }
    }
}

/// Whether a job tells of conditions that become alerts.
const fn tells_alerts(job: Job) -> bool {
    matches!(job, Job::Carts | Job::Anomalies | Job::Inventory | Job::Batch)
}

/// What a panel's reading comes to: a reason instead of an error, so that the others go on.
async fn outcome<T>(is_wanted: bool, read: impl Future<Output = Result<T, StoreError>>) -> Outcome<T> {
    if !is_wanted {
        return None;
    }
    let done = timeout(PATIENCE, read).await;
    Some(match done {
        Ok(done) => done.map_err(|error| causes(&error)),
        Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
    })
}

fn panel<T>(outcome: Outcome<T>) -> Option<Panel<T>> {
    outcome.map(|done| match done {
        Ok(figures) => Panel::Figures(figures),
        Err(error) => Panel::Unreadable { error },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where nothing can be read.
    fn nowhere() -> Places {
        let dynamo = aws_sdk_dynamodb::Config::builder()
            .behavior_version_latest()
            .build();
        let dynamo = aws_sdk_dynamodb::Client::from_conf(dynamo);
        let s3 = aws_sdk_s3::Config::builder().behavior_version_latest().build();
        let s3 = aws_sdk_s3::Client::from_conf(s3);
        Places {
            metrics: MetricsTable::new(dynamo.clone(), "metrics".to_owned(), NO_WRITES_DAYS),
            alerts: AlertsTable::new(dynamo, "alerts".to_owned(), NO_WRITES_DAYS),
            inventory: CheckpointObject::new(s3, "warehouse".to_owned(), "inventory"),
        }
    }

    #[tokio::test]
    async fn alerts_are_looked_at_for_each_job_that_tells_any() {
        for (job, is_wanted) in [
            ("sales", false),
            ("views", false),
            ("carts", true),
            ("anomalies", true),
            ("inventory", true),
            ("archive", false),
            ("batch", true),
        ] {
            let mut watcher = Watcher::new(nowhere(), "dev", job.parse().unwrap(), 5);
            let snapshot = Box::pin(watcher.look(Timestamp::from_ms(0).unwrap())).await;
            assert_eq!(snapshot.alerts.is_some(), is_wanted, "{job}");
        }
    }

    #[tokio::test]
    async fn a_panel_that_cannot_be_read_has_a_reason() {
        let failing = async { Err::<(), _>(StoreError::new("Query", "sales#now", "throttled")) };
        let error = outcome(true, failing).await.unwrap().unwrap_err();
        assert!(
            error.contains("sales#now") && error.contains("throttled"),
            "{error}"
        );
        assert_eq!(outcome(true, async { Ok(1) }).await, Some(Ok(1)));
        assert_eq!(outcome(false, async { Ok(()) }).await, None);
    }
}
