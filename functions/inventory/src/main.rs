//! Entry point: settings, clients and telemetry once, then batch after batch, and a sweep each minute.

use aws::config::{ConfigError, JobSettings, Settings, StateSettings};
use aws::job::StreamJob;
use aws::runtime::{self, Trigger};
use aws::telemetry;
use inventory::{BucketCatalog, Inventory};
use lambda_runtime::Error;

fn read() -> Result<(JobSettings, StateSettings, inventory::Settings), ConfigError> {
    let settings = Settings::from_env();
    let job = JobSettings::read(&settings)?;
    let state = StateSettings::read(&settings)?;
    let inventory = inventory::Settings {
        inventory: settings.checked("INVENTORY_SETTINGS", analytics::inventory::Settings::check)?,
        policy: state.policy,
        transactions: settings.text("TRANSACTIONS_STREAM")?,
        pages_kept_days: job.metrics_retention_days,
    };
    Ok((job, state, inventory))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let (settings, state, inventory) = read().inspect_err(telemetry::log_failure)?;
    let sdk = aws::sdk_config().await;
    let job = StreamJob::new(settings.metrics(&sdk), runtime::lineage(&sdk));
    let catalog = BucketCatalog::new(aws_sdk_s3::Client::new(&sdk), state.bucket.clone());
    let alerts = state.alerts(&sdk, settings.metrics_retention_days);
    let inventory = Inventory::new(
        job,
        state.checkpoint(&sdk, "inventory"),
        catalog,
        alerts,
        inventory,
    );
    runtime::serve(&settings.function, async |trigger| match trigger {
        Trigger::Batch(batch) => inventory.job.handle_noting(batch, telemetry::now()).await,
        Trigger::Schedule => Ok(inventory.sweep(telemetry::now()).await?),
    })
    .await
}
