//! The deployed functions in this process: the real handlers with real clients, each behind a proxy of its own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use alerts::{AlertMessages, SnsTopic};
use analytics::alerts::Policy;
use analytics::carts::CartSettings;
use anomalies::Anomalies;
use anyhow::Context as _;
use archive::Archive;
use aws::ShardLineage;
use aws::config::{JobSettings, StateSettings};
use aws::dynamo::{AlertsTable, MarksTable, MetricsTable};
use aws::job::StreamJob;
use aws::s3::{BucketLog, CheckpointObject};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_lambda_events::event::dynamodb;
use aws_lambda_events::event::kinesis::KinesisEvent;
use bytes::Bytes;
use carts::Carts;
use events::{Stream, Timestamp};
use inventory::{BucketCatalog, Inventory};
use sales::Sales;
use serde_json::{Value, json};
use views::Views;

use super::meter::{Change, Meter};
use super::proxy::Proxy;
use super::template::Template;
use crate::stack::STAGE;

/// The jobs, and the streams that they read.
pub(crate) const JOBS: [(&str, &[Stream]); 6] = [
    ("sales", &[Stream::Transactions]),
    ("views", &[Stream::ProductViews]),
    ("carts", &[Stream::CartEvents, Stream::Transactions]),
    ("anomalies", &[Stream::Transactions]),
    ("inventory", &[Stream::Transactions]),
    ("archive", Stream::ALL),
];
/// Those that sweep each minute.
pub(crate) const SWEEPING: [&str; 4] = ["carts", "anomalies", "inventory", "alerts"];
/// The template's default.
const RETENTION_DAYS: u32 = 90;

/// All of them, and who reads their bill.
pub(crate) struct Functions {
    sales: Sales<MetricsTable, ShardLineage>,
    views: Views<MetricsTable, ShardLineage>,
    carts: Carts<MetricsTable, ShardLineage, CheckpointObject, AlertsTable>,
    anomalies: Anomalies<MetricsTable, ShardLineage, MarksTable, CheckpointObject, AlertsTable>,
    inventory: Inventory<MetricsTable, ShardLineage, CheckpointObject, BucketCatalog, AlertsTable>,
    archive: Archive<BucketLog>,
    alerts: AlertMessages<SnsTopic, MarksTable, AlertsTable>,
    template: Template,
    meter: Arc<Mutex<Meter>>,
    _proxies: Vec<Proxy>,
}

impl Functions {
    /// Starts all, against the services of a local stack.
    pub(crate) async fn start(
        services: SocketAddr,
        template: Template,
        meter: Arc<Mutex<Meter>>,
    ) -> anyhow::Result<Self> {
        let mut proxies = Vec::new();
        let mut sdk = async |job| {
            let proxy = Proxy::start(job, services, Arc::clone(&meter)).await?;
            let sdk = sdk_config(proxy.address).await;
            proxies.push(proxy);
            anyhow::Ok(sdk)
        };
        let (sales, views) = (sdk("sales").await?, sdk("views").await?);
        let (carts, anomalies) = (sdk("carts").await?, sdk("anomalies").await?);
        let (inventory, archive, alerts) = (
            sdk("inventory").await?,
            sdk("archive").await?,
            sdk("alerts").await?,
        );
        let state = StateSettings {
            alerts_table: resource("alerts"),
            bucket: warehouse(),
            policy: Policy::default(),
        };
        let told = |sdk: &SdkConfig| state.alerts(sdk, RETENTION_DAYS);
        let dynamo = aws_sdk_dynamodb::Client::new;
        Ok(Self {
            sales: Sales::new(metrics(&sales), lineage(&sales)),
            views: Views::new(metrics(&views), lineage(&views)),
            carts: Carts::new(
                StreamJob::new(metrics(&carts), lineage(&carts)),
                state.checkpoint(&carts, "carts"),
                told(&carts),
                carts_settings(),
            ),
            anomalies: Anomalies::new(
                StreamJob::new(metrics(&anomalies), lineage(&anomalies)),
                marks(&anomalies),
                state.checkpoint(&anomalies, "anomalies"),
                told(&anomalies),
                anomalies_settings(),
            ),
            inventory: Inventory::new(
                StreamJob::new(metrics(&inventory), lineage(&inventory)),
                state.checkpoint(&inventory, "inventory"),
                BucketCatalog::new(aws_sdk_s3::Client::new(&inventory), warehouse()),
                told(&inventory),
                inventory_settings(),
            ),
            archive: Archive::new(BucketLog::new(
                aws_sdk_s3::Client::new(&archive),
                warehouse(),
                marks(&archive),
            )),
            alerts: AlertMessages::new(
                SnsTopic::new(
                    aws_sdk_sns::Client::new(&alerts),
                    format!("arn:aws:sns:us-east-1:000000000000:{}.fifo", resource("alerts")),
                ),
                marks(&alerts),
                AlertsTable::new(dynamo(&alerts), resource("alerts"), RETENTION_DAYS),
                Policy::default(),
            ),
            template,
            meter,
            _proxies: proxies,
        })
    }

