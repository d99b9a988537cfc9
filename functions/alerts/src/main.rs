//! Entry point: settings, clients and telemetry once, then changes after changes, and each minute those that went quiet.

use alerts::{AlertMessages, SnsTopic};
use analytics::alerts::Policy;
use aws::config::{ConfigError, Settings};
use aws::dynamo::AlertsTable;
use aws::{runtime, telemetry};
use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use lambda_runtime::Error;
use serde::Deserialize;

struct Config {
    function: String,
    alerts_table: String,
    retention_days: u32,
    marks_table: String,
    topic: String,
    policy: Policy,
}

impl Config {
    fn read() -> Result<Self, ConfigError> {
        let settings = Settings::from_env();
        Ok(Self {
            function: settings.text("AWS_LAMBDA_FUNCTION_NAME")?,
            alerts_table: settings.text("ALERTS_TABLE")?,
            retention_days: settings.parsed("METRICS_RETENTION_DAYS")?,
            marks_table: settings.text("MARKS_TABLE")?,
            topic: settings.text("ALERTS_TOPIC")?,
            policy: settings.checked("ALERT_SETTINGS", Policy::check)?,
        })
    }
}

/// Changes of the table, or none: then the minute is over.
#[derive(Deserialize)]
struct Trigger {
    #[serde(rename = "Records", default)]
    records: Vec<EventRecord>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let config = Config::read().inspect_err(telemetry::log_failure)?;
    let sdk = aws::sdk_config().await;
    let topic = SnsTopic::new(aws_sdk_sns::Client::new(&sdk), config.topic);
    // An alert that comes back after both are gone begins anew, with marks of its own.
    let marks = runtime::marks(&sdk, config.marks_table).kept_for(config.retention_days);
    let table = AlertsTable::new(
        aws_sdk_dynamodb::Client::new(&sdk),
        config.alerts_table,
        config.retention_days,
    );
    let alerts = AlertMessages::new(topic, marks, table, config.policy);
    runtime::serve(&config.function, async |Trigger { records }| {
        Ok(if records.is_empty() {
            alerts.expire(telemetry::now()).await?
        } else {
            let mut changes = Event::default();
            changes.records = records;
            alerts.publish(changes).await?
        })
    })
    .await
}
