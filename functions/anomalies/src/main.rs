//! Entry point: settings, clients and telemetry once, then batch after batch, and a sweep each minute.

use anomalies::Anomalies;
use aws::config::{ConfigError, JobSettings, Settings, StateSettings};
use aws::job::StreamJob;
use aws::runtime::{self, Trigger};
use aws::telemetry;
use lambda_runtime::Error;

struct Config {
    job: JobSettings,
    state: StateSettings,
    marks_table: String,
    anomalies: anomalies::Settings,
}

impl Config {
    fn read() -> Result<Self, ConfigError> {
        let settings = Settings::from_env();
        let job = JobSettings::read(&settings)?;
        let state = StateSettings::read(&settings)?;
        Ok(Self {
            anomalies: anomalies::Settings {
                detectors: settings.checked("ANOMALY_SETTINGS", analytics::anomalies::Settings::check)?,
                policy: state.policy,
                transactions: settings.text("TRANSACTIONS_STREAM")?,
                pages_kept_days: job.metrics_retention_days,
            },
            state,
            marks_table: settings.text("MARKS_TABLE")?,
            job,
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let config = Config::read().inspect_err(telemetry::log_failure)?;
    let sdk = aws::sdk_config().await;
    let job = StreamJob::new(config.job.metrics(&sdk), runtime::lineage(&sdk));
    let marks = runtime::marks(&sdk, config.marks_table);
    let alerts = config.state.alerts(&sdk, config.job.metrics_retention_days);
    let checkpoint = config.state.checkpoint(&sdk, "anomalies");
    let anomalies = Anomalies::new(job, marks, checkpoint, alerts, config.anomalies);
    runtime::serve(&config.job.function, async |trigger| match trigger {
        Trigger::Batch(batch) => anomalies.handle(batch, telemetry::now()).await,
        Trigger::Schedule => Ok(anomalies.sweep(telemetry::now()).await?),
    })
    .await
}
