//! Entry point: settings, clients and telemetry once, then batch after batch.

use aws::config::Settings;
use aws::dynamo::MetricsTable;
use aws::{ShardLineage, telemetry};
use aws_lambda_events::event::kinesis::KinesisEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use sales::Sales;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = Settings::from_env();
    let table = settings.text("METRICS_TABLE")?;
    let retention_days = settings.parsed("METRICS_RETENTION_DAYS")?;
    let function = settings.text("AWS_LAMBDA_FUNCTION_NAME")?;
    let sdk = aws::sdk_config().await;
    let metrics = MetricsTable::new(aws_sdk_dynamodb::Client::new(&sdk), table, retention_days);
    let sales = Sales::new(metrics, ShardLineage::new(aws_sdk_kinesis::Client::new(&sdk)));
    let (sales, function) = (&sales, &function);
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
