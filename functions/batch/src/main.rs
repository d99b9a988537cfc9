//! Entry point: settings, clients and telemetry once, then run after run.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use aws::bucket::Bucket;
use aws::config::{ConfigError, Settings, StateSettings};
use aws::telemetry;
use aws_config::SdkConfig;
use batch::athena::Athena;
use batch::{Batch, Engine, Report, Request, compaction};
use events::MS_PER_MINUTE;
use lambda_runtime::{Error, LambdaEvent, service_fn};

/// A record may be of any age that its mapping lets it have, and then wait for a batch and be archived.
const MS_TO_ARCHIVE: i64 = 15 * MS_PER_MINUTE;

/// What the function is set to.
struct Read {
    function: String,
    state: StateSettings,
    metrics_retention_days: u32,
    engine: EngineName,
    workgroup: String,
    database: String,
    compaction: compaction::Settings,
}

enum EngineName {
    Embedded,
    Athena,
}

impl FromStr for EngineName {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "embedded" => Ok(Self::Embedded),
            "athena" => Ok(Self::Athena),
            _ => Err("it is embedded or athena"),
        }
    }
}

fn read() -> Result<Read, ConfigError> {
    let settings = Settings::from_env();
    let max_record_age_s: u32 = settings.parsed("MAXIMUM_RECORD_AGE_SECONDS")?;
    let step_s: u32 = settings.parsed("COMPACTION_STEP_SECONDS")?;
    Ok(Read {
        function: settings.text("AWS_LAMBDA_FUNCTION_NAME")?,
        state: StateSettings::read(&settings)?,
        metrics_retention_days: settings.parsed("METRICS_RETENTION_DAYS")?,
        engine: settings.parsed("BATCH_ENGINE")?,
        workgroup: settings.text("ATHENA_WORKGROUP")?,
        database: settings.text("ATHENA_DATABASE")?,
        compaction: compaction::Settings {
            closed_after_ms: i64::from(max_record_age_s) * 1_000 + MS_TO_ARCHIVE,
            step_ms: i64::from(step_s) * 1_000,
        },
    })
}

fn engine(read: &Read, sdk: &SdkConfig) -> Engine<Athena> {
    match read.engine {
        EngineName::Embedded => Engine::Embedded,
        EngineName::Athena => Engine::Athena(Athena::new(
            aws_sdk_athena::Client::new(sdk),
            read.workgroup.clone(),
            read.database.clone(),
            read.state.bucket.clone(),
        )),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let read = read().inspect_err(telemetry::log_failure)?;
    let sdk = aws::sdk_config().await;
    let bucket = Bucket::new(aws_sdk_s3::Client::new(&sdk), read.state.bucket.clone());
    let alerts = read.state.alerts(&sdk, read.metrics_retention_days);
    let settings = batch::Settings {
        policy: read.state.policy,
        compaction: read.compaction,
    };
    let batch = Batch::new(bucket, alerts, engine(&read, &sdk), settings);
    let (batch, function) = (&batch, read.function.as_str());
    lambda_runtime::run(service_fn(|event: LambdaEvent<Request>| async move {
        let began = SystemTime::now();
        let time = event.context.deadline().duration_since(began);
        let time = time.unwrap_or(Duration::ZERO);
        let time_used = || match began.elapsed() {
            Ok(elapsed) if elapsed < time => elapsed.as_secs_f64() / time.as_secs_f64(),
            _ => 1.0,
        };
        let run = batch.run(&event.payload, telemetry::now(), time_used);
        let report = Box::pin(run).await.inspect_err(telemetry::log_failure)?;
        for objection in &report.objections {
            tracing::error!(of = objection.of, "a gate is closed: {}", objection.why);
        }
        report.counts().emit(function);
        Ok::<Report, Error>(report)
    }))
    .await
}