    /// Hands a batch to a job, as the runtime does: its time includes reading the invocation's text.
    pub(crate) async fn batch(&self, job: &'static str, text: &Bytes, now: Timestamp) -> anyhow::Result<()> {
        let began = Instant::now();
        let event: KinesisEvent = serde_json::from_slice(text)?;
        let done = match job {
            "sales" => self.sales.handle(event).await,
            "views" => self.views.handle(event).await,
            "carts" => self.carts.job.handle_noting(event, now).await,
            "anomalies" => self.anomalies.handle(event, now).await,
            "inventory" => self.inventory.job.handle_noting(event, now).await,
            _ => self.archive.handle(event).await,
        };
        done.with_context(|| format!("a batch of {job}"))?;
        self.invoked(job, began)
    }

    /// The minute is over for a job.
    pub(crate) async fn sweep(&self, job: &'static str, now: Timestamp) -> anyhow::Result<()> {
        let began = Instant::now();
        let done = match job {
            "carts" => self.carts.sweep(now).await,
            "anomalies" => self.anomalies.sweep(now).await,
            "inventory" => self.inventory.sweep(now).await,
            _ => self.alerts.expire(now).await,
        };
        done.with_context(|| format!("a sweep of {job}"))?;
        self.invoked(job, began)
    }

    /// Tells of the alerts that changed, as the table's stream does.
    pub(crate) async fn tell(&self) -> anyhow::Result<()> {
        let changes = self.meter().take_changes();
        for changes in changes.chunks(100) {
            let records: Vec<Value> = changes.iter().map(record).collect();
            let began = Instant::now();
            let event: dynamodb::Event = serde_json::from_value(json!({ "Records": records }))?;
            self.alerts.publish(event).await?;
            self.invoked("alerts", began)?;
        }
        Ok(())
    }

    /// Who reads the bill.
    pub(crate) fn meter(&self) -> std::sync::MutexGuard<'_, Meter> {
        self.meter.lock().expect("nothing panics while it holds this")
    }

    fn invoked(&self, job: &'static str, began: Instant) -> anyhow::Result<()> {
        let memory_mb = self.template.memory_mb(job)?;
        self.meter().bill.invocation(job, memory_mb, began.elapsed());
        Ok(())
    }
}

/// The SDK with an endpoint.
pub(crate) async fn sdk_config(endpoint: SocketAddr) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(format!("http://{endpoint}"))
        .region(Region::from_static("us-east-1"))
        .test_credentials()
        .load()
        .await
}

/// A resource of the local stack.
pub(crate) fn resource(name: &str) -> String {
    format!("globalmart-{STAGE}-{name}")
}

/// Its bucket of Parquet files.
pub(crate) fn warehouse() -> String {
    resource("warehouse-000000000000")
}

fn metrics(sdk: &SdkConfig) -> MetricsTable {
    let settings = JobSettings {
        function: String::new(),
        metrics_table: resource("metrics"),
        metrics_retention_days: RETENTION_DAYS,
    };
    settings.metrics(sdk)
}

fn marks(sdk: &SdkConfig) -> MarksTable {
    MarksTable::new(aws_sdk_dynamodb::Client::new(sdk), resource("marks"))
}

fn lineage(sdk: &SdkConfig) -> ShardLineage {
    ShardLineage::new(aws_sdk_kinesis::Client::new(sdk))
}

fn carts_settings() -> carts::Settings {
    let stream = |stream: Stream| (stream, resource(stream.as_str()));
    carts::Settings {
        carts: CartSettings::default(),
        policy: Policy::default(),
        streams: vec![stream(Stream::CartEvents), stream(Stream::Transactions)],
        pages_kept_days: RETENTION_DAYS,
    }
}

fn anomalies_settings() -> anomalies::Settings {
    anomalies::Settings {
        detectors: analytics::anomalies::Settings::default(),
        policy: Policy::default(),
        transactions: resource(Stream::Transactions.as_str()),
        pages_kept_days: RETENTION_DAYS,
    }
}

fn inventory_settings() -> inventory::Settings {
    inventory::Settings {
        inventory: analytics::inventory::Settings::default(),
        policy: Policy::default(),
        transactions: resource(Stream::Transactions.as_str()),
        pages_kept_days: RETENTION_DAYS,
    }
}

/// A change as the table's stream tells it.
fn record(change: &Change) -> Value {
    let name = if change.old.is_some() { "MODIFY" } else { "INSERT" };
    let mut images =
        json!({ "NewImage": change.new, "SizeBytes": 1, "StreamViewType": "NEW_AND_OLD_IMAGES" });
    if let Some(old) = &change.old {
        images["OldImage"] = old.clone();
    }
    json!({
        "awsRegion": "us-east-1", "eventID": "1", "eventName": name, "eventSource": "aws:dynamodb", "dynamodb": images,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_as_one_of_the_tables_stream() {
        let item = |seen: &str| json!({ "last_seen": { "S": seen } });
        let change = Change {
            old: Some(item("1")),
            new: item("2"),
        };
        let event = json!({ "Records": [record(&change)] });
        let event: dynamodb::Event = serde_json::from_value(event).unwrap();
        let images = &event.records[0].change;
        assert_eq!((images.new_image.len(), images.old_image.len()), (1, 1));
        assert_ne!(images.new_image, images.old_image);
    }
}
