//! A function's settings, read once at its start from the environment.

use std::str::FromStr;

use analytics::alerts::Policy;
use aws_config::SdkConfig;
use serde::de::DeserializeOwned;

use crate::dynamo::{AlertsTable, MetricsTable};
use crate::s3::CheckpointObject;

/// A setting is missing or malformed. The function does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is not set, or set to nothing.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// It is set to something else than it takes.
    #[error("the environment variable {name} is `{value}`: {reason}")]
    Malformed {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it takes.
        reason: String,
    },
}

/// Where settings come from: the environment, or a table in a test.
pub struct Settings<F>(F);

impl Settings<fn(&str) -> Option<String>> {
    /// The process's environment.
    #[must_use]
    pub fn from_env() -> Self {
        Self(|name| std::env::var(name).ok())
    }
}

impl<F: Fn(&str) -> Option<String>> Settings<F> {
    /// Settings by lookup.
    pub fn new(lookup: F) -> Self {
        Self(lookup)
    }

    /// A setting that must be there.
    pub fn text(&self, name: &'static str) -> Result<String, ConfigError> {
        (self.0)(name)
            .filter(|value| !value.is_empty())
            .ok_or(ConfigError::Missing(name))
    }

    /// A setting that must be there and be a `T`.
    pub fn parsed<T: FromStr<Err: ToString>>(&self, name: &'static str) -> Result<T, ConfigError> {
        let value = self.text(name)?;
        value.parse().map_err(|error: T::Err| ConfigError::Malformed {
            name,
            value,
            reason: error.to_string(),
        })
    }
}

impl<F: Fn(&str) -> Option<String>> Settings<F> {
    /// A setting that is a JSON object of those fields that are not to have their defaults, which must pass a check.
    pub fn checked<T: DeserializeOwned, E: ToString>(
        &self,
        name: &'static str,
        check: impl Fn(&T) -> Result<(), E>,
    ) -> Result<T, ConfigError> {
        let value = self.text(name)?;
        let read = serde_json::from_str::<T>(&value).map_err(|error| error.to_string());
        read.and_then(|settings| {
            check(&settings)
                .map(|()| settings)
                .map_err(|error| error.to_string())
        })
        .map_err(|reason| ConfigError::Malformed { name, value, reason })
    }
}

/// What every job on a stream is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSettings {
    /// The function's name.
    pub function: String,
    /// The table of metrics.
    pub metrics_table: String,
    /// How long an item of it is kept.
    pub metrics_retention_days: u32,
}

impl JobSettings {
    /// Reads them.
    pub fn read<F: Fn(&str) -> Option<String>>(settings: &Settings<F>) -> Result<Self, ConfigError> {
        Ok(Self {
            function: settings.text("AWS_LAMBDA_FUNCTION_NAME")?,
            metrics_table: settings.text("METRICS_TABLE")?,
            metrics_retention_days: settings.parsed("METRICS_RETENTION_DAYS")?,
        })
    }

    /// The table of metrics.
    #[must_use]
    pub fn metrics(&self, sdk: &SdkConfig) -> MetricsTable {
        let client = aws_sdk_dynamodb::Client::new(sdk);
        MetricsTable::new(client, self.metrics_table.clone(), self.metrics_retention_days)
    }
}

/// What every job that sweeps is set to besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSettings {
    /// The table of alerts.
    pub alerts_table: String,
    /// The bucket of its checkpoint.
    pub bucket: String,
    /// When alerts belong together.
    pub policy: Policy,
}

impl StateSettings {
    /// Reads them.
    pub fn read<F: Fn(&str) -> Option<String>>(settings: &Settings<F>) -> Result<Self, ConfigError> {
        Ok(Self {
            alerts_table: settings.text("ALERTS_TABLE")?,
            bucket: settings.text("WAREHOUSE_BUCKET")?,
            policy: settings.checked("ALERT_SETTINGS", Policy::check)?,
        })
    }

    /// The table of alerts, which are kept for `retention_days`.
    #[must_use]
    pub fn alerts(&self, sdk: &SdkConfig, retention_days: u32) -> AlertsTable {
        let client = aws_sdk_dynamodb::Client::new(sdk);
        AlertsTable::new(client, self.alerts_table.clone(), retention_days)
    }

    /// The checkpoint of a job.
    #[must_use]
    pub fn checkpoint(&self, sdk: &SdkConfig, job: &str) -> CheckpointObject {
        CheckpointObject::new(aws_sdk_s3::Client::new(sdk), self.bucket.clone(), job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        let settings = Settings::new(|name| (name == "DAYS").then(|| "ninety".to_owned()));
        assert_eq!(settings.text("TABLE"), Err(ConfigError::Missing("TABLE")));
        assert_eq!(
            settings.parsed::<u32>("DAYS").unwrap_err().to_string(),
            "the environment variable DAYS is `ninety`: invalid digit found in string"
        );
        assert_eq!(Settings::new(|_| Some("90".into())).parsed("DAYS"), Ok(90));
        assert_eq!(
            Settings::new(|_| Some(String::new())).text("DAYS"),
            Err(ConfigError::Missing("DAYS"))
        );
    }
}
