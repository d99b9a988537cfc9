//! Entry point: settings, clients and telemetry once, then batch after batch.

use aws::config::{ConfigError, Settings};
use aws::dynamo::MetricsTable;
use aws::{ShardLineage, telemetry};
use aws_lambda_events::event::kinesis::KinesisEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use sales::Sales;

struct Config {
    function: String,
    metrics_table: String,
    metrics_retention_days: u32,
}

impl Config {
    fn from_env() -> Result<Self, ConfigError> {
        let settings = Settings::from_env();
        Ok(Self {
            function: settings.text("AWS_LAMBDA_FUNCTION_NAME")?,
            metrics_table: settings.text("METRICS_TABLE")?,
            metrics_retention_days: settings.parsed("METRICS_RETENTION_DAYS")?,
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let config = Config::from_env().inspect_err(telemetry::log_failure)?;
    let sdk = aws::sdk_config().await;
    let dynamo = aws_sdk_dynamodb::Client::new(&sdk);
    let metrics = MetricsTable::new(dynamo, config.metrics_table, config.metrics_retention_days);
    let sales = Sales::new(metrics, ShardLineage::new(aws_sdk_kinesis::Client::new(&sdk)));
    let (sales, function) = (&sales, &config.function);
    lambda_runtime::run(service_fn(|event: LambdaEvent<KinesisEvent>| async move {
        let counts = sales
            .handle(event.payload)
            .await
            .inspect_err(telemetry::log_failure)?;
        counts.emit(function);
        Ok::<_, Error>(())
    }))
    .await
}
