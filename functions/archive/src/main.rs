//! Entry point: settings, clients and telemetry once, then batch after batch.

use archive::Archive;
use aws::config::{ConfigError, Settings};
use aws::dynamo::MarksTable;
use aws::s3::BucketLog;
use aws::telemetry;
use aws_lambda_events::event::kinesis::KinesisEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};

struct Config {
    function: String,
    marks_table: String,
    warehouse_bucket: String,
}

impl Config {
    fn from_env() -> Result<Self, ConfigError> {
        let settings = Settings::from_env();
        Ok(Self {
            function: settings.text("AWS_LAMBDA_FUNCTION_NAME")?,
            marks_table: settings.text("MARKS_TABLE")?,
            warehouse_bucket: settings.text("WAREHOUSE_BUCKET")?,
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let config = Config::from_env().inspect_err(telemetry::log_failure)?;
    let sdk = aws::sdk_config().await;
    let marks = MarksTable::new(aws_sdk_dynamodb::Client::new(&sdk), config.marks_table);
    let log = BucketLog::new(aws_sdk_s3::Client::new(&sdk), config.warehouse_bucket, marks);
    let archive = Archive::new(log);
    let (archive, function) = (&archive, &config.function);
    lambda_runtime::run(service_fn(|event: LambdaEvent<KinesisEvent>| async move {
        let counts = archive
            .handle(event.payload)
            .await
            .inspect_err(telemetry::log_failure)?;
        counts.emit(function);
        Ok::<_, Error>(())
    }))
    .await
}
