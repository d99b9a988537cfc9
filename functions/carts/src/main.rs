//! Entry point: settings, clients and telemetry once, then batch after batch, and a sweep each minute.

use analytics::carts::CartSettings;
use aws::config::{ConfigError, JobSettings, Settings, StateSettings};
use aws::job::StreamJob;
use aws::runtime::{self, Trigger};
use aws::telemetry;
use carts::Carts;
use events::{MS_PER_DAY, Stream};
use lambda_runtime::Error;

fn read() -> Result<(JobSettings, StateSettings, carts::Settings), ConfigError> {
    let settings = Settings::from_env();
    let job = JobSettings::read(&settings)?;
    let state = StateSettings::read(&settings)?;
    let timeout_seconds: u32 = settings.parsed("CART_TIMEOUT_SECONDS")?;
    let timeout_ms = i64::from(timeout_seconds) * 1_000;
    let carts = CartSettings {
        timeout_ms,
        alert_value_minor: settings.parsed("CART_ALERT_MINOR")?,
        // A day after it was abandoned a cart may still be bought.
        abandoned_memory_ms: timeout_ms + MS_PER_DAY,
        // As long as the figures that they make.
        minutes_memory_ms: i64::from(job.metrics_retention_days) * MS_PER_DAY,
        ..CartSettings::default()
    };
    let streams = vec![
        (Stream::CartEvents, settings.text("CART_EVENTS_STREAM")?),
        (Stream::Transactions, settings.text("TRANSACTIONS_STREAM")?),
    ];
    let carts = carts::Settings {
        carts,
        policy: state.policy,
        streams,
        pages_kept_days: job.metrics_retention_days,
    };
    Ok((job, state, carts))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let (settings, state, carts) = read().inspect_err(telemetry::log_failure)?;
    let sdk = aws::sdk_config().await;
    let job = StreamJob::new(settings.metrics(&sdk), runtime::lineage(&sdk));
    let alerts = state.alerts(&sdk, settings.metrics_retention_days);
    let carts = Carts::new(job, state.checkpoint(&sdk, "carts"), alerts, carts);
    runtime::serve(&settings.function, async |trigger| match trigger {
        Trigger::Batch(batch) => carts.job.handle_noting(batch, telemetry::now()).await,
        Trigger::Schedule => Ok(carts.sweep(telemetry::now()).await?),
    })
    .await
}
