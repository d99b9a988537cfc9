//! Between AWS and the core: batches from Kinesis, exactly-once effects on DynamoDB and S3, configuration, telemetry.
//!
//! The two protocols that make effects exact, [`partials`] and [`objects`], are written against narrow ports, so that a
//! simulator can interrupt them anywhere; [`dynamo`] and [`s3`] are those ports on the real services.

pub mod batch;
pub mod config;
pub mod dynamo;
mod lineage;
pub mod objects;
pub mod partials;
pub mod s3;
mod sequence;
mod store;
pub mod telemetry;

pub use lineage::{Lineage, ShardLineage};
pub use sequence::{InvalidSequence, Sequence};
pub use store::{InvocationError, Saved, StoreError};

/// The SDK's configuration, from its own variables: region, credentials and, on a local stack, the endpoint.
pub async fn sdk_config() -> aws_config::SdkConfig {
    aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await
}
