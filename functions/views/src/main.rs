//! Entry point: settings, clients and telemetry once, then batch after batch.

use aws::config::{JobSettings, Settings};
use aws::{runtime, telemetry};
use lambda_runtime::Error;
use views::Views;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let settings = JobSettings::read(&Settings::from_env()).inspect_err(telemetry::log_failure)?;
    let sdk = aws::sdk_config().await;
    let views = Views::new(settings.metrics(&sdk), runtime::lineage(&sdk));
    runtime::serve(&settings.function, async |event| views.handle(event).await).await
}
