//! Finds out before a run whether it can work: region, credentials, endpoint, streams.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::ProvideCredentials;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::types::StreamStatus;
use events::Stream;
use tokio::time::timeout;

use super::shards::Shards;
use crate::failure::{Failure, causes};
use crate::plan::Plan;

/// How long each question of the preflight may take. Where there is no instance metadata, asking it can hang.
const PATIENCE: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// What the SDK found in its environment.
#[derive(Clone, Debug)]
pub struct Aws {
    /// Region, credentials, endpoint.
    pub config: SdkConfig,
    /// Where Kinesis is, for messages.
    pub endpoint: String,
}

impl Aws {
    /// Asks the SDK's own variables and files. `kinesis_endpoint` is what `AWS_ENDPOINT_URL_KINESIS` holds.
    pub async fn from_environment(kinesis_endpoint: Option<String>) -> Result<Self, Failure> {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .load();
        let no_region =
            || Failure::run("no AWS region: set AWS_REGION (for the local stack: `source .local/env`)");
        let config = timeout(PATIENCE, config).await.map_err(|_| no_region())?;
        let region = config.region().ok_or_else(no_region)?;
        let endpoint = kinesis_endpoint
            .or_else(|| config.endpoint_url().map(str::to_owned))
            .unwrap_or_else(|| format!("https://kinesis.{region}.amazonaws.com"));
        Ok(Self { config, endpoint })
    }

    /// A client that tries each call once: sending again is decided here, not in the SDK.
    #[must_use]
    pub fn kinesis(&self) -> Client {
        Client::from_conf(
            aws_sdk_kinesis::config::Builder::from(&self.config)
                .retry_config(RetryConfig::disabled())
                .build(),
        )
    }

    /// The account that a stream is in.
    pub async fn account_of(&self, client: &Client, stream_name: &str) -> Result<String, Failure> {
        self.check_credentials().await?;
        let arn = self.check_stream(client, stream_name).await?;
        // arn:aws:kinesis:REGION:ACCOUNT:stream/NAME
        let account = arn.split(':').nth(4).filter(|account| !account.is_empty());
        account
            .map(str::to_owned)
            .ok_or_else(|| Failure::run(format!("the ARN of {stream_name}, `{arn}`, names no account")))
    }

    /// The shards of each stream, or what is wrong and what to do about it.
    pub async fn check(&self, client: &Client, plan: &Plan) -> Result<Vec<Arc<Shards>>, Failure> {
        self.check_credentials().await?;
        let mut shards = Vec::with_capacity(Stream::ALL.len());
        for stream in Stream::ALL {
            let name = plan.stream_name(*stream);
            self.check_stream(client, &name).await?;
            let of_stream = Shards::list(client, &name).await.map_err(|error| {
                Failure::run(format!(
                    "cannot list the shards of {name} at {} ({error}): allow kinesis:ListShards",
                    self.endpoint
                ))
            })?;
            shards.push(Arc::new(of_stream));
        }
        Ok(shards)
    }

    async fn check_credentials(&self) -> Result<(), Failure> {
        let missing = |detail: &str| {
            Failure::run(format!(
                "no AWS credentials{detail}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (for the local stack: \
                 `source .local/env`)"
            ))
        };
        let provider = self.config.credentials_provider().ok_or_else(|| missing(""))?;
        match timeout(PATIENCE, provider.provide_credentials()).await {
            Ok(Ok(_)) => Ok(()),
            // Nothing is configured: what each provider lacks would be a page of text.
            Ok(Err(CredentialsError::CredentialsNotLoaded(_))) => Err(missing("")),
            Ok(Err(error)) => Err(missing(&format!(" ({})", causes(&error)))),
            Err(_) => Err(missing(" within 5 seconds")),
        }
    }

    /// The ARN of a stream that can be used.
    async fn check_stream(&self, client: &Client, name: &str) -> Result<String, Failure> {
        let endpoint = &self.endpoint;
        let unreachable = |detail: &str| {
            Failure::run(format!(
                "cannot reach Kinesis at {endpoint} ({detail}): start the local stack with `make up`, or correct \
                 AWS_ENDPOINT_URL or AWS_REGION"
            ))
        };
        let asked = timeout(
            PATIENCE,
            client.describe_stream_summary().stream_name(name).send(),
        )
        .await;
        let summary = match asked {
            Err(_) => return Err(unreachable("no answer within 5 seconds")),
            Ok(Ok(output)) => output.stream_description_summary,
            Ok(Err(SdkError::ServiceError(error))) => {
                let error = error.err();
                return Err(Failure::run(if error.is_resource_not_found_exception() {
                    format!(
                        "no stream {name} at {endpoint}: deploy the stack with `make up`, or name another --stage"
                    )
                } else {
                    format!(
                        "Kinesis at {endpoint} refuses to describe {name} ({}: {}): check the credentials and their permissions",
                        error.code().unwrap_or("unknown error"),
                        error.message().unwrap_or("no message"),
                    )
                }));
            }
            Ok(Err(SdkError::ResponseError(error))) => {
                return Err(Failure::run(format!(
                    "what answers at {endpoint} is not Kinesis (HTTP status {}): correct AWS_ENDPOINT_URL",
                    error.raw().status()
                )));
            }
            Ok(Err(error)) => return Err(unreachable(&causes(&error))),
        };
        match summary {
            None => Err(unreachable("an empty answer")),
            Some(summary)
                if matches!(
                    summary.stream_status,
                    StreamStatus::Creating | StreamStatus::Deleting
                ) =>
            {
                Err(Failure::run(format!(
                    "the stream {name} at {endpoint} is being created or deleted: try again shortly"
                )))
            }
            Some(summary) => Ok(summary.stream_arn),
        }
    }
}
