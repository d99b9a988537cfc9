//! Entry point: settings, clients and telemetry once, then batch after batch.

use archive::Archive;
use aws::config::Settings;
use aws::dynamo::MarksTable;
use aws::s3::BucketLog;
use aws::telemetry;
use aws_lambda_events::event::kinesis::KinesisEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = Settings::from_env();
    let bucket = settings.text("WAREHOUSE_BUCKET")?;
    let marks_table = settings.text("MARKS_TABLE")?;
    let function = settings.text("AWS_LAMBDA_FUNCTION_NAME")?;
    let sdk = aws::sdk_config().await;
    let marks = MarksTable::new(aws_sdk_dynamodb::Client::new(&sdk), marks_table);
    let archive = Archive::new(BucketLog::new(aws_sdk_s3::Client::new(&sdk), bucket, marks));
    let (archive, function) = (&archive, &function);
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
